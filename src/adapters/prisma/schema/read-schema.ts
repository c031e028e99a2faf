import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StateNames } from '../../../dialects/state-statements.js'
import type { TableName } from '../../../dialects/table.js'
import { RowshiftError } from '../../../errors/rowshift-error.js'
import type { TableChoice } from '../../schema.js'
import type { PrismaRegistry } from '../registry.js'
import { isStateTable } from '../state-table-names.js'
import { prismaFailed, requirePrisma, runPrisma } from './prisma-command.js'
import type { PrismaProject } from './prisma-project.js'
import { goneModels, type ModelChange, readChanges } from './read-changes.js'
import { parseField, parseSchema, type SchemaBlock, writeField, writeSchema } from './schema-text.js'
import { intermediateSchemas, type SchemaText } from './stages.js'

/** The statements of a change, as Prisma writes them, in the order in which they are safe. */
export interface PrismaStages {
  readonly expand: string
  readonly contract: string
}

/** How the models differ from the tables, and Prisma's statements from one to the other. */
export interface PrismaSchema {
  readonly tables: readonly ModelChange[]
  /** What Prisma would do at once: empty when nothing differs. */
  readonly whole: string
  stages(
    choices: ReadonlyMap<string, TableChoice>,
    renameColumn: (table: TableName, from: string, to: string) => string,
  ): Promise<PrismaStages>
  /** Removes its temporary files. */
  release(): Promise<void>
}

/**
 * Compares the schema files with the database, which must have had every migration. Changes nothing.
 * @throws RowshiftError MIGRATIONS_PENDING, UNSUPPORTED_CHANGE for a model that is gone, PRISMA_FAILED with what Prisma says
 */
export async function readPrismaSchema(
  project: PrismaProject,
  options: { readonly hasMigrations: boolean; readonly stateNames: StateNames; quote(name: string): string },
): Promise<PrismaSchema> {
  const folder = await mkdtemp(join(tmpdir(), 'rowshift-schema-'))
  try {
    return await compare(new Workshop(project, folder), options)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

async function compare(
  workshop: Workshop,
  { hasMigrations, stateNames, quote }: Parameters<typeof readPrismaSchema>[1],
): Promise<PrismaSchema> {
  const { project } = workshop
  const texts = await Promise.all(project.schemaFiles.map((file) => readFile(file, 'utf8')))
  const wantedText = texts.join('\n')
  const [pulled] = await Promise.all([workshop.pull(wantedText), hasMigrations ? requireApplied(project) : undefined])
  const head = parseSchema(wantedText).filter(({ kind }) => kind === 'datasource' || kind === 'generator')
  const found = pulled === undefined ? head : parseSchema(pulled)
  const oldBlocks = asStored(found.filter((block) => !isStateBlock(block, stateNames)))
  const [oldRegistry, registry, whole] = await Promise.all([
    workshop.registry(writeSchema(oldBlocks)),
    workshop.registry(wantedText),
    workshop.diff(writeSchema(oldBlocks), wantedText),
  ])
  const old: SchemaText = { blocks: oldBlocks, registry: oldRegistry }
  const wanted: SchemaText = { blocks: parseSchema(wantedText), registry }
  const external = new Set(project.config.tables?.external ?? [])
  const [gone] = goneModels(oldRegistry, registry).filter(
    ({ schema, table }) => !external.has(table) && !external.has(`${schema ?? 'public'}.${table}`),
  )
  if (gone) {
    throw new RowshiftError('UNSUPPORTED_CHANGE', {
      message: `the table "${gone.table}" has no model any more. Drop it in a migration of its own, with \`prisma migrate dev\`, or bring its model back.`,
      details: { table: gone.table },
    })
  }
  const tables = readChanges(oldRegistry, registry, stateNames.schema, (table) => isTouched(whole, quote(table.name)))
  return {
    tables,
    whole,
    async stages(choices, renameColumn) {
      const { both, narrowed, renamed, renames } = intermediateSchemas(old, wanted, tables, choices)
      const [oldText, bothText] = [writeSchema(oldBlocks), writeSchema(both)]
      const [expand, drop, contract] = await Promise.all([
        workshop.diff(oldText, bothText),
        narrowed ? workshop.diff(bothText, writeSchema(narrowed)) : '',
        workshop.diff(renamed ? writeSchema(renamed) : bothText, wantedText),
      ])
      const moves = renames.map(({ change, from, to }) => `-- RenameColumn\n${renameColumn(change.name, from, to)}`)
      const deferred = splitForeignKeys(expand)
      return {
        expand: deferred.now,
        contract: [drop, ...moves, contract, deferred.later].filter((text) => text !== '').join('\n'),
      }
    },
    release: () => rm(workshop.folder, { recursive: true, force: true }),
  }
}

/** Whether a statement is about the table itself, and not only about one that refers to it. */
function isTouched(whole: string, table: string): boolean {
  const name = `(?:\\S+\\.)?${table.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`
  return new RegExp(`(?:ALTER TABLE|RENAME TO|INDEX \\S+ ON)\\s+${name}(?=[\\s(;])`).test(whole)
}

/** A new foreign key demands something of rows, so it comes with the contract; those of new tables as well, behind what they refer to. */
function splitForeignKeys(script: string): { readonly now: string; readonly later: string } {
  const parts = script.split(/^(?=-- )/m)
  const isLater = (part: string) => part.startsWith('-- AddForeignKey')
  return { now: parts.filter((part) => !isLater(part)).join(''), later: parts.filter(isLater).join('') }
}

/** SQLite stores enums as texts; Prisma takes them from the schema files, and their defaults from the database. */
function asStored(blocks: readonly SchemaBlock[]): readonly SchemaBlock[] {
  const isSqlite = blocks.some(
    ({ kind, lines }) => kind === 'datasource' && lines.some((line) => /^provider\s*=\s*"sqlite"/.test(line)),
  )
  if (!isSqlite) return blocks
  const enums = new Set(blocks.filter(({ kind }) => kind === 'enum').map(({ name }) => name))
  return blocks
    .filter(({ kind }) => kind !== 'enum')
    .map((block) => ({
      ...block,
      lines: block.lines.map((line) => {
        const field = block.kind === 'model' ? parseField(line) : undefined
        return field && enums.has(field.type) ? writeField({ ...field, type: 'String' }) : line
      }),
    }))
}

function isStateBlock({ kind, name, lines }: SchemaBlock, names: StateNames): boolean {
  if (kind !== 'model') return false
  const mapped = lines.map((line) => /^@@map\("([^"]*)"\)/.exec(line)?.[1]).find((table) => table !== undefined)
  return isStateTable(mapped ?? name, names)
}

async function requireApplied(project: PrismaProject): Promise<void> {
  const args = ['migrate', 'status']
  const outcome = await runPrisma(project, args)
  if (outcome.code === 0) return
  if (!/not yet been applied|have failed|No migration found/i.test(outcome.stdout)) throw prismaFailed(args, outcome)
  throw new RowshiftError('MIGRATIONS_PENDING', {
    message: `the database has not had every migration, so it does not tell what the next one begins with. \`rowshift prisma deploy\` first; \`prisma migrate status\` names them.`,
  })
}

/** Where schema files are put for Prisma to look at. */
class Workshop {
  #files = 0

  constructor(
    readonly project: PrismaProject,
    readonly folder: string,
  ) {}

  async #file(text: string): Promise<string> {
    const path = join(this.folder, `${++this.#files}.prisma`)
    await writeFile(path, text)
    return path
  }

  /** The schema of the database, with the names that the schema files have for what is in both; undefined = it is empty. */
  async pull(schema: string): Promise<string | undefined> {
    const args = ['db', 'pull', '--print', '--schema', await this.#file(schema)]
    const outcome = await runPrisma(this.project, args)
    if (outcome.code === 0) return outcome.stdout
    if (/P4001|P1003/.test(outcome.stdout + outcome.stderr)) return undefined
    throw prismaFailed(args, outcome)
  }

  async registry(schema: string): Promise<PrismaRegistry> {
    const file = join(this.folder, `${++this.#files}.json`)
    const [features] = /previewFeatures\s*=\s*\[[^\]]*\]/.exec(schema) ?? []
    const models = schema.replace(/^generator\s+\w+\s*\{[^}]*\}/gm, '')
    const command = `"${process.execPath}" "${join(__dirname, '../generator/main.js')}"`
    const generator = `generator rowshift {\n  provider = ${JSON.stringify(command)}\n  output = ${JSON.stringify(file)}\n  ${features ?? ''}\n}\n`
    await requirePrisma(this.project, ['generate', '--schema', await this.#file(generator + models)])
    return JSON.parse(await readFile(file, 'utf8')) as PrismaRegistry
  }

  /** The statements from one schema to another; empty where there are none. */
  async diff(from: string, to: string): Promise<string> {
    const suffix = this.project.majorVersion < 7 ? '-datamodel' : ''
    const ends = [`--from-schema${suffix}`, await this.#file(from), `--to-schema${suffix}`, await this.#file(to)]
    const { stdout } = await requirePrisma(this.project, ['migrate', 'diff', ...ends, '--script'])
    const script = stdout.trim()
    return script === '' || /^-- This is an empty migration\.?$/.test(script) ? '' : `${script}\n`
  }
}
