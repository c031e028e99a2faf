import type { Dialect, Key, KeyRange, TablePlan } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import type { ColumnInfo } from '../../dialects/table.js'
import type { Archive } from './archive.js'
import type { WritePlace } from './destination.js'
import type { Duplicates } from './duplicates.js'

export interface RangeResult {
  /** Rows that were changed or removed. */
  readonly written: number
  /** A row that still matches `where`; undefined = none was found. */
  readonly stillMatching: Key | undefined
  /** About how much the journal was given. */
  readonly journalBytes: number
}

/**
 * What the database does with the matching rows of a key range: a value of the definition, so that the loop, the halves, the plan and the
 * dry run know nothing of it. No row leaves the database.
 */
export interface RangeAction {
  /** The label of the statement that finds the rows. */
  readonly finds: string
  /** Columns that are written; none where rows are removed. */
  readonly written: readonly ColumnInfo[]
  /** Columns that say what a row was: for samples. */
  readonly shown: readonly ColumnInfo[]
  /** Whether the rows are gone afterwards. */
  readonly removes: boolean
  /** Where they are then; undefined = nowhere. */
  readonly archive: Archive | undefined
  /** Rows that are the same, if that is what it settles. */
  readonly duplicates?: Duplicates
  /** Refuses what would look rows up by a scan of a table, again for each page. @throws RowshiftError LOOK_UP_NEEDS_INDEX */
  requireLookups(dialect: Dialect): Script<void>
  /** Inside a batch's transaction, or one that is rolled back. */
  write(place: WritePlace, plan: TablePlan, range: KeyRange): Script<RangeResult>
}
