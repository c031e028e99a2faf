import { existsSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { glob } from 'tinyglobby'
import type { Database, DatabaseSource } from '../adapters/database.js'
import { loadModule } from '../adapters/load-module.js'
import { collectBackfills } from '../backfill/definition/collect-backfills.js'
import type { Backfill } from '../backfill/definition/define-backfill.js'
import { type BackfillDefinition, isBackfill } from '../backfill/definition/definition.js'
import { didYouMean } from '../backfill/definition/nearest.js'
import { isSequence, refuseSequence, type Sequence } from '../backfill/definition/sequence.js'
import type { DataSourceConfig, TenantsConfig } from '../config.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { type ListedTenants, listTenants, tenantNamed } from '../runs/tenants/tenants.js'
import { chooseDataSource, invalid } from './check-config.js'
import type { CommonOptions } from './command.js'
import { asRowshiftError, messageOf, withoutCode } from './describe-error.js'

/** The names a config file may have, the first found wins. */
export const configNames = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs'].map((extension) => `rowshift.config.${extension}`)

/** A config file, found and loaded, and the data source that a command is about. Its definitions are loaded when they are asked for. */
export interface Project {
  readonly file: string
  readonly folder: string
  /** The data source's name, where the config has several. */
  readonly name: string | undefined
  readonly config: DataSourceConfig
}

/** A config's definitions by name, those of its sequences too. */
export interface Definitions extends ReadonlyMap<string, BackfillDefinition> {
  readonly sequences: ReadonlyMap<string, Sequence>
}

/**
 * Loads the config file: the one named, or the first found from here upward. Its folder becomes the working directory, because it is
 * the application's: TypeORM takes the globs of its entities and the file of a SQLite database relative to that as well, and
 * a command started in a subfolder must not open another database.
 *
 * @throws RowshiftError INVALID_CONFIG, which names the place and the remedy
 */
export async function loadConfig(options: ConfigOptions): Promise<Project> {
  if (options.project) return options.project
  const found = await loadFile(options)
  const { config, file } = found
  const { tenant } = options
  if (!('tenants' in config)) {
    if (tenant === undefined) return { ...found, config }
    throw invalid(`${file} has no \`tenants\`. Leave \`--tenant ${tenant}\` out.`)
  }
  if (tenant === undefined) {
    throw invalid(`${file} is about tenants: name one by \`--tenant\`, or \`--each-tenant\` where a command has it.`)
  }
  return ofTenant({ ...found, config }, await tenantNamed(config.tenants, tenant))
}

/** The same for a command that is carried out for every tenant. @throws RowshiftError INVALID_CONFIG */
export async function loadTenants(
  options: ConfigOptions,
): Promise<{ readonly tenants: ListedTenants; of(tenant: DatabaseSource): Project }> {
  const found = await loadFile(options)
  const { config, file } = found
  if (!('tenants' in config)) throw invalid(`${file} has no \`tenants\`. Leave \`--each-tenant\` out.`)
  return { tenants: await listTenants(config.tenants), of: (tenant) => ofTenant({ ...found, config }, tenant) }
}

function ofTenant(
  { config, ...found }: Omit<Project, 'config'> & { readonly config: TenantsConfig },
  database: DatabaseSource,
): Project {
  const { tenants: _, ...rest } = config
  return { ...found, config: { ...rest, database } }
}

async function loadFile(options: ConfigOptions) {
  const file = options.config === undefined ? requireProject() : existing(resolve(options.config))
  const folder = dirname(file)
  process.chdir(folder)
  const exports = await load(file, 'the configuration')
  return { file, folder, ...chooseDataSource(file, configOf(exports), options.dataSource) }
}

type ConfigOptions = Pick<CommonOptions, 'config' | 'dataSource' | 'tenant' | 'project'>

/** The first config file from here upward; undefined when there is none. */
export function findProject(from = process.cwd()): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const file = configNames.map((name) => join(folder, name)).find((path) => existsSync(path))
    if (file) return file
    if (folder === dirname(folder)) return undefined
  }
}

function requireProject(): string {
  const file = findProject()
  if (file !== undefined) return file
  throw invalid(
    `there is no rowshift.config.ts in ${process.cwd()} or above. \`rowshift init\` writes one; \`--config <file>\` names one elsewhere.`,
  )
}

function existing(file: string): string {
  if (existsSync(file) && statSync(file).isFile()) return file
  throw invalid(`there is no file ${file}. Name a config file with \`--config\`, or leave it out to have it found.`)
}

async function load(file: string, what: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await loadModule(file)
  } catch (cause) {
    const known = asRowshiftError(cause)
    const place = relative(process.cwd(), file)
    if (!known) throw invalid(`${what} ${place} could not be loaded: ${messageOf(cause)}`, cause)
    const { code, message, details } = known
    throw new RowshiftError(code, {
      message: `${place}: ${withoutCode(code, message)}`,
      details: { ...details, file },
      cause,
    })
  }
}

/** The default export, of an ES module or of a CommonJS one, compiled or written by hand. */
function configOf(exports: Readonly<Record<string, unknown>>): unknown {
  const { default: found = exports } = exports
  const isWrapped =
    typeof found === 'object' &&
    found !== null &&
    'default' in found &&
    !('database' in found || 'dataSources' in found)
  return isWrapped ? found.default : found
}

/** A definition, and where it was found. */
export interface Found {
  readonly backfill: Backfill
  readonly file: string
  readonly exportName: string
}

/**
 * Loads the files that the config's globs match and collects every definition and sequence they export. None at all is no error here.
 *
 * @throws RowshiftError DUPLICATE_BACKFILL, which names both files, or when something else has the name of a sequence; INVALID_CONFIG
 * for a file that cannot be loaded
 */
export async function loadDefinitions(project: Project): Promise<Definitions> {
  const { found, sequences } = await loadExports(project)
  const definitions = collectBackfills([...found.map(({ backfill }) => backfill), ...sequences])
  return Object.assign(definitions, { sequences: byName(sequences, definitions) })
}

function byName(
  sequences: readonly Sequence[],
  definitions: ReadonlyMap<string, BackfillDefinition>,
): ReadonlyMap<string, Sequence> {
  const named = new Map<string, Sequence>()
  for (const one of sequences) {
    const other = named.get(one.name)
    if ((other && other !== one) || definitions.has(one.name)) {
      throw new RowshiftError('DUPLICATE_BACKFILL', {
        message: `two of the backfills and sequences are named "${one.name}". Rename one: commands go by its name.`,
        details: { backfill: one.name },
      })
    }
    named.set(one.name, one)
  }
  return named
}

/** The same with the files they are in. */
export async function loadFoundDefinitions(project: Project): Promise<readonly Found[]> {
  return (await loadExports(project)).found
}

async function loadExports(project: Project) {
  const found: Found[] = []
  const sequences: Sequence[] = []
  const globs = globsOf(project)
  for (const item of listOf(project)) {
    if (isSequence(item)) sequences.push(item)
    else if (typeof item !== 'string') found.push({ backfill: item, file: project.file, exportName: item.name })
  }
  for (const file of await filesOf(globs, project.folder)) {
    const exports = await load(file, 'the backfills of')
    for (const [exportName, value] of exportedValues(exports)) {
      if (isBackfill(value)) found.push({ backfill: value, file, exportName })
      else if (isSequence(value)) sequences.push(value)
    }
  }
  requireOneOfEachName(found)
  return { found, sequences }
}

/** A CommonJS file's exports may come as one default export. */
function exportedValues(exports: Readonly<Record<string, unknown>>): readonly (readonly [name: string, unknown])[] {
  const { default: whole, ...named } = exports
  if (typeof whole !== 'object' || whole === null || isBackfill(whole)) {
    return [['default', whole], ...Object.entries(named)]
  }
  return [...Object.entries(whole), ...Object.entries(named)]
}

/**
 * Where new definitions go: the folder of the first glob, `src/backfills` of `src/backfills/*.ts`. Undefined for globs of JavaScript: what
 * is compiled is no place for sources.
 */
export function backfillsFolderOf(project: Project): string | undefined {
  const first = globsOf(project).find((glob) => !/\.[cm]?js$/.test(glob))
  if (first === undefined) return undefined
  const fixed = first.split('/').slice(0, -1)
  const end = fixed.findIndex((part) => /[*?{[(!]/.test(part))
  return resolve(project.folder, (end < 0 ? fixed : fixed.slice(0, end)).join('/'))
}

async function filesOf(globs: readonly string[], folder: string): Promise<readonly string[]> {
  if (globs.length === 0) return []
  const ignore = ['**/node_modules/**', '**/*.d.{ts,mts,cts}']
  const files = await glob([...globs], { cwd: folder, absolute: true, ignore })
  return files.filter((file) => /\.[cm]?[jt]s$/.test(file)).sort()
}

/**
 * Stricter than within a process at large: here each file is loaded once, so two definitions of one name are two, even if only
 * their functions differ, as in a copied file whose name was forgotten.
 */
function requireOneOfEachName(found: readonly Found[]): void {
  const firsts = new Map<string, Found>()
  for (const one of found) {
    const { name } = one.backfill
    const first = firsts.get(name)
    if (!first) firsts.set(name, one)
    else if (first.backfill !== one.backfill) throw duplicate(name, first.file, one.file)
  }
}

function duplicate(name: string, ...paths: readonly [string, string]): RowshiftError {
  const [one, another] = paths.map((path) => relative(process.cwd(), path))
  const places = one === another ? `both in ${one}` : `one in ${one}, one in ${another}`
  return new RowshiftError('DUPLICATE_BACKFILL', {
    message: `two backfills are named "${name}", ${places}. Rename one: a run is found by its name.`,
    details: { backfill: name, files: [one, another] },
  })
}

/**
 * The definition with a name.
 * @throws RowshiftError UNKNOWN_BACKFILL, also for the name of a sequence
 */
export function definitionNamed(project: Project, definitions: Definitions, name: string): BackfillDefinition {
  const definition = definitions.get(name)
  if (definition) return definition
  throw unknownBackfill(project, definitions, name)
}

export function unknownBackfill(
  project: Project,
  definitions: ReadonlyMap<string, BackfillDefinition> & Partial<Definitions>,
  name: string,
): RowshiftError {
  const sequence = definitions.sequences?.get(name)
  if (sequence) return refuseSequence(sequence)
  const known = [...definitions.keys(), ...(definitions.sequences?.keys() ?? [])]
  const hint = known.length === 0 ? noDefinitions(project) : didYouMean(name, known)
  return new RowshiftError('UNKNOWN_BACKFILL', {
    message: `no backfill is named "${name}". ${hint}`,
    details: { backfill: name, known },
  })
}

/** Why there is no run of this name, told by whoever looked for one: there is nothing of this name, it is a sequence, or it was not run. */
export async function noRunOf(project: Project, name: string, error: unknown): Promise<unknown> {
  const definitions = await loadDefinitions(project)
  return definitions.has(name) ? error : unknownBackfill(project, definitions, name)
}

/**
 * The same definitions, unless there are none.
 * @throws RowshiftError INVALID_CONFIG: a worker without definitions would wait, or be done, for want of a letter in a glob
 */
export function requireDefinitions(project: Project, definitions: Definitions): Definitions {
  if (definitions.size === 0) throw invalid(`${noDefinitions(project)} Check \`backfills\` in ${project.file}.`)
  return definitions
}

/** Why there is nothing to work on. */
export function noDefinitions(project: Project): string {
  const globs = globsOf(project)
  return globs.length === 0
    ? 'The config has no definitions.'
    : `Nothing that ${globs.join(', ')} matches exports a definition.`
}

function listOf({ config }: Project): readonly (string | Backfill | Sequence)[] {
  return typeof config.backfills === 'string' ? [config.backfills] : config.backfills
}

function globsOf(project: Project): readonly string[] {
  return listOf(project).filter((item) => typeof item === 'string')
}

/**
 * Opens the config's database for a task, and closes it.
 * @throws RowshiftError DATABASE_UNAVAILABLE when the database refuses, besides what the task throws
 */
export async function withDatabase<T>(project: Project, task: (database: Database) => Promise<T>): Promise<T> {
  let database: Database
  try {
    database = await project.config.database.open()
  } catch (cause) {
    if (asRowshiftError(cause)) throw cause
    throw new RowshiftError('DATABASE_UNAVAILABLE', {
      message: `the database could not be opened: ${messageOf(cause)}. Check the data source's options and that the server is up.`,
      cause,
      retryable: true,
    })
  }
  try {
    const { name } = project
    return await task(name === undefined ? database : { ...database, label: `${name} · ${database.label}` })
  } finally {
    await database.close()
  }
}
