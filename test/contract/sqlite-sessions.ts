import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataSource, type DataSourceOptions } from 'typeorm'
import { onTestFinished, test } from 'vitest'
import type { Session } from '../../src/adapters/database.js'
import type { DataSourceLike } from '../../src/adapters/typeorm/data-source.js'
import { openSqliteSession } from '../../src/adapters/typeorm/sqlite-session.js'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import type { Key, TablePlan } from '../../src/dialects/dialect.js'
import type { Cell, QueryResult, Script } from '../../src/dialects/script.js'
import type { Sql, Statement } from '../../src/dialects/sql.js'
import { sqlite } from '../../src/dialects/sqlite/index.js'
import type { ColumnInfo, TableInfo } from '../../src/dialects/table.js'

export type SqliteDriverName = 'better-sqlite3' | 'sqljs'

/** A fresh database file and data sources on it; for sql.js, which has no second connection, one in memory. */
export class SqliteTest {
  readonly #dataSources: DataSource[] = []
  #main: DataSource | undefined

  constructor(
    readonly driver: SqliteDriverName,
    /** The database file of better-sqlite3. */
    readonly file: string,
  ) {}

  /** A further data source; those of better-sqlite3 are on one file. */
  async connect(extras: Partial<DataSourceOptions> = {}): Promise<DataSource> {
    const options = this.driver === 'sqljs' ? { type: 'sqljs' } : { type: 'better-sqlite3', database: this.file }
    const dataSource = new DataSource({ ...options, ...extras } as DataSourceOptions)
    this.#dataSources.push(dataSource)
    return dataSource.initialize()
  }

  /** The application's data source. */
  async main(): Promise<DataSource> {
    this.#main ??= await this.connect()
    return this.#main
  }

  /** A statement of the application. */
  async app(query: string, parameters: unknown[] = []): Promise<never[]> {
    return (await this.main()).query(query, parameters)
  }

  /** A session as the engine opens it. */
  async open(dataSource?: DataSource): Promise<Session> {
    const session = await openSqliteSession((dataSource ?? (await this.main())) as unknown as DataSourceLike)
    onTestFinished(() => session.release())
    await session.run(sqlite.pinSession(batchLimits))
    return session
  }

  async drop(): Promise<void> {
    for (const dataSource of this.#dataSources) if (dataSource.isInitialized) await dataSource.destroy()
  }
}

/** A test through the drivers named, titled `sqlite/typeorm: <title> (<driver>)`. */
export function testSqlite(
  title: string,
  body: (test: SqliteTest) => Promise<void>,
  drivers: readonly SqliteDriverName[] = ['better-sqlite3', 'sqljs'],
): void {
  for (const driver of drivers) {
    test(`sqlite/typeorm: ${title} (${driver})`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'rowshift-sqlite-'))
      const sqliteTest = new SqliteTest(driver, join(folder, 'test.db'))
      onTestFinished(async () => {
        await sqliteTest.drop()
        await rm(folder, { recursive: true, force: true })
      })
      await body(sqliteTest)
    })
  }
}

export function* one(statement: Statement): Script<QueryResult> {
  return yield statement
}

/** Rows of a statement or of plain SQL. */
export async function rowsOf(
  session: Session,
  statement: Statement | string,
  parameters: readonly unknown[] = [],
): Promise<readonly (readonly Cell[])[]> {
  const sent = typeof statement === 'string' ? { text: statement, parameters, label: 'test' } : statement
  return (await session.run(one(sent))).rows
}

export const tableInfo = (session: Session, name: string, schema?: string): Promise<TableInfo> =>
  session.run(sqlite.introspect({ schema, name }))

export function column(info: TableInfo, name: string): ColumnInfo {
  const found = info.columns.get(name)
  if (!found) throw new Error(`no column ${name}`)
  return found
}

export const planOf = (info: TableInfo, read: readonly string[], where?: Sql): TablePlan => ({
  info,
  read: read.map((name) => column(info, name)),
  where,
  endsWithWrite: where !== undefined,
})

/** The planner's lines for a statement. */
export async function explain(session: Session, statement: Statement): Promise<readonly string[]> {
  const rows = await rowsOf(session, { ...statement, text: `explain query plan ${statement.text}` })
  return rows.map((row) => String(row.at(-1)))
}

/** All keys of a table, by pages of `limit`. */
export async function pageKeys(session: Session, plan: TablePlan, limit: number): Promise<readonly Key[]> {
  const width = plan.info.key.length
  const [last] = await rowsOf(session, sqlite.lastKey(plan.info))
  const keys: Key[] = []
  if (!last) return keys
  for (;;) {
    const range = { after: keys.at(-1), upTo: last as string[], limit }
    const page = await rowsOf(session, sqlite.readPage(plan, range, 'plain'))
    if (page.length === 0) return keys
    for (const row of page) keys.push(row.slice(0, width) as string[])
  }
}

/** A script inside a transaction, which is committed, or rolled back when it throws. */
export function* inTransaction<T>(script: Script<T>): Script<T> {
  yield* sqlite.begin(batchLimits)
  try {
    const value = yield* script
    yield* sqlite.commit()
    return value
  } catch (error) {
    yield* sqlite.rollback()
    throw error
  }
}

/** What a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}

/** The code of the RowshiftError, or of the driver's error, that a promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return ((await errorOf(promise)) as { code: string }).code
}
