import type { Key, KeyRange } from '../../dialects/dialect.js'
import type { FailureRow } from '../../dialects/state-statements.js'
import { readKey, writeKey } from '../pages/cursor.js'
import type { Page } from '../pages/keyset-reader.js'
import type { Portions } from './isolate.js'

/**
 * Keys whose rows the database computes itself, as ranges that can be written in parts. A part ends with its last row to be written;
 * keys that are listed as failures lie between ranges.
 */
export function portionsOfRange(
  { keys, rows }: Pick<Page, 'keys' | 'rows'>,
  /** Where the keys come after, and where the shard ends. */
  { after, upTo }: KeyRange,
  failed: ReadonlySet<string>,
): Portions {
  const positions = new Map(keys.map((key, i) => [writeKey(key), i]))
  const isFailed = (key: Key) => failed.has(writeKey(key))
  const written = rows.filter(({ key }) => !isFailed(key)).map(({ key }) => positions.get(writeKey(key))!)

  /** The keys from `first` up to, but not including, `end`. */
  function rangesOf(first: number, end: number): KeyRange[] {
    const ranges: KeyRange[] = []
    let begin = first
    for (let at = first; at <= end; at++) {
      if (at < end && !isFailed(keys[at]!)) continue
      if (at > begin) ranges.push({ after: begin === 0 ? after : keys[begin - 1], upTo: keys[at - 1]! })
      begin = at + 1
    }
    return ranges
  }

  return {
    rows: written.map((position) => keys[position]!),
    isRetried: () => false,
    batchOf(from, to) {
      const first = from === 0 ? 0 : written[from - 1]! + 1
      const end = to === written.length ? keys.length : written[to - 1]! + 1
      const add = { scanned: end - first, passScanned: end - first }
      const advance = { cursor: keys[end - 1], upTo, add }
      return { advance, sets: [], ranges: rangesOf(first, end), failures: [], retried: new Map() }
    },
  }
}

/** Listed rows that are tried once more, each a range of its own. */
export function portionsOfRefused(entries: readonly FailureRow[]): Portions {
  const rows = entries.map(({ key }) => readKey(key))
  return {
    rows,
    isRetried: () => true,
    batchOf: (from, to) => ({
      advance: { cursor: undefined, add: {} },
      sets: [],
      ranges: rows.slice(from, to).map((key) => ({ after: key, upTo: key, isClosed: true })),
      failures: [],
      retried: new Map(entries.slice(from, to).map(({ key, attempts }) => [key, attempts])),
    }),
  }
}
