import type { NewRow, SpelledRows, UpdateRow } from '../../dialects/dialect.js'
import type { BoundColumn } from '../prepare/binder.js'

/** Rows of a page that are written together. */
export interface ChangeSet {
  /** Columns of these rows that are written; none where rows of another table are created. */
  readonly columns: readonly BoundColumn[]
  readonly rows: UpdateRow[]
  /** What the transform returned for columns that must be unique, by property, a value a row. */
  readonly originals: ReadonlyMap<string, unknown[]>
  /** The rows as they are sent, if that was made ahead: of just these rows, or it is not of this set any more. */
  readonly ahead?: SpelledRows
  /** Rows of another table, a list a row; undefined = the rows themselves are written. */
  readonly creates?: (readonly NewRow[])[]
}

/** Some of the rows of a set, with all that belongs to them. */
export function pickRows(set: ChangeSet, isPicked: (row: UpdateRow, at: number) => boolean): ChangeSet {
  const picked = set.rows.map(isPicked)
  if (!picked.includes(false)) return set
  const only = <T>(all: readonly T[]): T[] => all.filter((_, i) => picked[i])
  return {
    columns: set.columns,
    rows: only(set.rows),
    originals: new Map([...set.originals].map(([property, values]) => [property, only(values)])),
    ...(set.creates && { creates: only(set.creates) }),
  }
}
