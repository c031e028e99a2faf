import { onTestFinished } from 'vitest'
import type { Session } from '../../src/adapters/database.js'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import type { TablePlan, TransactionLimits } from '../../src/dialects/dialect.js'
import { mysql } from '../../src/dialects/mysql/index.js'
import type { Cell, QueryResult, Script } from '../../src/dialects/script.js'
import type { Sql, Statement } from '../../src/dialects/sql.js'
import type { ColumnInfo, TableInfo } from '../../src/dialects/table.js'
import { portTo } from '../support/backfills.js'
import { contractTestOn, typeormTestOn } from '../support/databases.js'
import type { DataSourceExtras, TestDatabase } from '../support/test-database.js'

/** The dialect on a database of its own: what the tests of the MySQL dialect stand on. */
export class MysqlTest {
  constructor(
    readonly database: TestDatabase,
    /** The application's side. */
    readonly app: (query: string, parameters?: unknown[]) => Promise<never[]>,
  ) {}

  /** A session of the test's adapter; pinned as the engine does it, unless `limits` is null. */
  async open(limits: TransactionLimits | null = batchLimits, extras?: DataSourceExtras): Promise<Session> {
    const session = await portTo(await this.database.connect(extras)).connect()
    onTestFinished(() => session.release())
    if (limits) await session.run(mysql.pinSession(limits))
    return session
  }
}

async function run(database: TestDatabase, body: (test: MysqlTest) => Promise<void>): Promise<void> {
  const dataSource = await database.connect()
  await body(new MysqlTest(database, (query, parameters) => dataSource.query(query, parameters)))
}

/** A test of the MySQL dialect, on the server the test run has, through the driver of each adapter. */
export function testMysql(title: string, body: (test: MysqlTest) => Promise<void>): void {
  contractTestOn(['mariadb'], title, (database) => run(database, body))
}

/** A test of what the options of `mysql2` do, which TypeORM passes on. */
export function testMysql2(title: string, body: (test: MysqlTest) => Promise<void>): void {
  typeormTestOn(['mariadb'], title, (database) => run(database, body))
}

export function* one(statement: Statement): Script<QueryResult> {
  return yield statement
}

/** Rows of a statement or of plain SQL. */
export async function rowsOf(session: Session, statement: Statement | string): Promise<readonly (readonly Cell[])[]> {
  const sent = typeof statement === 'string' ? { text: statement, parameters: [], label: 'test' } : statement
  return (await session.run(one(sent))).rows
}

export const tableInfo = (session: Session, name: string): Promise<TableInfo> =>
  session.run(mysql.introspect({ schema: undefined, name }))

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

export interface Access {
  readonly table: string
  /** How rows are found: `range`, `eq_ref`, `ALL`, ... */
  readonly type: string
  readonly key: string
  readonly extra: string
}

/** The server's plan for a statement, a line a table. */
export async function explain(session: Session, statement: Statement): Promise<readonly Access[]> {
  const rows = await rowsOf(session, { ...statement, text: `explain ${statement.text}` })
  return rows.map((row) => ({
    table: String(row[2]),
    type: String(row[3]),
    key: String(row[5]),
    extra: String(row[9]),
  }))
}

/** The statements of a script with this label, as they are sent. */
export function recorded<T>(script: Script<T>, label: string): { script: Script<T>; statements: Statement[] } {
  const statements: Statement[] = []
  function* record(): Script<T> {
    let step = script.next()
    while (!step.done) {
      if (step.value.label === label) statements.push(step.value)
      let result: QueryResult
      try {
        result = yield step.value
      } catch (error) {
        step = script.throw(error)
        continue
      }
      step = script.next(result)
    }
    return step.value
  }
  return { script: record(), statements }
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
