import { setTimeout as sleep } from 'node:timers/promises'
import type { Script } from '../../dialects/script.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { Session } from '../database.js'
import {
  type BetterSqlite3Database,
  connectionOn,
  type SqliteConnection,
  type SqlJsDatabase,
} from '../drivers/sqlite-connection.js'
import { createTurns, drive, ownSqliteSession } from '../drivers/sqlite-session.js'
import type { DataSourceLike, QueryRunnerLike } from './data-source.js'

/** TypeORM's drivers for better-sqlite3 and sql.js. */
interface SqliteDriver {
  readonly databaseConnection: BetterSqlite3Database | SqlJsDatabase
  /** Of better-sqlite3: opens the file with all that the data source's options say. */
  createDatabaseConnection?(): Promise<BetterSqlite3Database>
  readonly attachedDatabases?: Readonly<
    Record<string, { readonly attachFilepathAbsolute: string; readonly attachHandle: string }>
  >
  /** Of sql.js: saves the database where the options ask for it. */
  autoSave?(): Promise<void>
}

const driverOf = (dataSource: DataSourceLike): SqliteDriver => dataSource.driver as SqliteDriver

/** A connection of its own where the database is a file, else the application's. */
export async function openSqliteSession(dataSource: DataSourceLike): Promise<Session> {
  return hasFile(driverOf(dataSource)) ? openOwnSqliteSession(dataSource) : openSharedSqliteSession(dataSource)
}

/** A database in memory has no second connection, and sql.js keeps every database in memory. */
function hasFile({ databaseConnection, createDatabaseConnection }: SqliteDriver): boolean {
  if (!createDatabaseConnection || 'getRowsModified' in databaseConnection) return false
  const files = databaseConnection.pragma('database_list') as readonly {
    readonly name: string
    readonly file: string
  }[]
  return files.some(({ name, file }) => name === 'main' && file !== '')
}

/**
 * A further connection to the file of a better-sqlite3 data source, opened by TypeORM's driver, so with the application's key,
 * `prepareDatabase` and journal mode. Closed on release, which rolls back what is open.
 */
export async function openOwnSqliteSession(dataSource: DataSourceLike): Promise<Session> {
  const driver = driverOf(dataSource)
  const database = await driver.createDatabaseConnection!()
  for (const { attachFilepathAbsolute, attachHandle } of Object.values(driver.attachedDatabases ?? {})) {
    const file = attachFilepathAbsolute.replaceAll("'", "''")
    database.prepare(`attach '${file}' as "${attachHandle.replaceAll('"', '""')}"`).run([])
  }
  return ownSqliteSession(database)
}

/** How long a transaction of the application is waited for by default. */
const transactionWaitMs = 5_000
const transactionPollMs = 5

/**
 * A session on the connection that the whole application shares. A script begins only while no transaction of the application is
 * open, and must end its own: what it leaves open is rolled back and an error.
 *
 * Its scripts throw RowshiftError CONNECTION_UNAVAILABLE when the application's transaction does not end within `waitMs`
 * (milliseconds, default 5000).
 */
export function openSharedSqliteSession(dataSource: DataSourceLike, { waitMs = transactionWaitMs } = {}): Session {
  const driver = driverOf(dataSource)
  const inTurn = createTurns()

  async function run<T>(script: Script<T>): Promise<T> {
    const connection = await whenIdle(driver, waitMs)
    let isLeftOpen = false
    let value: T
    try {
      value = await drive(script, connection)
    } finally {
      isLeftOpen = connection.isInTransaction()
      if (isLeftOpen) connection.execute({ label: 'rollback', text: 'rollback', parameters: [] })
    }
    if (isLeftOpen) throw new Error('a script left a transaction open on the connection that the application shares')
    await save(driver, connection)
    return value
  }

  return { isShared: true, run: (script) => inTurn(() => run(script)), release: async () => undefined }
}

async function whenIdle(driver: SqliteDriver, waitMs: number): Promise<SqliteConnection> {
  for (let waitedMs = 0; ; waitedMs += transactionPollMs) {
    // The driver's, each time: loading a database into sql.js replaces it.
    const connection = connectionOn(driver.databaseConnection)
    if (!connection.isInTransaction()) return connection
    if (waitedMs >= waitMs) {
      throw new RowshiftError('CONNECTION_UNAVAILABLE', {
        message: `a transaction of the application has been open for ${waitMs} ms on the only connection of this database. End it before rowshift is called, or use a database file.`,
        retryable: true,
      })
    }
    await sleep(transactionPollMs)
  }
}

/**
 * The connection of a query runner that a migration was given, in its transaction if there is one. Releasing the session leaves
 * it open.
 */
export function borrowSqliteSession(queryRunner: QueryRunnerLike): Session {
  const driver = driverOf(queryRunner.dataSource)
  const inTurn = createTurns()
  return {
    isShared: true,
    run: (script) =>
      inTurn(async () => {
        const connection = connectionOn(driver.databaseConnection)
        const value = await drive(script, connection)
        await save(driver, connection)
        return value
      }),
    release: async () => undefined,
  }
}

/** What TypeORM does after its own commits: a sql.js database lives in memory until it is saved. */
async function save(driver: SqliteDriver, connection: SqliteConnection): Promise<void> {
  if (!driver.autoSave || connection.isInTransaction()) return
  if (connection.takeWritten()) await driver.autoSave()
}
