import type { AssertionOptions, CommonOptions, JournalOptions, Scalar, Where } from './backfill-options.js'
import type { Source } from './columns.js'

/** Where rows go before they are deleted. */
export interface ArchiveOptions<A> {
  /**
   * The table: its name, an entity class, or a model. It has every column of `table`, by the same name and of the same type, and a unique index on
   * its key. Further columns have defaults.
   */
  readonly into: Source<A>
}

/** What `defineBackfill.delete` takes: the rows that match are deleted, and never leave the database. */
export interface DeleteBackfillOptions<E, A = unknown> extends CommonOptions<E> {
  /** The rows to be deleted. It has to be stated; for all rows there is TRUNCATE. */
  readonly where: Where<unknown extends E ? Readonly<Record<string, Scalar | null>> : E>
  /** Copies each row in the transaction that deletes it. Default: the rows are gone. */
  readonly archive?: ArchiveOptions<A>
  /**
   * Tables whose rows the database deletes or changes along with these (ON DELETE CASCADE, SET NULL, SET DEFAULT), and theirs in turn: each by
   * its name. One that is not named is refused, because what happens there is neither archived nor undone. Default: none.
   */
  readonly cascade?: readonly string[]
  /** `'not-needed'`: the rows may stay deleted when the rest is taken back. Default: `undo` goes by the journal, and refuses to without one. */
  readonly reverse?: 'not-needed'
  /**
   * Keeps deleted rows, all of their columns, so that `undo` can create them again where their keys are still free. With `archive` only
   * their keys are kept, since the archive has the rows, and `undo` moves them back. Default: true with `archive`, else false.
   */
  readonly journal?: boolean | JournalOptions
  /** What must be true before a run and after it. */
  readonly verify?: AssertionOptions
}
