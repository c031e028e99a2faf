import type { Cell, QueryResult } from '../../dialects/script.js'
import type { Statement } from '../../dialects/sql.js'
import { codeOfMessage } from '../../dialects/sqlite/classify-error.js'
import { timestampText } from '../../dialects/sqlite/codecs.js'

/** What a session needs of a connection, whatever its driver. */
export interface SqliteConnection {
  /** @throws LockTaken at once, instead of waiting, when another connection holds a lock and no transaction is open here */
  execute(statement: Statement): QueryResult
  isInTransaction(): boolean
  /** For drivers that save only when told: whether anything was written since the last call. */
  takeWritten(): boolean
}

/** Another connection holds the lock that a statement outside of transactions needs. */
export class LockTaken extends Error {
  override readonly name = 'LockTaken'

  constructor(
    /** The driver's error. */
    readonly busy: unknown,
    /** `busy_timeout` of the connection. */
    readonly patienceMs: number,
  ) {
    super('another connection holds the lock')
  }
}

/** A `Database` of better-sqlite3. */
export interface BetterSqlite3Database {
  readonly inTransaction: boolean
  prepare(text: string): BetterSqlite3Statement
  pragma(source: string, options?: { readonly simple: true }): unknown
  close(): void
}

interface BetterSqlite3Statement {
  readonly reader: boolean
  raw(): this
  all(parameters: readonly unknown[]): Cell[][]
  get(parameters: readonly unknown[]): Cell[] | undefined
  run(parameters: readonly unknown[]): { readonly changes: number }
}

/** A `Database` of sql.js. */
export interface SqlJsDatabase {
  prepare(text: string): SqlJsStatement
  getRowsModified(): number
}

interface SqlJsStatement {
  bind(parameters: readonly unknown[]): boolean
  step(): boolean
  get(): Cell[]
  reset(): void
  free(): boolean
}

const connections = new WeakMap<object, SqliteConnection>()

/** The connection behind a driver's database object; one for all sessions on it, so that statements stay prepared. */
export function connectionOn(database: BetterSqlite3Database | SqlJsDatabase): SqliteConnection {
  let connection = connections.get(database)
  if (!connection) {
    connection = 'getRowsModified' in database ? sqlJsConnection(database) : betterSqlite3Connection(database)
    connections.set(database, connection)
  }
  return connection
}

/** More than the statements of one run, of all its labels. */
const preparedStatements = 64

/** Statements by text, the oldest given up first. */
class StatementCache<S> {
  readonly #statements = new Map<string, S>()

  constructor(
    private readonly prepare: (text: string) => S,
    private readonly dispose: (statement: S) => void = () => undefined,
  ) {}

  get(text: string): S {
    let statement = this.#statements.get(text)
    if (statement !== undefined) return statement
    statement = this.prepare(text)
    const [oldest] = this.#statements
    if (oldest && this.#statements.size >= preparedStatements) {
      this.#statements.delete(oldest[0])
      this.dispose(oldest[1])
    }
    this.#statements.set(text, statement)
    return statement
  }

  /** For statements that the driver has disposed of by itself. */
  clear(): void {
    this.#statements.clear()
  }
}

/**
 * How long a COMMIT may wait in SQLite, which stops the whole process: readers elsewhere end soon, and a transaction of this very
 * process cannot end at all meanwhile. Only without a write-ahead log does a commit wait for readers.
 */
const commitPatienceMs = 250

const writing = /^\s*(insert|update|delete|replace|with|create|drop|alter)\b/i

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code)

function betterSqlite3Connection(database: BetterSqlite3Database): SqliteConnection {
  const statements = new StatementCache((text) => {
    const statement = database.prepare(text)
    return statement.reader ? statement.raw() : statement
  })

  const bound = (parameters: readonly unknown[]) => (parameters.every(isPlain) ? parameters : parameters.map(toInt64))

  function run({ text, parameters, each }: Statement): QueryResult {
    const statement = statements.get(text)
    if (each) {
      if (!statement.reader) return runEach(each, (list) => ({ changes: statement.run(bound(list)).changes }))
      // A row of its own is all that a list can return.
      return runEach(each, (list) => {
        const row = statement.get(bound(list))
        return { changes: row === undefined ? 0 : 1, row }
      })
    }
    if (statement.reader) return { rows: statement.all(bound(parameters)), affected: 0 }
    return { rows: [], affected: statement.run(bound(parameters)).changes }
  }

  function withBusyTimeout(milliseconds: number, statement: Statement): QueryResult {
    const before = Number(database.pragma('busy_timeout', { simple: true }))
    if (milliseconds >= before) return run(statement)
    database.pragma(`busy_timeout = ${milliseconds}`)
    try {
      return run(statement)
    } catch (error) {
      const isRefused = /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error))
      throw isRefused && !database.inTransaction ? new LockTaken(error, before) : error
    } finally {
      database.pragma(`busy_timeout = ${before}`)
    }
  }

  return {
    execute(statement) {
      // The dialect's own reading and writing of the timeout.
      if (statement.text.startsWith('pragma')) return run(statement)
      if (!database.inTransaction) return withBusyTimeout(0, statement)
      return statement.label === 'commit' ? withBusyTimeout(commitPatienceMs, statement) : run(statement)
    },
    isInTransaction: () => database.inTransaction,
    takeWritten: () => false,
  }
}

interface Change {
  readonly changes: number
  readonly row?: readonly Cell[] | undefined
}

function runEach(each: readonly (readonly unknown[])[], change: (list: readonly unknown[]) => Change): QueryResult {
  const unaffected: number[] = []
  const rows: (readonly Cell[])[] = []
  let affected = 0
  for (let i = 0; i < each.length; i++) {
    const { changes, row } = change(each[i]!)
    if (changes === 0) unaffected.push(i)
    affected += changes
    if (row) rows.push(row)
  }
  return { rows, affected, unaffected }
}

const isPlain = (value: unknown): boolean => typeof value === 'string' || value === null

/** better-sqlite3 would bind a number as REAL, and store 5 as 5.0 in an untyped column. */
function toInt64(value: unknown): unknown {
  return Number.isSafeInteger(value) ? BigInt(value as number) : toBindable(value)
}

/** Values of a user's own `sql` that neither driver takes. */
function toBindable(value: unknown): unknown {
  if (typeof value === 'boolean') return value ? 1n : 0n
  return value instanceof Date ? timestampText(value) : value
}

function sqlJsConnection(database: SqlJsDatabase): SqliteConnection {
  const statements = new StatementCache(
    (text) => database.prepare(text),
    (statement) => statement.free(),
  )
  let hasWritten = false

  function bind(text: string, parameters: readonly unknown[]): SqlJsStatement {
    try {
      const statement = statements.get(text)
      statement.bind(parameters)
      return statement
    } catch (error) {
      // Older versions free all statements when the database is exported, as TypeORM's autoSave does.
      if (!/statement closed/i.test(String(error))) throw named(error, false)
      statements.clear()
      const statement = statements.get(text)
      statement.bind(parameters)
      return statement
    }
  }

  function execute({ text, parameters, each }: Omit<Statement, 'label'>): QueryResult {
    if (each)
      return runEach(each, (list) => {
        const { affected, rows } = execute({ text, parameters: list })
        return { changes: affected, row: rows[0] }
      })
    const statement = bind(text, parameters.map(toBindable))
    const isWriting = writing.test(text)
    const rows: Cell[][] = []
    try {
      while (statement.step()) rows.push(statement.get())
    } catch (error) {
      throw named(error, isWriting)
    } finally {
      statement.reset()
    }
    // A read would show the count of the write before it.
    if (!isWriting) return { rows, affected: 0 }
    hasWritten = true
    return { rows, affected: database.getRowsModified() }
  }

  return {
    execute,
    // sql.js does not tell; BEGIN takes no lock, and is refused inside a transaction.
    isInTransaction() {
      try {
        execute({ text: 'begin', parameters: [] })
      } catch (error) {
        if (/within a transaction/.test(String(error))) return true
        throw error
      }
      execute({ text: 'rollback', parameters: [] })
      return false
    },
    takeWritten() {
      const written = hasWritten
      hasWritten = false
      return written
    },
  }
}

/**
 * sql.js passes SQLite's message and no code. A message that SQLite does not have, while a row is being written, is the text of a
 * trigger's RAISE.
 */
function named(thrown: unknown, isWriting: boolean): Error {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const code = codeOfMessage(error.message) ?? (isWriting ? 'SQLITE_CONSTRAINT_TRIGGER' : undefined)
  return code === undefined ? error : Object.assign(error, { code })
}
