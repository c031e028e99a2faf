import type { Dialect, Journal, Key, ReadMode, RowSpeller, TablePlan } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import type { TableInfo } from '../../dialects/table.js'
import type { PageRow } from '../pages/keyset-reader.js'
import type { ChangeSet } from '../transform/change-set.js'

/** What becomes of a row's outcome: it waits in a set, changes nothing, or cannot be written. */
export type Taken = 'taken' | 'left' | { readonly fault: string }

/** Where a set is written: inside a batch's transaction, or one that is rolled back. */
export interface WritePlace {
  readonly dialect: Dialect
  readonly mode: ReadMode
  /** undefined = none is kept. */
  readonly journal: Journal | undefined
}

export interface SetOutcome {
  /** Positions of the rows that are gone or changed; see `UpdateOutcome`. */
  readonly missed: readonly number[] | 'unknown'
  readonly written: number
  /** Rows that were there already and were to be left so. */
  readonly skipped: number
  /** A row of the source that still matches `where`. */
  readonly stillMatching: Key | undefined
}

/**
 * What a batch writes: a value of the definition, so that nothing else knows whether it is the rows that were read or rows of another
 * table.
 */
export interface Destination {
  /** The table that is written. */
  readonly info: TableInfo
  /** Adds what a transform returned for a row, anything but undefined, to the sets. */
  take(sets: Map<string, ChangeSet>, row: PageRow, outcome: unknown): Taken
  /** Whether the guards must hold and the rows be locked before `write`. */
  readonly locksFirst: boolean
  /** Whether a unique value may be taken by others between a look and the write: then the batch is done again. */
  readonly mayClash: boolean
  /** Rows that a set writes, if none is missed. */
  rowsOf(set: ChangeSet): number
  /** About how much a set adds to a journal. */
  journalBytes(plan: TablePlan, set: ChangeSet): number
  /** Spells a set's rows ahead of its batch; undefined where they are not yet what will be sent, or are sent as they are. */
  speller(dialect: Dialect, plan: TablePlan, set: ChangeSet): RowSpeller | undefined
  /** Writes a set and journals it. `plan` is that of the rows that were read; `isLocked`: they are locked, and their guards hold. */
  write(place: WritePlace, plan: TablePlan, set: ChangeSet, isLocked: boolean): Script<SetOutcome>
}
