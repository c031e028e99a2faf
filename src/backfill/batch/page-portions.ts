import type { Key } from '../../dialects/dialect.js'
import { writeKey } from '../pages/cursor.js'
import type { Page } from '../pages/keyset-reader.js'
import type { ShardContext } from '../shard-context.js'
import { pickRows } from '../transform/change-set.js'
import type { Changes } from '../transform/transform.js'
import type { Portions } from './isolate.js'
import { countersOf } from './page-counters.js'

/**
 * A page that can be written in parts. The cursor goes to the last row of each part, so the keys between two rows to be written
 * belong to the part of the second.
 */
export function portionsOfPage(
  { prepared }: ShardContext,
  page: Pick<Page, 'rows' | 'keys' | 'count'>,
  changes: Changes,
  whole: { readonly cursor: Key; readonly scanned: number; readonly upTo: Key },
): Portions {
  const width = prepared.info.key.length
  const positions = new Map(page.keys.map((key, i) => [writeKey(key), i]))
  const positionOf = (key: string) => positions.get(key)!
  const positionOfRow = (row: readonly (string | null)[]) => positionOf(writeKey(row.slice(0, width) as string[]))
  const positionsOfSets = changes.sets.map(({ rows }) => rows.map(positionOfRow))
  const written = positionsOfSets.flat().sort((a, b) => a - b)
  const failed = changes.failures.map(({ key }) => positionOf(key))
  const matching = page.rows.map(({ key }) => positionOf(writeKey(key)))
  // Pages without a match that were passed before this one belong to its first part.
  const passedBefore = whole.scanned - page.count

  return {
    rows: written.map((position) => page.keys[position]!),
    isRetried: () => false,
    batchOf(from, to) {
      const isLast = to === written.length
      const first = from === 0 ? 0 : written[from - 1]! + 1
      const end = isLast ? page.count : written[to - 1]! + 1
      const isWithin = (position: number) => position >= first && position < end
      const sets = changes.sets.flatMap((set, at) => {
        const part = pickRows(set, (_, i) => isWithin(positionsOfSets[at]![i]!))
        return part.rows.length > 0 ? [part] : []
      })
      const failures = changes.failures.filter((_, i) => isWithin(failed[i]!))
      const left = matching.filter(isWithin).length - (to - from) - failures.length
      const scanned = end - first + (from === 0 ? passedBefore : 0)
      const cursor = isLast ? whole.cursor : page.keys[end - 1]
      const advance = { cursor, upTo: whole.upTo, add: countersOf(prepared, left, scanned) }
      return { advance, sets, failures, retried: new Map() }
    },
  }
}
