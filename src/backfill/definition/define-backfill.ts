import type {
  BackfillOptions,
  CheckedSet,
  InsertBackfillOptions,
  InsertPageOptions,
  PageBackfillOptions,
  Settable,
  SqlBackfillOptions,
} from './backfill-options.js'
import { checkDedupeOptions } from './check-dedupe.js'
import { checkDeleteOptions } from './check-delete.js'
import { checkInsertOptions, checkInsertPageOptions } from './check-insert.js'
import { checkPageOptions, checkRowOptions, checkSqlOptions } from './check-options.js'
import type { CheckedSelection, Row, Selection } from './columns.js'
import type { DedupeBackfillOptions } from './dedupe-options.js'
import { backfillOf } from './definition.js'
import type { DeleteBackfillOptions } from './delete-options.js'

declare const types: unique symbol

/**
 * A definition: what `defineBackfill` returns, and what runs, gates and commands take. Frozen, and it shows nothing but its
 * kind and its name.
 */
export interface Backfill<R = unknown, C = unknown> {
  readonly kind: 'backfill'
  /** Names its run and its gate. */
  readonly name: string
  /** Exists in types only. */
  readonly [types]?: { readonly row: R; readonly changes: C }
}

/** The row that a definition's `transform` sees: `RowOf<typeof citySlug>`. `never` for SQL, where no row is seen. */
export type RowOf<B extends Backfill> = B extends Backfill<infer R, unknown> ? R : never

/** What a definition's `transform` returns: `ChangesOf<typeof citySlug>`. */
export type ChangesOf<B extends Backfill> = B extends Backfill<unknown, infer C> ? C : never

/** The type of `defineBackfill.insert`. */
export interface DefineInsert {
  /**
   * Defines a backfill that creates rows of another table, of those that are read: none, one or some of each. They are created in the
   * transaction that moves the cursor past their row, so they are there exactly once after any crash.
   *
   * @throws RowshiftError INVALID_DEFINITION, which names the option and the remedy
   */
  <E, T, const S extends Selection<E> & CheckedSelection<E, S>, const W extends Selection<T> & CheckedSelection<T, W>>(
    options: InsertBackfillOptions<E, S, T, W>,
  ): Backfill<Row<E, S>, Row<T, W> | readonly Row<T, W>[]>

  /**
   * The same for a `transform` that is given a page of rows, so that one query or one outside call does for all of them.
   *
   * @throws RowshiftError INVALID_DEFINITION, which names the option and the remedy
   */
  page<
    E,
    T,
    const S extends Selection<E> & CheckedSelection<E, S>,
    const W extends Selection<T> & CheckedSelection<T, W>,
  >(options: InsertPageOptions<E, S, T, W>): Backfill<Row<E, S>, Row<T, W> | readonly Row<T, W>[]>
}

/** The type of {@link defineBackfill}. */
export interface DefineBackfill {
  /**
   * Defines a backfill: rows that match `where` are read, `transform` computes new values, and they are written back unless
   * somebody changed the row meanwhile. Nothing touches a database until it is run.
   *
   * @throws RowshiftError INVALID_DEFINITION, which names the option and the remedy
   * @throws RowshiftError IN_PLACE_NEEDS_WHERE when a column is selected and written, and there is no `where`
   */
  <E, const S extends Selection<E> & CheckedSelection<E, S>, const W extends Selection<E> & CheckedSelection<E, W>>(
    options: BackfillOptions<E, S, W>,
  ): Backfill<Row<E, S>, Row<E, W>>

  /**
   * Defines a backfill whose `transform` is given a page of rows, so that one query or one outside call does for all of them. A page
   * that fails is tried in halves, down to the row that is to blame.
   *
   * @throws RowshiftError INVALID_DEFINITION, which names the option and the remedy
   * @throws RowshiftError IN_PLACE_NEEDS_WHERE when a column is selected and written, and there is no `where`
   */
  page<E, const S extends Selection<E> & CheckedSelection<E, S>, const W extends Selection<E> & CheckedSelection<E, W>>(
    options: PageBackfillOptions<E, S, W>,
  ): Backfill<Row<E, S>, Row<E, W>>

  /** Defines a backfill that creates rows of another table. See {@link DefineInsert}. */
  readonly insert: DefineInsert

  /**
   * Defines a backfill that leaves one row of those that are the same: what refers to the others is made to refer to the one that survives, then
   * they are deleted or marked, all in one transaction. It looks at a page of keys at a time, however large a group is.
   *
   * @throws RowshiftError INVALID_DEFINITION, which names the option and the remedy
   */
  dedupe<E>(options: DedupeBackfillOptions<E>): Backfill<never, never>

  /**
   * Defines a backfill that deletes the rows that match `where`, page by page; with `archive` each is copied in the transaction that deletes
   * it. A row that is referenced (ON DELETE RESTRICT) is listed as a failure, and all others are deleted.
   *
   * @throws RowshiftError INVALID_DEFINITION, which names the option and the remedy
   */
  delete<E, A = unknown>(options: DeleteBackfillOptions<E, A>): Backfill<never, never>

  /**
   * Defines a backfill that the database computes: one UPDATE a batch, rows never leave it. Not for values that only code
   * can compute.
   *
   * @throws RowshiftError INVALID_DEFINITION, which names the option and the remedy
   */
  sql<E, const X extends Settable<E> & CheckedSet<E, X>>(options: SqlBackfillOptions<E, X>): Backfill<never, never>
}

/** Defines a backfill. See {@link DefineBackfill}. */
export const defineBackfill: DefineBackfill = Object.assign(
  (options: unknown) => backfillOf(checkRowOptions(options)) as Backfill<never, never>,
  {
    page: (options: unknown) => backfillOf(checkPageOptions(options)) as Backfill<never, never>,
    insert: Object.assign((options: unknown) => backfillOf(checkInsertOptions(options)) as Backfill<never, never>, {
      page: (options: unknown) => backfillOf(checkInsertPageOptions(options)) as Backfill<never, never>,
    }),
    dedupe: (options: unknown) => backfillOf(checkDedupeOptions(options)) as Backfill<never, never>,
    delete: (options: unknown) => backfillOf(checkDeleteOptions(options)) as Backfill<never, never>,
    sql: (options: unknown) => backfillOf(checkSqlOptions(options)) as Backfill<never, never>,
  },
)
