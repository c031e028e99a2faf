import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { QueryResult, Script } from '../../dialects/script.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { Session } from '../database.js'
import { createQueue } from '../drive-script.js'
import type { DataSourceLike, QueryRunnerLike } from './data-source.js'
import {
  type BetterSqlite3Database,
  connectionOn,
  LockTaken,
  type SqliteConnection,
  type SqlJsDatabase,
} from './sqlite-connection.js'

/*
 * SQLite runs in the process, so a script runs in one synchronous go: nothing can come between the statements of a transaction,
 * although TypeORM gives all of the application one connection. Waiting is done outside of transactions only, and with timers:
 * SQLite's own waiting stops the whole process, and with it the transaction that is waited for.
 */

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

/** How often a lock is asked for, like SQLite's own busy handler (sqliteDefaultBusyCallback). */
const lockPollMs = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100]

/**
 * Tasks one after another, each in a turn of the event loop of its own: SQLite answers at once, so a run would go on for ever in
 * microtasks, and no timer, heartbeat, signal or request of the process would be heard.
 */
function createTurns(): ReturnType<typeof createQueue> {
  const inTurn = createQueue()
  return (task) =>
    inTurn(async () => {
      await nextTurn()
      return task()
    })
}

/** Runs a script. The `await` is reached outside of transactions only. */
async function drive<T>(script: Script<T>, connection: SqliteConnection): Promise<T> {
  let step = script.next()
  let polls = 0
  let waitedMs = 0
  while (!step.done) {
    let result: QueryResult
    try {
      result = connection.execute(step.value)
    } catch (error) {
      if (error instanceof LockTaken && waitedMs < error.patienceMs) {
        const pollMs = lockPollMs[Math.min(polls, lockPollMs.length - 1)]!
        await sleep(pollMs)
        polls++
        waitedMs += pollMs
        continue
      }
      step = script.throw(error instanceof LockTaken ? error.busy : error)
      continue
    }
    polls = 0
    waitedMs = 0
    step = script.next(result)
  }
  return step.value
}

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
  const connection = connectionOn(database)
  const inTurn = createTurns()
  return {
    isShared: false,
    run: (script) => inTurn(() => drive(script, connection)),
    async release() {
      try {
        database.close()
      } catch {
        // Closed already.
      }
    },
  }
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
