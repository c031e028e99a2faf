import type { Key } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { type ColumnInfo, storedColumns, type TableInfo, tableText } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { Archive } from './archive.js'
import type { WritePlace } from './destination.js'
import type { RangeAction, RangeResult } from './range-action.js'

const nothing: RangeResult = { written: 0, stillMatching: undefined, journalBytes: 0 }

/**
 * The rows are deleted: by one statement, or, where something is kept of them, by their keys. These are locked first, so that what is
 * kept and what is deleted are the same rows, whatever `where` would say a moment later.
 */
export function removeRange(info: TableInfo, archive: Archive | undefined, isJournaled: boolean): RangeAction {
  const isKept = archive !== undefined || isJournaled
  return {
    finds: isKept ? 'matching-rows' : 'delete-range',
    written: [],
    shown: storedColumns(info),
    removes: true,
    archive,
    *requireLookups() {},
    *write(place, plan, range) {
      const { dialect } = place
      if (!isKept) return { ...nothing, written: yield* dialect.deleteRange(plan, range) }
      const keys = (yield* dialect.matchingRows(plan, range, { values: [], isLocked: true })) as readonly Key[]
      if (keys.length === 0) return nothing
      if (archive) requireAll(info, keys, yield* dialect.copyRows(info, archive.columns, keys, archive.info))
      // The archive has what was in them.
      const journalBytes = yield* removeRows(place, info, keys, archive ? info.key : storedColumns(info))
      return { ...nothing, written: keys.length, journalBytes }
    },
  }
}

/** Deletes locked rows, after these columns of them were journaled. Returns about how much the journal was given. */
export function* removeRows(
  { dialect, journal }: WritePlace,
  info: TableInfo,
  keys: readonly Key[],
  noted: readonly ColumnInfo[] = storedColumns(info),
): Script<number> {
  const journalBytes = journal ? yield* dialect.noteRemoved(info, noted, keys, journal) : 0
  requireAll(info, keys, yield* dialect.deleteRows(info, keys))
  return journalBytes
}

/** A trigger may pass over a row without an error: it would be kept twice. */
export function requireAll(info: TableInfo, keys: readonly Key[], done: number): void {
  if (done === keys.length) return
  const table = tableText(info.table)
  throw new RowshiftError('ROW_REFUSED', {
    message: `of ${keys.length} rows of "${table}" ${done} were moved or deleted: a trigger passes over the others. Nothing of this batch was kept.`,
    details: { table },
  })
}
