import type { Database, Session } from '../../adapters/database.js'
import type { Dialect } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { type TableInfo, type TableName, tableText } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { type Decision, reading, type Scope, undo } from '../connection/transaction.js'

/*
 * What the catalogue says of a table, remembered from one bulk call to the next: reading it takes as long as writing some hundreds of
 * rows. What is remembered is only used while the table's stamp is the same, which the transaction that writes asks for before it does.
 */

interface KnownTable {
  readonly info: TableInfo
  /** undefined = the database cannot tell whether the table changes, so that it is read for each call. */
  readonly stamp: string | undefined
}

/** By connection pool, then by the table's name: a pool belongs to one user and one schema. */
const known = new WeakMap<object, Map<string, KnownTable>>()

/** The table is no longer what the rows were prepared for. */
const changed = Symbol('changed')

/**
 * Prepares rows for a table as it is, and writes them in a transaction of the scope, or under a savepoint of it. If it turns out that the
 * table is not what was remembered, it is read anew and the rows are prepared again.
 */
export async function withKnownTable<P, T>(
  database: Database,
  session: Session,
  scope: Scope,
  table: TableName,
  prepare: (info: TableInfo) => P,
  write: (prepared: P) => Script<Decision<T>>,
): Promise<T> {
  const { dialect } = database
  const tables = tablesOf(database)
  const name = tableText(table)
  for (;;) {
    const remembered = tables.get(name)
    const read = remembered ?? (await session.run(reading(dialect, scope, readTable(dialect, table))))
    let prepared: P
    try {
      prepared = prepare(read.info)
    } catch (error) {
      // A column that is not there may have been added since.
      if (!remembered || !(error instanceof RowshiftError)) throw error
      tables.delete(name)
      continue
    }
    if (read.stamp !== undefined) tables.set(name, read)
    const outcome = await session.run(scope.wrap(ifUnchanged(dialect, table, remembered, write(prepared))))
    if (outcome !== changed) return outcome
    tables.delete(name)
  }
}

function tablesOf({ pool }: Database): Map<string, KnownTable> {
  let tables = known.get(pool)
  if (!tables) {
    tables = new Map()
    known.set(pool, tables)
  }
  return tables
}

/** The stamp first: a change in between makes it an old one, and the table is read once more. */
function* readTable(dialect: Dialect, table: TableName): Script<KnownTable> {
  const stamp = yield* dialect.stampOf(table)
  return { info: yield* dialect.introspect(table), stamp }
}

function* ifUnchanged<T>(
  dialect: Dialect,
  table: TableName,
  remembered: KnownTable | undefined,
  write: Script<Decision<T>>,
): Script<Decision<T | typeof changed>> {
  if (remembered && (yield* dialect.stampOf(table)) !== remembered.stamp) return undo(changed)
  return yield* write
}
