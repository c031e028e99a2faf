import type { Sql } from '../../dialects/sql.js'
import type { Cell, ColumnName, Columns, EmbeddedPath, IsColumn, PropertyOf, Row, Source } from './columns.js'
import type { Backfill } from './define-backfill.js'

/** A value that every database can compare and store as a constant. */
export type Scalar = string | number | bigint | boolean | Date | Uint8Array

/** What a condition asks of one column: see {@link Where}. */
export type Comparison<V extends Scalar> =
  | null
  | V
  | readonly (V | null)[]
  | { readonly not: V | null }
  | { readonly gt?: V; readonly gte?: V; readonly lt?: V; readonly lte?: V }

/** JSON and other objects have no comparison that all databases share: NULL or not, the rest is for SQL. */
type ComparisonOf<V> = [Exclude<V, Scalar | null | undefined>] extends [never]
  ? Comparison<Extract<V, Scalar>>
  : null | { readonly not: null }

/**
 * The rows still to be migrated: every key must hold, and a migrated row must no longer match.
 *
 * | condition | rows |
 * |---|---|
 * | `{ slug: null }` | `slug` is NULL |
 * | `{ status: 'NEW' }` | `status` equals, by the column's own collation |
 * | `{ status: ['NEW', null] }` | any of these, NULL included |
 * | `{ status: { not: 'NEW' } }` | anything else, and rows with NULL |
 * | `{ bio: { not: null } }` | `bio` is not NULL |
 * | `{ id: { gte: 10, lt: 20 } }` | within the bounds (`gt`, `gte`, `lt`, `lte`); NULL never is |
 *
 * Anything richer is SQL: `` where: sql`email <> lower(email)` ``; rows for which it is NULL do not match.
 */
export type Where<R> = { readonly [K in ColumnName<R>]?: ComparisonOf<R[K]> } | Sql

/** A `where` by columns, as it is kept. Arrays, dates and byte arrays are values, other objects are operators. */
export type WhereRecord = Readonly<Record<string, Comparison<Scalar>>>

/** The columns a condition may name. A column that is read and written may hold old and new values. */
export type Known<E, S, W> = unknown extends E
  ? {
      [K in keyof S | keyof W]: (K extends keyof S ? Row<E, S>[K] : never) | (K extends keyof W ? Row<E, W>[K] : never)
    }
  : E & Readonly<Record<EmbeddedPath, Scalar | null>>

/** A row after the change: what was selected, with the written columns in place. */
export type After<E, S, W> = [S, W] extends [infer A, infer B]
  ? { [K in keyof A | keyof B]: K extends keyof B ? Cell<E, K, B[K]> : K extends keyof A ? Cell<E, K, A[K]> : never }
  : never

/** A row as `reverse` gives it back: any of the columns. Columns that the change filled may become NULL again. */
export type Before<E, S, W> = [S, W] extends [infer A, infer B]
  ? {
      [K in keyof A | keyof B]?: K extends keyof A
        ? Cell<E, K, A[K]>
        : K extends keyof B
          ? Cell<E, K, B[K]> | null
          : never
    }
  : never

/** What a function over a row may return: `undefined` leaves the row as it is. */
export type Changed<C> = C | undefined | Promise<C | undefined>

/** What a function over a row is told besides the row. */
export interface RowContext {
  /** The row's key as exact text, one entry a key column. */
  readonly key: readonly string[]
  /** Aborted when the run is interrupted or loses its lease. */
  readonly signal: AbortSignal
}

/** Asks the database in the midst of a transform: see {@link PageContext}. */
export type Query = <const C extends Columns>(columns: C, query: Sql) => Promise<readonly Row<unknown, C>[]>

/** What a function over a page is told besides the rows. */
export interface PageContext {
  /** The keys of the rows as exact text, one entry a key column. */
  readonly keys: readonly (readonly string[])[]
  /** Aborted when the run is interrupted or loses its lease. */
  readonly signal: AbortSignal
  /**
   * Asks the database: the columns with their types, then the SQL, which selects them by these names.
   *
   *   const countries = await query({ id: 'integer', code: 'text' }, sql`select id, code from country where code in (${codes})`)
   *
   * It reads only, what is committed, in no order unless the SQL has a limit of its own; at most 100,000 rows, for at most a minute.
   * A lost connection or a busy database is tried again, and never counts against the rows.
   *
   * @throws RowshiftError QUERY_REFUSED, DATABASE_ERROR, DATABASE_UNAVAILABLE, ROW_REFUSED, UNREADABLE_VALUE
   */
  readonly query: Query
}

/*
 * The function types are conditional types on purpose: the compiler then fixes S and W before it looks at a body, so that
 * `{ status: 'draft' }` keeps its literal type, in synchronous and in async functions.
 */
type Transform<E, S, W> = [S, W] extends [infer A, infer B]
  ? (row: Row<E, A>, context: RowContext) => Changed<Row<E, B>>
  : never
type PageTransform<E, S, W> = [S, W] extends [infer A, infer B]
  ? (
      rows: readonly Row<E, A>[],
      context: PageContext,
    ) => readonly (Row<E, B> | undefined)[] | Promise<readonly (Row<E, B> | undefined)[]>
  : never
type Reverse<E, S, W> = [S, W] extends [infer A, infer B]
  ? (row: After<E, A, B>, context: RowContext) => Changed<Before<E, A, B>>
  : never
type Check<E, S, W> = [S, W] extends [infer A, infer B] ? (row: After<E, A, B>) => boolean : never

/** What taking back sets: by column, a constant or an expression over the row's columns. NULL is always possible. */
export type SetValues<E> = unknown extends E
  ? Readonly<Record<string, Sql | Scalar | null>>
  : { readonly [K in ColumnName<E> | EmbeddedPath]?: Sql | Scalar | null }

/** The names that `set` of SQL may use; {@link CheckedSet} says with which values. */
export type Settable<E> = unknown extends E
  ? Readonly<Record<string, unknown>>
  : { readonly [K in ColumnName<E> | EmbeddedPath]?: unknown }

/** Refuses in `set` what is no column of an entity or model, and constants of another type. */
export type CheckedSet<E, X> = {
  readonly [K in keyof X]: unknown extends E
    ? Sql | Scalar | null
    : IsColumn<E, K> extends true
      ? Sql | Extract<PropertyOf<E, K>, Scalar | null>
      : IsColumn<E, K>
}

/** Limits of a journal. */
export interface JournalOptions {
  /** Size at which the run stops, resumable, with JOURNAL_FULL: about as many bytes. Default 10,000,000,000. */
  readonly maxBytes?: number
  /** Days after the end of the run in which it can be undone; then a later run or worker removes its journal. Default 30. */
  readonly keepDays?: number
}

/** What an assertion in code is given. */
export interface AssertionContext {
  /**
   * Asks the database, on the run's own connection and outside any transaction of its own; it can only read. Cells are exact texts, or null:
   * `` const [[rows]] = await query(sql`select count(*) from city`) ``.
   */
  query(query: Sql): Promise<readonly (readonly (string | null)[])[]>
}

/**
 * What must be true of the data, by what it says: SQL that selects what should not be there, and finds no row; or a function that
 * returns true, at once or as a promise. `` { 'every city has a name': sql`select 1 from city where name = ''` } ``
 */
export type Assertions = Readonly<Record<string, Sql | ((context: AssertionContext) => boolean | Promise<boolean>)>>

/**
 * What may be so, by the reason that it is: SQL that finds a row, or a function that returns true, at once or as a promise.
 * `` { 'the import is running': sql`select 1 from import where ended_at is null` } ``
 */
export type Conditions = Readonly<Record<string, Sql | ((context: AssertionContext) => boolean | Promise<boolean>)>>

/** Assertions about the data as a whole. */
export interface AssertionOptions {
  /** Asked before a run is begun: one that does not hold refuses it, with ASSERTION_FAILED. */
  readonly before?: Assertions
  /** Asked when a run has nothing left to do: one that does not hold fails it, with VERIFY_FAILED. */
  readonly after?: Assertions
}

/** What the options of all forms have in common. */
export interface CommonOptions<E> {
  /**
   * Unique among all definitions: names the run, the gate, and what a command is about. At most 190 characters, without
   * control characters, not ending in `#undo`.
   */
  readonly name: string
  /** The table: its name (`'city'`, `'public.city'`), an entity class, or a model. */
  readonly table: Source<E>
  /**
   * Raise it when the code comes to mean something else: a run of another revision is not continued. Once it is stated, only it
   * counts; without it, a run is not continued by functions whose text (comments and formatting aside) has changed. Default 1.
   */
  readonly revision?: number
  /**
   * Rows looked at in a batch, at most, 1 to 100,000. A batch is one transaction; batches begin with so many rows and have fewer
   * where they take longer than the target (200 ms). Default: begin with 100, grow to what fits the target, 50,000 at most.
   */
  readonly batchRows?: number
  /** Pause after each batch, in milliseconds. Default 0. */
  readonly delayMs?: number
  /**
   * Rows that may fail before the run stops as failed: a number of rows, or a share of the keys looked at, `'0.5%'`. The good rows
   * are kept either way, and the gate stays shut while a failure is listed. Default: none inside a migration, `'1%'` in the
   * background, where a share is taken of at least 1,000 keys until a pass has ended.
   */
  readonly maxFailures?: number | `${number}%`
  /** When not to begin. The first reason that is so is kept with the run, and shown by its status. */
  readonly when?: {
    /**
     * Asked when a run is made: it is completed at once, without work on any row. Its gate passes like that of every completed run: only if
     * no row matches `where`.
     */
    readonly skip?: Conditions
    /**
     * Asked whenever a run is taken up: it is postponed, and never counts as done. Workers come back to it; `rowshift run` ends with exit
     * code 3; a migration fails with POSTPONED.
     */
    readonly postpone?: Conditions
  }
  /** Definitions whose runs must be completed, without a failure, before this one is worked on: until then it is postponed. */
  readonly after?: readonly Backfill[]
}

/** What `defineBackfill` and `defineBackfill.page` have in common: rows are read, changed by a function, and written back. */
export interface ChangeOptions<E, S, W> extends CommonOptions<E> {
  /**
   * Columns read: all that `transform` sees. When somebody changes one of them in a row meanwhile, that row is read and
   * transformed again.
   */
  readonly select: S
  /** Columns written: every changed row supplies each of them, and nothing else. */
  readonly write: W
  /**
   * Rows still to be migrated; a migrated row must no longer match. Default: every row, once. Required when a column is
   * both selected and written.
   */
  readonly where?: Where<Known<E, S, W>>
  /**
   * Written columns whose value may be taken: called with 2, 3, ... until one is free:
   * `` { slug: (slug, n) => `${slug}-${n}` } ``. A unique index keeps every writer from taking a value twice. Without one the workers of the
   * run never do, and a value that an application has taken as well keeps the run from completing and the gate shut. Needs an index of
   * either kind.
   */
  readonly unique?: { readonly [K in keyof W]?: (value: Cell<E, K, W[K]>, n: number) => Cell<E, K, W[K]> }
  /**
   * A class with decorators of class-validator: new values that break one of them make the row a failure. Nested values are made
   * instances by class-transformer. Both packages are the application's.
   */
  readonly validate?: new (
    ...args: never
  ) => object
  /**
   * Steps of versions that `transform` takes, `city.path('1.0.0', '2.0.0')`: their functions count as its code, so that a run is not
   * continued by an upgrade that has changed.
   */
  readonly steps?: readonly { readonly from: string; readonly to: string }[]
  /**
   * How `undo` and a migration's `down` take the change back: not at all, because the old values are still there; by
   * constants and expressions; or by a function that returns any of the row's columns. Default: they refuse to.
   */
  readonly reverse?: 'not-needed' | { readonly set: SetValues<E> } | Reverse<E, S, W>
  /**
   * Keeps the written columns of every row as they were and as they became, so that `undo` can restore them, whatever `reverse`
   * could: in `rowshift_journal`, the only table of rowshift that holds contents of rows. Default false.
   */
  readonly journal?: boolean | JournalOptions
  /**
   * Keeps the written columns true while old code goes on writing: triggers note the key of each row that is inserted or whose
   * selected columns change, and the run, its workers and at last the gate compute those rows anew. `where` is not asked about
   * them: a written value is replaced by what `transform` makes of the row. No column may be both selected and written. Default
   * false.
   */
  readonly follow?: boolean
  /** What a finished run is checked for, besides that nothing is left and nothing failed. */
  readonly verify?: AssertionOptions & {
    /** Migrated rows, drawn at random, that are looked at by `check` and `recompute`. Default 500. */
    readonly sample?: number
    /** Whether a row is as it should be, by its stored values. Must return true for each of them. */
    readonly check?: Check<E, S, W>
    /**
     * States that `transform` gives the same for the same row: rows that the ending process has written, and that nobody has changed
     * since, are computed again and must be stored as they are. Not for columns that are read and written. Default false.
     */
    readonly recompute?: boolean
  }
}

/** What `defineBackfill` takes. */
export interface BackfillOptions<E, S, W> extends ChangeOptions<E, S, W> {
  /** The new values of one row, at once or as a promise. `undefined` leaves the row as it is. Must not have side effects. */
  readonly transform: Transform<E, S, W>
}

/** What `defineBackfill.page` takes. */
export interface PageBackfillOptions<E, S, W> extends ChangeOptions<E, S, W> {
  /**
   * The new values of all rows of a page, at once or as a promise: an entry a row, in the order of the rows; `undefined` leaves a row
   * as it is. One query or one outside call does for all of them. May be called again with fewer of the rows, down to one: when it
   * throws, when somebody changed a row meanwhile, when a run is resumed. Must not have side effects.
   */
  readonly transform: PageTransform<E, S, W>
}

type Created<T, W> = Row<T, W> | readonly Row<T, W>[]
type Insert<E, S, T, W> = [S, W] extends [infer A, infer B]
  ? (row: Row<E, A>, context: RowContext) => Changed<Created<T, B>>
  : never
type PageInsert<E, S, T, W> = [S, W] extends [infer A, infer B]
  ? (
      rows: readonly Row<E, A>[],
      context: PageContext,
    ) => readonly (Created<T, B> | undefined)[] | Promise<readonly (Created<T, B> | undefined)[]>
  : never

/** What happens to a row that is in the way of a created one. */
export interface OnConflict<W> {
  /** Columns of `write` that a unique index of `into` is on. */
  readonly key: readonly (keyof W & string)[]
  /**
   * `skip` leaves the row that is there as it is, and nothing is created; `update` writes the other columns of `write` into it; `fail` lists
   * the row that was read as a failure, and nothing is created of it.
   */
  readonly do: 'skip' | 'update' | 'fail'
}

/** What `defineBackfill.insert` and `defineBackfill.insert.page` have in common. */
export interface CreateOptions<E, S, T, W> extends CommonOptions<E> {
  /** Columns read: see `defineBackfill`. What is created of a row that somebody changed meanwhile is made of it anew. */
  readonly select: S
  /**
   * Rows of `table` that others are made of. By columns, it says which: each is read once in a run, and a background run (`schedule`) is not
   * possible. As SQL, it must no longer be true once the rows are created, such as `` sql`not exists (select 1 from profile where ...)` ``:
   * then it tells what is left, and rows that come meanwhile are not missed. Default: every row, once.
   */
  readonly where?: Where<unknown extends E ? Readonly<Record<keyof S & string, Scalar | null>> : E>
  /** The table whose rows are created: its name, an entity class, or a model. Another one than `table`, with a primary key or unique index. */
  readonly into: Source<T>
  /** Columns of `into` that are written: every created row supplies each of them. All others have their defaults. */
  readonly write: W
  /** Default: a row that is in the way makes the row that was read a failure, as far as a unique index tells. */
  readonly onConflict?: OnConflict<W>
  /**
   * `'not-needed'`: what was created may stay when the rest is taken back. Default: `undo` deletes it by the `journal`, and refuses to without
   * one.
   */
  readonly reverse?: 'not-needed'
  /**
   * Keeps the keys and contents of created rows, and what overwritten ones were before, so that `undo` can delete the ones and restore the
   * others, as long as nobody has changed them since. Default false.
   */
  readonly journal?: boolean | JournalOptions
  /** What must be true before a run and after it. */
  readonly verify?: AssertionOptions
}

/** What `defineBackfill.insert` takes: rows of another table are made of the rows that are read. */
export interface InsertBackfillOptions<E, S, T, W> extends CreateOptions<E, S, T, W> {
  /** The rows to be created: one, a list of them, or none (`undefined`), at once or as a promise. Must not have side effects. */
  readonly transform: Insert<E, S, T, W>
}

/** What `defineBackfill.insert.page` takes. */
export interface InsertPageOptions<E, S, T, W> extends CreateOptions<E, S, T, W> {
  /** For each row of a page, in their order, the rows to be created: one, a list, or `undefined`. See `defineBackfill.page`. */
  readonly transform: PageInsert<E, S, T, W>
}

/** What `defineBackfill.sql` takes: the database computes the new values, rows never leave it. */
export interface SqlBackfillOptions<E, X> extends CommonOptions<E> {
  /** Rows still to be migrated; a migrated row must no longer match. Default: every row, once. */
  readonly where?: Where<unknown extends E ? Readonly<Record<string, Scalar | null>> : E>
  /** New values by column: `` { slug: sql`lower(name)`, kind: 'city' } ``. */
  readonly set: X
  /** How `undo` and a migration's `down` take the change back. Default: they refuse to. */
  readonly reverse?: 'not-needed' | { readonly set: SetValues<E> }
  /** What must be true before a run and after it. */
  readonly verify?: AssertionOptions
}
