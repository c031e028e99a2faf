import type { Dialect } from '../../dialects/dialect.js'
import { mysql } from '../../dialects/mysql/index.js'
import { inSchema } from '../../dialects/postgres/in-schema.js'
import { postgres } from '../../dialects/postgres/index.js'
import { sqlite } from '../../dialects/sqlite/index.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { Database, Session } from '../database.js'
import { type PgClient, pgSession } from '../drivers/pg-session.js'
import type { BetterSqlite3Database } from '../drivers/sqlite-connection.js'
import { ownSqliteSession } from '../drivers/sqlite-session.js'
import { withinTime } from '../within-time.js'
import { type DecimalClass, loadDecimal } from './client-runtime.js'
import type { DriverAdapter, DriverAdapterFactory } from './driver-adapter.js'
import { mappedModel } from './mapped-model.js'
import { type MariadbConnection, mariadbSession, withoutContents } from './mariadb-session.js'
import type { PrismaRegistry } from './registry.js'
import { statedModels } from './stated-models.js'

/** What differs between Prisma's driver adapters. */
interface AdapterSupport {
  readonly dialect: Dialect
  /** What is behind the dialect's name in the label: `shop@db1`. No credentials. */
  place(adapter: DriverAdapter): string
  connect(adapter: DriverAdapter, factory: DriverAdapterFactory): Promise<Session>
  /** What raises the size of the pool. */
  readonly poolSetting: string
}

interface PgPool {
  connect(): Promise<PgClient & PgEvents>
  readonly options: { readonly database?: string; readonly host?: string; readonly connectionString?: string }
}

interface PgEvents {
  on(event: 'error', listener: () => void): unknown
  off(event: 'error', listener: () => void): unknown
  release(error?: Error): void
}

interface MariadbPool {
  getConnection(): Promise<MariadbConnection>
}

interface SqliteDatabase extends BetterSqlite3Database {
  readonly name: string
  readonly memory: boolean
  defaultSafeIntegers(toggle: boolean): unknown
}

/** Prisma declares JSONB columns and stores texts in them; SQLite's binary form is nothing that its client can read. */
const jsonAsText: Dialect = {
  ...sqlite,
  *introspect(table) {
    const info = yield* sqlite.introspect(table)
    const columns = [...info.columns].map(
      ([name, column]) => [name, column.type === 'jsonb' ? { ...column, type: 'json' } : column] as const,
    )
    return { ...info, columns: new Map(columns) }
  },
}

/*
 * Sessions hold a connection of the adapter's own driver: it is the one place where a statement gives its rows and its count at
 * once, where errors still are the database's own, and where a transaction ends when it is told to and not after five seconds.
 */
const adapters: Readonly<Record<string, AdapterSupport>> = {
  '@prisma/adapter-pg': {
    dialect: postgres,
    poolSetting: 'max',
    place(adapter) {
      const { database, host, connectionString = '' } = poolOf<PgPool>(adapter).options
      const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined
      const server = host ?? url?.hostname
      return [database ?? url?.pathname.slice(1) ?? '', server].filter(Boolean).join('@')
    },
    async connect(adapter) {
      const client = await poolOf<PgPool>(adapter).connect()
      // Without a listener a connection that breaks while it is idle would end the process.
      const onError = () => undefined
      client.on('error', onError)
      return pgSession(client, async ({ discard = false } = {}) => {
        client.off('error', onError)
        client.release(discard ? new Error('the state of this connection is in doubt') : undefined)
      })
    },
  },
  '@prisma/adapter-mariadb': {
    dialect: mysql,
    poolSetting: 'connectionLimit',
    place: (adapter) => adapter.getConnectionInfo?.().schemaName ?? '',
    async connect(adapter) {
      try {
        return mariadbSession(await poolOf<MariadbPool>(adapter).getConnection())
      } catch (error) {
        throw withoutContents(error)
      }
    },
  },
  '@prisma/adapter-better-sqlite3': {
    dialect: jsonAsText,
    poolSetting: '',
    place(adapter) {
      const { name, memory } = adapter.client as SqliteDatabase
      if (!memory) return name
      throw new RowshiftError('UNSUPPORTED_DATABASE', {
        message:
          'a database in memory belongs to one connection, which is the Prisma client\'s own. Use a file (`url: "file:./test.db"`).',
      })
    },
    async connect(_, factory) {
      const { client } = (await factory.connect()) as DriverAdapter
      const database = client as SqliteDatabase
      // As everywhere: what has to be exact is asked for as text.
      database.defaultSafeIntegers(false)
      return ownSqliteSession(database)
    },
  },
}

const poolOf = <P>(adapter: DriverAdapter): P => adapter.underlyingDriver!() as P

/**
 * A database through a driver adapter, on connections of its own: a factory that was given a pool shares it, any other makes a
 * further one, which `close` ends.
 * @throws RowshiftError UNSUPPORTED_DATABASE
 */
export async function openAdapter(factory: DriverAdapterFactory, registry?: PrismaRegistry): Promise<Database> {
  const support = adapters[factory.adapterName]
  if (!support) {
    throw new RowshiftError('UNSUPPORTED_DATABASE', {
      message: `Prisma's driver adapter "${factory.adapterName}" is not supported. Supported are: ${Object.keys(adapters).join(', ')}.`,
      details: { driver: factory.adapterName },
    })
  }
  const adapter = (await factory.connect()) as DriverAdapter
  try {
    return databaseOn(adapter, factory, support, registry, await loadDecimal())
  } catch (error) {
    await adapter.dispose()
    throw error
  }
}

function databaseOn(
  adapter: DriverAdapter,
  factory: DriverAdapterFactory,
  support: AdapterSupport,
  registry: PrismaRegistry | undefined,
  decimal: DecimalClass | undefined,
): Database {
  const { connect, poolSetting } = support
  const held = new Set<Session>()
  const schema = support.dialect === postgres ? adapter.getConnectionInfo?.().schemaName : undefined
  const dialect = schema === undefined ? support.dialect : inSchema(schema)
  return {
    kind: 'database',
    dialect,
    // Each port has an adapter of its own, and all of a client's are this factory's.
    pool: factory,
    stateNames: { schema, prefix: 'rowshift_' },
    label: [dialect.name, support.place(adapter)].filter(Boolean).join(' '),
    connect: async ({ timeoutMs = 30_000 } = {}) =>
      hold(await withinTime(connect(adapter, factory), timeoutMs, poolSetting, (late) => late.release())),
    mapping: (source) => mappedModel(source, registry, dialect, schema, decimal),
    statedTables: () => statedModels(registry, schema),
    generateCommand: 'rowshift prisma generate',
    async readSchema() {
      throw new RowshiftError('INVALID_USAGE', {
        message: 'migrations for Prisma are written by `rowshift prisma generate`, from its schema file.',
      })
    },
    async close() {
      // A pool that is ended waits for every connection that it gave away.
      for (const session of held) await session.release({ discard: true })
      await adapter.dispose()
    },
  }

  function hold(session: Session): Session {
    const own: Session = {
      ...session,
      async release(options) {
        if (held.delete(own)) await session.release(options)
      },
    }
    held.add(own)
    return own
  }
}
