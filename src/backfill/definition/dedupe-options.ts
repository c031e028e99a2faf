import type { Sql } from '../../dialects/sql.js'
import type { AssertionOptions, CommonOptions, JournalOptions, Scalar, Where } from './backfill-options.js'
import type { ColumnName, EmbeddedPath } from './columns.js'

/** A column's name, as far as it is known which there are. */
export type NamedColumn<E> = unknown extends E ? string : ColumnName<E> | EmbeddedPath

/** Which row of a group comes first: by the smallest or the largest value of a column. NULL comes after all values, either way. */
export type Keep<E> = { readonly first: NamedColumn<E> } | { readonly last: NamedColumn<E> }

/**
 * The columns of other tables that refer to rows of this one: by the table's name a column, or a list of them; several columns that refer together
 * are a list in that list, `{ order: 'user_id', message: ['from_id', 'to_id'], seat: [['tenant_id', 'user_id']] }`.
 */
export type Repoint = Readonly<Record<string, string | readonly (string | readonly string[])[]>>

/** What becomes of the rows that do not survive. */
export type Others<E> =
  | 'delete'
  | {
      /** Constants that are written into them. Marked rows are nobody's duplicates any more. */
      readonly mark: unknown extends E
        ? Readonly<Record<string, Scalar | null>>
        : { readonly [K in ColumnName<E>]?: Extract<E[K], Scalar | null> }
    }

/** What `defineBackfill.dedupe` takes: of the rows that are the same one survives. */
export interface DedupeBackfillOptions<E> extends CommonOptions<E> {
  /**
   * What makes rows the same: columns, or an expression over the row, `` sql`lower(email)` ``. They are compared as a unique index would: by the
   * database, under the collation of the column; NULL is the same as nothing. An index has to begin with these columns, or be on the expression.
   */
  readonly by: Sql | readonly NamedColumn<E>[]
  /** The rows that are looked at: all others are neither duplicates nor survivors. Default: every row. */
  readonly where?: Where<unknown extends E ? Readonly<Record<string, Scalar | null>> : E>
  /** Which row of a group survives: by one column after the other, at last by the smallest key. */
  readonly keep: Keep<E> | readonly Keep<E>[]
  /**
   * Columns that refer to rows of this table, and are made to refer to the survivor before the others go. Every foreign key that leads to the table
   * must be among them, unless the others are only marked. Columns without a foreign key may be named as well: they refer to the key. Default: none.
   */
  readonly repoint?: Repoint
  /** What becomes of the others. Default: they are deleted. */
  readonly others?: Others<E>
  /** `'not-needed'`: the rows may stay as they are when the rest is taken back. Default: `undo` goes by the `journal`, and refuses to without one. */
  readonly reverse?: 'not-needed'
  /**
   * Keeps deleted or marked rows, and the rows that referred to them as they were, so that `undo` can restore both where they are untouched since.
   * Default false.
   */
  readonly journal?: boolean | JournalOptions
  /** What must be true before a run and after it. */
  readonly verify?: AssertionOptions
}
