import type { Statement } from './sql.js'

/** A value as it comes out of a driver. Everything the engine reads is asked for as text, so rows are cheap to hold. */
export type Cell = string | number | bigint | boolean | null | Uint8Array

export interface QueryResult {
  readonly rows: readonly (readonly Cell[])[]
  /** Rows matched by an UPDATE, DELETE or INSERT; 0 for reads. */
  readonly affected: number
  /** Positions in `each` of the lists that affected no row. */
  readonly unaffected?: readonly number[]
  /** Names of the columns, where the statement itself does not say them (SHOW on MySQL). */
  readonly columns?: readonly string[]
}

/**
 * A conversation with one connection: yields statements, is given their results, returns a value. It contains no `await`, so
 * nothing but statements can happen inside a transaction, and an in-process database can run it in one synchronous go.
 */
export type Script<T> = Generator<Statement, T, QueryResult>
