import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import type { Database } from '../../adapters/database.js'
import type { SchemaReader } from '../../adapters/schema.js'
import { typeorm } from '../../adapters/typeorm/typeorm.js'
import { definitionOf } from '../../backfill/definition/definition.js'
import { writeTableName } from '../../backfill/definition/table-name.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { defaultBackfillsFolder, type Generated, generate as generateFiles } from '../../generate/generate.js'
import { readProjectStyle } from '../../generate/project-style.js'
import { readStatus } from '../../runs/read-status.js'
import { readRecordedVersions } from '../../runs/versions/recorded-versions.js'
import { askRenames } from '../ask-rename.js'
import type { CommandSpec, CommonOptions } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { type GenerateOptions, generateExitCodes, generateOptions } from '../generate-options.js'
import {
  backfillsFolderOf,
  findProject,
  loadConfig,
  loadFoundDefinitions,
  type Project,
  withDatabase,
} from '../load-config.js'
import type { Output } from '../output.js'
import { placedHistory } from '../placed-history.js'
import { writeFiles } from '../write-files.js'

export const generate: CommandSpec<GenerateOptions> = {
  usage: 'generate [path]',
  summary: 'write the migration from the recorded versions to the code',
  description: `Compares every entity with its table, like \`typeorm migration:generate\`, and writes what leads from one to the other in the safe
order: new columns that may be NULL, the backfill, and only then NOT NULL, constraints, renames and drops. The backfill calls the
upgrade of the entity's versions, or is a stub that refuses to run until its function is written. The files are stock TypeORM
migrations, run by \`typeorm migration:run\`. \`--data-source\` may also be the file that exports the data source, as for the typeorm
command.`,
  examples: [
    ['rowshift generate src/migrations/CitySlug', 'write the migration and its definition'],
    ['rowshift generate src/migrations/CitySlug --progressive', 'for a large table: background workers fill it'],
    ['rowshift generate src/migrations/CityTitle --rename name:title', 'a column goes on under another name'],
    ['rowshift generate --check', 'for CI: is a migration missing?'],
  ],
  exitCodes: generateExitCodes,
  options: generateOptions('two migrations: new columns and scheduled runs, then the gate and the rest'),
  async run({ name: path, options, output }) {
    const isCheck = options.check === true
    if (path === '' && !isCheck) {
      throw new RowshiftError('INVALID_USAGE', {
        message: 'name the migration: `rowshift generate src/migrations/CitySlug`.',
      })
    }
    const named = options.dataSource === undefined ? undefined : resolve(options.dataSource)
    const dataSourceFile = named !== undefined && existsSync(named) ? named : undefined
    const target = resolve(path || 'migrations/Check')
    const project = await projectOf(options, dataSourceFile)
    const generated = await withDatabase(project, async (database) => {
      const reader = await database.readSchema()
      try {
        return await generateFor(project, database, reader, target, options, output)
      } finally {
        await reader.release()
      }
    })
    const files = generated.files.map(({ path, text }) => ({ path: relative(process.cwd(), path), text }))
    const { paint } = output
    const json = { ...generated, files, isWritten: !isCheck && !options.dryRun && files.length > 0 }
    if (files.length === 0) {
      return { exitCode: exitCodes.done, json, lines: ['The tables are as the code says. Nothing to generate.'] }
    }
    if (isCheck) {
      return {
        exitCode: exitCodes.failed,
        json,
        lines: [
          ...versionLines(generated),
          `${paint.red('a migration is missing')}: rowshift generate src/migrations/<Name>`,
        ],
      }
    }
    if (options.dryRun) {
      return {
        exitCode: exitCodes.done,
        json,
        lines: files.flatMap(({ path, text }) => [paint.bold(`// ${path}`), text]),
      }
    }
    await writeFiles(generated.files)
    return {
      exitCode: exitCodes.done,
      json,
      lines: [
        ...versionLines(generated),
        ...files.map(({ path }) => `created  ${path}`),
        ...generated.lost.map((column) => `${paint.yellow('not reversible')}: nothing can bring "${column}" back`),
        ...generated.irreversible.map(
          ({ file, columns }) =>
            `${paint.yellow('not reversible')}: ${columns.map((column) => `"${column}"`).join(', ')}, until ${relative(process.cwd(), file)} has a \`reverse\``,
        ),
        ...generated.unwritten.map(
          (file) => `${paint.yellow('to be written')}: the function in ${relative(process.cwd(), file)}`,
        ),
        nextLine(generated, output),
      ],
    }
  },
}

function versionLines({ tables }: Generated): readonly string[] {
  return tables.map(({ entity, from, to }) => `${entity}  ${from ?? 'new'} -> ${to}`)
}

function nextLine(generated: Generated, { paint }: Output): string {
  const { runCommand } = generated
  const next = generated.isContractPending
    ? `${runCommand}, then rowshift work; when the run is completed, rowshift generate again writes the second half`
    : `read the files, then ${runCommand}`
  return `${paint.dim('Next:')} ${next}`
}

/** The data source is one of the config's, or the file that exports it: then a config need not be there. */
async function projectOf(
  options: Pick<CommonOptions, 'config' | 'dataSource'>,
  file: string | undefined,
): Promise<Project> {
  if (file === undefined) return loadConfig(options)
  const database = typeorm(file)
  const hasConfig = options.config !== undefined || findProject() !== undefined
  if (!hasConfig) return { file, folder: process.cwd(), name: undefined, config: { database, backfills: [] } }
  const found = await loadConfig({ config: options.config, dataSource: undefined })
  return { ...found, config: { ...found.config, database } }
}

async function generateFor(
  project: Project,
  database: Database,
  reader: SchemaReader,
  path: string,
  options: GenerateOptions,
  output: Output,
): Promise<Generated> {
  const { file } = project.config.database
  const recorded = new Map((await readRecordedVersions(database)).map(({ table, version }) => [table, version]))
  const stated = new Map(database.statedTables().map((one) => [writeTableName(one.table), one]))
  const definitions = await loadFoundDefinitions(project)
  const runs = await readStatus(database)
  const isOver = (status: string) => status === 'cancelled' || status === 'undone'
  return generateFiles({
    reader,
    ddl: database.dialect.ddl,
    versionsOf({ table }) {
      const { version, of } = stated.get(table) ?? {}
      return { code: version, recorded: recorded.get(table), history: placedHistory(of) }
    },
    async scheduled(name) {
      const found = definitions.find(({ backfill }) => backfill.name === name)
      const run = runs.find(({ run }) => run.name === name)?.run
      if (!found || !run || isOver(run.status)) return undefined
      const { file, backfill, exportName } = found
      return { file, exportName, isReversible: definitionOf(backfill).reverse !== undefined }
    },
    path,
    timestamp: Date.now(),
    backfillsFolder: backfillsFolderOf(project) ?? defaultBackfillsFolder(path),
    style: readProjectStyle(project.folder, file === undefined ? undefined : resolve(file)),
    renames: options.rename ?? [],
    ask: askRenames(output),
    isProgressive: options.progressive === true,
  })
}
