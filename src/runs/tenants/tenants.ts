import type { DatabaseSource } from '../../adapters/database.js'
import { didYouMean } from '../../backfill/definition/nearest.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { TenantPlaces } from './tenant-places.js'

/**
 * The tenants of an application that gives each a PostgreSQL schema, a MySQL database, a SQLite file or a server of its own, with state
 * tables of its own in it.
 */
export interface Tenants {
  /** Their names, or what lists them: asked once by each command or call. */
  readonly names: readonly string[] | (() => readonly string[] | Promise<readonly string[]>)
  /**
   * The database of one: `(name) => typeorm(() => new DataSource({ ...options, schema: name }))`. Opened when its turn has come, and
   * closed after it.
   */
  readonly database: (name: string) => DatabaseSource | Promise<DatabaseSource>
  /** Who comes first: no other is begun before it is completed. Default: the first of `names`. */
  readonly canary?: string
  /**
   * From 0 to 1: no further tenant is begun once more than this share of those tried has failed; those that were completed by an earlier
   * call count among the tried. 0 stops at the first failure, 1 never. Default 0.1: what is wrong with the definition shows in the
   * first few tenants, which stop it at once; one odd tenant among many does not.
   */
  readonly stopRatio?: number
  /** How many are worked on at a time, from 1. Default 1. */
  readonly concurrency?: number
}

/** Tenants whose names are known and checked. */
export interface ListedTenants {
  /** The canary first, then as listed. */
  readonly names: readonly string[]
  readonly stopRatio: number
  readonly concurrency: number
  /** Their databases: one that leads where another has led already is refused when it is opened. */
  source(name: string): DatabaseSource
}

const options = ['names', 'database', 'canary', 'stopRatio', 'concurrency']
const example =
  "Write { names: ['acme', 'globex'], database: (name) => typeorm(() => new DataSource({ ..., schema: name })) }."

/** What can be told before the names are asked for. @throws RowshiftError INVALID_CONFIG */
export function checkTenants(input: unknown): Tenants {
  if (typeof input !== 'object' || input === null) refuse('tenants', `must be an object. ${example}`)
  for (const option of Object.keys(input)) {
    if (!options.includes(option)) refuse(`tenants.${option}`, `is no option. ${didYouMean(option, options)}`)
  }
  const { names, database, canary, stopRatio, concurrency } = input as Partial<Record<keyof Tenants, unknown>>
  if (typeof names !== 'function') checkNames(names)
  if (typeof database !== 'function') {
    refuse('tenants.database', `must be a function that makes the database of a tenant. ${example}`)
  }
  if (canary !== undefined && typeof canary !== 'string') refuse('tenants.canary', 'must be the name of a tenant.')
  const isShare = typeof stopRatio === 'number' && stopRatio >= 0 && stopRatio <= 1
  if (stopRatio !== undefined && !isShare) {
    refuse('tenants.stopRatio', 'must be a share from 0 to 1 of the tenants tried: 0.1.')
  }
  if (concurrency !== undefined && !(Number.isSafeInteger(concurrency) && (concurrency as number) > 0)) {
    refuse('tenants.concurrency', 'must be an integer from 1.')
  }
  return input as Tenants
}

function checkNames(names: unknown): readonly string[] {
  if (!Array.isArray(names) || names.some((name) => typeof name !== 'string' || name.trim() === '')) {
    return refuse('tenants.names', `must be a list of names, or a function that lists them. ${example}`)
  }
  if (names.length === 0) refuse('tenants.names', 'lists no tenant. Without one there is nothing to do.')
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined) refuse('tenants.names', `lists "${twice}" twice. List each tenant once.`)
  return names
}

/** Asks for the names. @throws RowshiftError INVALID_CONFIG */
export async function listTenants(given: Tenants): Promise<ListedTenants> {
  const { database, canary, stopRatio = 0.1, concurrency = 1 } = checkTenants(given)
  const listed = checkNames(typeof given.names === 'function' ? await given.names() : given.names)
  if (canary !== undefined && !listed.includes(canary)) {
    refuse('tenants.canary', `is "${canary}", which is no tenant. ${didYouMean(canary, listed)}`)
  }
  const first = canary ?? listed[0]!
  const places = new TenantPlaces()
  return {
    names: [first, ...listed.filter((name) => name !== first)],
    stopRatio,
    concurrency,
    source: (name) => ({ kind: 'database-source', open: () => places.open(name, database) }),
  }
}

/** The database of one tenant. @throws RowshiftError INVALID_CONFIG */
export async function tenantNamed(given: Tenants, name: string): Promise<DatabaseSource> {
  const { names, source } = await listTenants(given)
  if (!names.includes(name)) refuse('tenants.names', `lists no tenant "${name}". ${didYouMean(name, names)}`)
  return source(name)
}

function refuse(option: string, problem: string): never {
  throw new RowshiftError('INVALID_CONFIG', { message: `\`${option}\` ${problem}`, details: { option } })
}
