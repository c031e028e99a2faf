import type { Dialect, Key, KeyRange, TablePlan } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { type ColumnInfo, storedColumns, type TableInfo } from '../../dialects/table.js'
import { writeKey } from '../pages/cursor.js'
import { rereadRows } from '../pages/keyset-reader.js'
import type { WritePlace } from './destination.js'
import type { Duplicates, Pair } from './duplicates.js'
import { imageOf, noteImages } from './journal.js'
import type { RangeAction } from './range-action.js'
import { removeRows } from './remove-range.js'
import { repointRows } from './repoint-rows.js'

/** Constants that are written into rows that do not survive. */
export interface Mark {
  readonly columns: readonly ColumnInfo[]
  readonly texts: readonly (string | null)[]
}

/**
 * Rows that do not survive are settled together with those that take their place: both are locked, and still what they were found to be, when
 * references are moved to the survivors and the others are deleted or marked. Only keys leave the database, those of one page.
 */
export function dedupeRange(
  info: TableInfo,
  duplicates: Duplicates,
  mark: Mark | undefined,
  requireLookups: (dialect: Dialect) => Script<void>,
): RangeAction {
  return {
    finds: 'matching-rows',
    written: mark?.columns ?? [],
    shown: mark?.columns ?? storedColumns(info),
    removes: mark === undefined,
    archive: undefined,
    duplicates,
    requireLookups,
    *write(place, plan, range) {
      const pairs = yield* lockedPairs(place.dialect, duplicates, plan, range)
      if (pairs.length === 0) return { written: 0, stillMatching: undefined, journalBytes: 0 }
      let journalBytes = 0
      for (const reference of duplicates.references)
        journalBytes += (yield* repointRows(place, reference, pairs)).journalBytes
      const others = pairs.map(({ other }) => other)
      journalBytes += yield* mark ? markRows(place, info, mark, others) : removeRows(place, info, others)
      return { written: others.length, stillMatching: undefined, journalBytes }
    },
  }
}

/** Times that survivors may turn out to be others than those that were locked. */
const rounds = 10

/**
 * The pairs of a range, both of each locked. Which row survives is asked again once they are: whoever was deleted or changed meanwhile is no
 * survivor. A better row that comes later makes this survivor a duplicate, which the next sweep finds.
 */
function* lockedPairs(
  dialect: Dialect,
  duplicates: Duplicates,
  plan: TablePlan,
  range: KeyRange,
): Script<readonly Pair[]> {
  let pairs = yield* duplicates.pairs(dialect, plan, range)
  // Whoever writes here is alone.
  if (dialect.locksWholeDatabase) return pairs
  const locked = new Set<string>()
  const isLocked = (pair: Pair) => locked.has(writeKey(pair.other)) && locked.has(writeKey(pair.survivor))
  for (let round = 0; round < rounds && !pairs.every(isLocked); round++) {
    const keys = new Map(pairs.flatMap(({ other, survivor }) => [other, survivor]).map((key) => [writeKey(key), key]))
    // All workers lock in one order, whatever it is.
    const wanted = [...keys].filter(([text]) => !locked.has(text)).sort(([a], [b]) => (a < b ? -1 : 1))
    const bare = { ...plan, read: [], where: undefined }
    const found = yield* rereadRows(
      dialect,
      bare,
      wanted.map(([, key]) => key),
      'current',
    )
    for (const { key } of found.matching) locked.add(writeKey(key))
    pairs = yield* duplicates.pairs(
      dialect,
      plan,
      pairs.map(({ other }) => other),
    )
  }
  return pairs.filter(isLocked)
}

/** Returns about how much the journal was given. */
function* markRows(
  { dialect, journal }: WritePlace,
  info: TableInfo,
  { columns, texts }: Mark,
  keys: readonly Key[],
): Script<number> {
  const plan: TablePlan = { info, read: columns, where: undefined, endsWithWrite: false }
  const before = journal ? (yield* rereadRows(dialect, plan, keys, 'current')).matching : []
  yield* dialect.updateRows(
    { ...plan, read: [] },
    columns,
    keys.map((key) => [...key, ...texts]),
  )
  const images = before.map(({ key, tokens }) => imageOf(key, tokens))
  yield* noteImages(dialect, info, columns, images, journal)
  return images.reduce((sum, image) => sum + image.join('').length, 0)
}
