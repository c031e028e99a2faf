import type { Key, NewRow, TablePlan } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { type ColumnInfo, keyedBy, type TableInfo } from '../../dialects/table.js'
import { rereadRows } from '../pages/keyset-reader.js'
import type { WritePlace } from './destination.js'
import { imageOf, noteImages } from './journal.js'

/** What happens to a row whose values in these columns, those of a unique index, are taken. */
export interface OnTaken {
  readonly key: readonly ColumnInfo[]
  /** Columns that are written into the row that is in the way; none = it stays as it is. */
  readonly overwrites: readonly ColumnInfo[]
}

/** What became of rows that were to be created. */
export interface Creation {
  readonly created: number
  /** Rows that were there, or given earlier, and have the values now. */
  readonly updated: number
  /** Rows that stay as they are, because others were in the way. */
  readonly skipped: number
  /** The key of each row that was given, or of the one in its way; empty unless keys are wanted. */
  readonly keys: readonly Key[]
}

/** `raced`: somebody else has created or deleted one of the rows since; roll back, and do it again. */
export type CreateRows = (place: WritePlace, rows: readonly NewRow[]) => Script<Creation | 'raced'>

/** How rows with values for these columns are created, in a transaction of the caller's. */
export function creationOf(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  onTaken: OnTaken | undefined,
  wantsKeys = false,
): CreateRows {
  return onTaken ? createUnlessTaken(info, columns, onTaken, wantsKeys) : createAll(info, columns, wantsKeys)
}

const createAll = (info: TableInfo, columns: readonly ColumnInfo[], wantsKeys: boolean): CreateRows =>
  function* (place, rows) {
    const { created, keys } = yield* insert(place, info, columns, rows, undefined, wantsKeys)
    return { created, updated: 0, skipped: 0, keys: wantsKeys ? keys : [] }
  }

function createUnlessTaken(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  { key, overwrites }: OnTaken,
  wantsKeys: boolean,
): CreateRows {
  const at = key.map((column) => columns.indexOf(column))
  const keyed = keyedBy(info, key)!
  const keyOf = (row: NewRow) => at.map((i) => row[i]!)
  // NULL is never the same as anything, so nothing is in the way of such a row.
  const mayBeTaken = (row: NewRow) => at.every((i) => row[i] !== null)

  /** Of rows with one key the last one, as if they were written one after another. */
  function* lastOf({ dialect }: WritePlace, rows: readonly NewRow[]): Script<readonly NewRow[]> {
    if (rows.length === 0) return rows
    const backwards = rows.toReversed()
    const firsts = yield* dialect.sameValues(info, key, backwards.map(keyOf))
    return backwards.filter((_, i) => firsts[i] === i).toReversed()
  }

  /** Overwrites the rows whose keys are there, and returns the others. */
  function* overwrite(place: WritePlace, rows: readonly NewRow[]): Script<readonly NewRow[]> {
    const { dialect, journal } = place
    const before: TablePlan = {
      info: keyed,
      read: [...info.key, ...overwrites],
      where: undefined,
      endsWithWrite: false,
    }
    const plan: TablePlan = { ...before, read: [] }
    const standing = new Set(yield* dialect.lockGuarded(plan, rows.map(keyOf)))
    const there = rows.filter((_, i) => standing.has(i))
    if (there.length > 0) {
      const found = journal ? (yield* rereadRows(dialect, before, there.map(keyOf), 'current')).matching : []
      const cells = there.map((row) => [...keyOf(row), ...overwrites.map((column) => row[columns.indexOf(column)]!)])
      yield* dialect.updateRows(plan, overwrites, cells)
      const width = info.key.length
      const images = found.map(({ tokens }) => imageOf(tokens.slice(0, width) as string[], tokens.slice(width)))
      yield* noteImages(dialect, info, overwrites, images, journal)
    }
    return rows.filter((_, i) => !standing.has(i))
  }

  /** The keys of all rows: of those that were created without a look, and of those that their values lead to. */
  function* keysOf(
    { dialect }: WritePlace,
    rows: readonly NewRow[],
    free: readonly Key[],
  ): Script<readonly Key[] | 'raced'> {
    if (!wantsKeys) return []
    const found = yield* dialect.keysOfValues(info, keyed, rows.filter(mayBeTaken).map(keyOf))
    const fromFree = free.values()
    const fromFound = found.values()
    const keys: Key[] = []
    for (const row of rows) {
      const one = (mayBeTaken(row) ? fromFound : fromFree).next().value
      if (!one) return 'raced'
      keys.push(one)
    }
    return keys
  }

  return function* (place, rows) {
    const free = rows.filter((row) => !mayBeTaken(row))
    const bound = rows.filter(mayBeTaken)
    const unbound = yield* insert(place, info, columns, free, undefined, wantsKeys)
    const counts = overwrites.length === 0 ? yield* createAbsent(place, bound) : yield* createOrOverwrite(place, bound)
    if (counts === 'raced') return counts
    const keys = yield* keysOf(place, rows, unbound.keys)
    return keys === 'raced' ? keys : { ...counts, created: counts.created + unbound.created, keys }
  }

  function* createAbsent(place: WritePlace, rows: readonly NewRow[]): Script<Omit<Creation, 'keys'>> {
    const { created } = yield* insert(place, info, columns, rows, key)
    return { created, updated: 0, skipped: rows.length - created }
  }

  function* createOrOverwrite(place: WritePlace, rows: readonly NewRow[]): Script<Omit<Creation, 'keys'> | 'raced'> {
    const distinct = yield* lastOf(place, rows)
    const absent = yield* overwrite(place, distinct)
    const { created } = yield* insert(place, info, columns, absent, key)
    // Somebody else has created one of them since.
    if (created < absent.length) return 'raced'
    return { created, updated: distinct.length - created, skipped: rows.length - distinct.length }
  }
}

/** Creates rows and journals them. */
function* insert(
  { dialect, journal }: WritePlace,
  info: TableInfo,
  columns: readonly ColumnInfo[],
  rows: readonly NewRow[],
  unlessTaken: readonly ColumnInfo[] | undefined,
  wantsKeys = false,
): Script<{ readonly created: number; readonly keys: readonly Key[] }> {
  if (rows.length === 0) return { created: 0, keys: [] }
  const options = { unlessTaken, returnsKeys: wantsKeys || journal !== undefined }
  const outcome = yield* dialect.insertRows(info, columns, rows, options)
  if (!journal) return outcome
  // The whole row, so that an undo sees whatever was changed in it since.
  const images = outcome.keys.map((key) => imageOf(key, null))
  yield* noteImages(dialect, info, [...info.columns.values()], images, journal)
  return outcome
}
