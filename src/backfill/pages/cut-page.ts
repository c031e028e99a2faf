import type { Key, UpdateRow } from '../../dialects/dialect.js'
import { pickRows } from '../transform/change-set.js'
import type { Changes } from '../transform/transform.js'
import { writeKey } from './cursor.js'
import type { Page } from './keyset-reader.js'

/** A page that has been read and transformed. */
export interface TransformedPage {
  readonly page: Page
  readonly changes: Changes
}

/**
 * The part of a page that is left when its range became shorter after it was read: up to `last`, which is the last of the page's
 * keys in the range as the database compares them. What was transformed is not transformed again. It never counts as the range's
 * last: rows of the page may have gone since it was read, so that `last` lies before the range's end, with others behind it.
 * undefined = `last` is not among the page's keys.
 */
export function cutPage(transformed: TransformedPage, last: Key): TransformedPage | undefined {
  const end = writeKey(last)
  const at = transformed.page.keys.findIndex((key) => writeKey(key) === end)
  return at < 0 ? undefined : firstKeys(transformed, at + 1, false)
}

/** The first keys of a page. */
export function firstKeys({ page, changes }: TransformedPage, count: number, isLast: boolean): TransformedPage {
  if (count === page.count) return { page, changes }
  const first = page.first(count, isLast)
  const kept = new Set(first.keys.map(writeKey))
  const width = first.last?.length
  const isKept = (row: UpdateRow) => kept.has(writeKey(row.slice(0, width) as string[]))
  const sets = changes.sets.map((set) => pickRows(set, isKept)).filter((set) => set.rows.length > 0)
  const failures = changes.failures.filter((failure) => kept.has(failure.key))
  const written = sets.reduce((sum, set) => sum + set.rows.length, 0)
  return { page: first, changes: { sets, failures, left: first.rows.length - written - failures.length } }
}
