import { relative } from 'node:path'
import type { Database } from '../../adapters/database.js'
import type { SourceFile } from '../../adapters/migration-file.js'
import { requireExternalTables } from '../../adapters/prisma/schema/external-tables.js'
import { migrationFolders } from '../../adapters/prisma/schema/migration-folders.js'
import { openPrismaProject, type PrismaProject } from '../../adapters/prisma/schema/prisma-project.js'
import { readFolders } from '../../adapters/prisma/schema/read-folders.js'
import { type PrismaSchema, readPrismaSchema } from '../../adapters/prisma/schema/read-schema.js'
import { parseTableName } from '../../backfill/definition/table-name.js'
import { type Sql, sql } from '../../dialects/sql.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { definitionText } from '../../generate/definition-text.js'
import { planChanges } from '../../generate/generate.js'
import { type ProjectStyle, readProjectStyle } from '../../generate/project-style.js'
import type { PlannedBackfill, TablePlan } from '../../generate/table-plan.js'
import { readRecordedVersions } from '../../runs/versions/recorded-versions.js'
import { askRenames } from '../ask-rename.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { type GenerateOptions, generateExitCodes, generateOptions } from '../generate-options.js'
import { loadConfig, withDatabase } from '../load-config.js'
import { defaultVersionFiles, findVersions } from '../load-versions.js'
import type { Output } from '../output.js'
import { placedHistory } from '../placed-history.js'
import { writeFiles } from '../write-files.js'

export const prismaGenerate: CommandSpec<GenerateOptions> = {
  usage: 'generate [name]',
  summary: 'write the migration folders from the recorded versions to the schema',
  description: `Compares the models with the database, which must have had every migration, and writes what leads from one to the other: a
folder that permits more, with the definitions that fill the rows beside it, and a folder that demands more, behind a gate. The
statements are those of \`prisma migrate diff\`. \`rowshift prisma deploy\` applies them and runs the backfills in between; with
--progressive \`prisma migrate deploy\` does as well, and background workers fill the rows.`,
  examples: [
    ['rowshift prisma generate city-slug', 'write the folders and the definition'],
    ['rowshift prisma generate city-slug --progressive', 'for a large table: background workers fill it'],
    ['rowshift prisma generate city-title --rename name:title', 'a column goes on under another name'],
    ['rowshift prisma generate --check', 'for CI: is a migration missing?'],
  ],
  exitCodes: generateExitCodes,
  options: generateOptions('schedule the runs by SQL, for background workers'),
  async run({ name, options, output }) {
    const isCheck = options.check === true
    if (!isCheck) requireName(name)
    const project = await loadConfig(options)
    const prisma = await openPrismaProject(project.folder)
    const { plans, files: absolute } = await withDatabase(project, async (database) => {
      requireExternalTables(prisma, database.stateNames)
      const folders = await readFolders(prisma.migrationsFolder)
      const { quote } = database.dialect
      const { stateNames } = database
      const schema = await readPrismaSchema(prisma, { hasMigrations: folders.length > 0, stateNames, quote })
      try {
        const hasState = folders.some((folder) => folder.hasState)
        return await generateFor({ database, prisma, schema, hasState, name: name || 'check', options, output })
      } finally {
        await schema.release()
      }
    })
    const files = absolute.map(({ path, text }) => ({ path: relative(process.cwd(), path), text }))
    const backfills = plans.flatMap(({ backfill }) => (backfill ? [backfill.name] : []))
    const json = {
      files,
      tables: plans.map(({ change, from, to }) => ({ table: change.table, entity: change.entity, from, to })),
      backfills,
      lost: lostOf(plans),
      isWritten: !isCheck && !options.dryRun && files.length > 0,
    }
    const { paint } = output
    if (files.length === 0) {
      return { exitCode: exitCodes.done, json, lines: ['The tables are as the schema says. Nothing to generate.'] }
    }
    if (isCheck) {
      const missing = `${paint.red('a migration is missing')}: rowshift prisma generate <name>`
      return { exitCode: exitCodes.failed, json, lines: [...versionLines(plans), missing] }
    }
    if (options.dryRun) {
      const lines = files.flatMap(({ path, text }) => [paint.bold(`-- ${path}`), text])
      return { exitCode: exitCodes.done, json, lines }
    }
    await writeFiles(absolute)
    const unwritten = files.filter(({ path, text }) => !path.endsWith('.sql') && text.includes('toBeWritten'))
    return {
      exitCode: exitCodes.done,
      json,
      lines: [
        ...versionLines(plans),
        ...files.map(({ path }) => `created  ${path}`),
        ...lostOf(plans).map((column) => `${paint.yellow('not reversible')}: nothing can bring "${column}" back`),
        ...unwritten.map(({ path }) => `${paint.yellow('to be written')}: the function in ${path}`),
        `${paint.dim('Next:')} ${nextOf(options.progressive === true, backfills.length > 0, unwritten.length > 0)}`,
      ],
    }
  },
}

function nextOf(isProgressive: boolean, hasBackfills: boolean, isUnwritten: boolean): string {
  if (!hasBackfills) return 'read the files, then prisma migrate deploy'
  const first = `${isUnwritten ? 'write the function, ' : ''}read the files, then rowshift prisma deploy`
  return isProgressive ? `${first}, rowshift work, and rowshift prisma deploy again` : first
}

/** A folder's name: Prisma puts a time before it. */
function requireName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name)) return
  throw new RowshiftError('INVALID_USAGE', {
    message: `name the migration with letters, digits, - and _: \`rowshift prisma generate city-slug\`.`,
  })
}

async function generateFor({
  database,
  prisma,
  schema,
  hasState,
  name,
  options,
  output,
}: {
  readonly database: Database
  readonly prisma: PrismaProject
  readonly schema: PrismaSchema
  readonly hasState: boolean
  readonly name: string
  readonly options: GenerateOptions
  readonly output: Output
}): Promise<{ readonly plans: readonly TablePlan[]; readonly files: readonly SourceFile[] }> {
  const recorded = new Map((await readRecordedVersions(database)).map(({ table, version }) => [table, version]))
  const versions = new Map(schema.tables.map(({ table, version }) => [table, version]))
  const histories = new Map(
    (await findVersions(defaultVersionFiles)).map(({ history, versions }) => [history.name, placedHistory(versions)]),
  )
  const plans = await planChanges({
    tables: schema.tables,
    notation: { name: '@schemaVersion', first: '/// @schemaVersion 1.0.0' },
    versionsOf: ({ table, entity }) => ({
      code: versions.get(table),
      recorded: recorded.get(table),
      history: histories.get(entity),
    }),
    renames: options.rename ?? [],
    ask: askRenames(output),
  })
  if (plans.length === 0) {
    requireNoDifference(schema.whole)
    return { plans, files: [] }
  }
  const { texts } = database.dialect
  const choices = new Map(plans.map(({ change, choice }) => [change.table, choice]))
  const planned = plans.flatMap((plan) => (plan.backfill ? [{ plan, backfill: plan.backfill }] : []))
  // Where no row has to be filled, one step does it all.
  const isOneStep = planned.length === 0 && plans.every(({ choice }) => choice.renames.length === 0)
  const stages = isOneStep ? { expand: schema.whole, contract: '' } : await schema.stages(choices, texts.renameColumn)
  const style = readProjectStyle(prisma.folder, undefined)
  const files = migrationFolders({
    name,
    time: new Date(),
    migrationsFolder: prisma.migrationsFolder,
    summary: `${plans.map(({ change, from, to }) => `${change.entity} ${from === undefined ? '' : `${from} to `}${to}`).join(', ')}.`,
    stages,
    backfills: planned.map(({ plan, backfill }) => ({
      name: backfill.name,
      table: parseTableName(backfill.table),
      matching: matchingOf(backfill),
      file: planned.length === 1 ? 'backfill.ts' : `backfill.${backfill.fileName}.ts`,
      text: (path) => definitionText(plan, backfill, importsOf(backfill, path, style)),
    })),
    versions: plans.map(({ change, to }) => ({ table: change.table, to })),
    isProgressive: options.progressive === true,
    hasState,
    texts,
    stateNames: database.stateNames,
  })
  const formatted = files.map(async ({ path, text }) => ({
    path,
    text: path.endsWith('.sql') ? text : await style.format(path, text),
  }))
  return { plans, files: await Promise.all(formatted) }
}

function importsOf({ step }: PlannedBackfill, path: string, style: ProjectStyle): { readonly history?: string } {
  return step ? { history: style.importPath(path, step.history.file) } : {}
}

/** What the gate looks for. Where values are rewritten in place no column tells, and it goes by the run alone. */
function matchingOf({ where }: PlannedBackfill): Sql {
  if (!where) return sql`1 = 0`
  return sql.join(
    where.columns.map((column) => sql`${sql.id(column)} is null`),
    where.joins === 'and' ? ' and ' : ' or ',
  )
}

/** What no model and no version accounts for, such as an index that was dropped by hand. */
function requireNoDifference(whole: string): void {
  if (whole === '') return
  throw new RowshiftError('SCHEMA_DRIFT', {
    message: `the database and the schema differ, but every version is the recorded one. Raise @schemaVersion of the model it is about, or leave it to \`prisma migrate dev\`. Prisma would run:\n${whole}`,
  })
}

function lostOf(plans: readonly TablePlan[]): readonly string[] {
  return plans.flatMap(({ change, lost }) => lost.map(({ name }) => `${change.table}.${name}`))
}

function versionLines(plans: readonly TablePlan[]): readonly string[] {
  return plans.map(({ change, from, to }) => `${change.entity}  ${from ?? 'new'} -> ${to}`)
}
