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
 * keys in the range as the database compares them. What was transformed is not transformed again. undefined = `last` is
 * not among the page's keys.
 */
export function cutPage({ page, changes }: TransformedPage, last: Key): TransformedPage | undefined {
  const end = writeKey(last)
  const at = page.keys.findIndex((key) => writeKey(key) === end)
  if (at < 0) return undefined
  if (at === page.keys.length - 1) return { page, changes }
  const keys = page.keys.slice(0, at + 1)
  const kept = new Set(keys.map(writeKey))
  const rows = page.rows.filter((row) => kept.has(writeKey(row.key)))
  const isKept = (row: UpdateRow) => kept.has(writeKey(row.slice(0, last.length) as string[]))
  const sets = changes.sets.map((set) => pickRows(set, isKept)).filter((set) => set.rows.length > 0)
  const failures = changes.failures.filter((failure) => kept.has(failure.key))
  const written = sets.reduce((sum, set) => sum + set.rows.length, 0)
  return {
    page: { keys, rows, last, isLast: true },
    changes: { sets, failures, left: rows.length - written - failures.length },
  }
}

/** The first keys of a page that is not transformed yet. */
export function firstOfPage(page: Page, count: number): Page {
  if (page.keys.length <= count) return page
  const keys = page.keys.slice(0, count)
  const kept = new Set(keys.map(writeKey))
  return { keys, rows: page.rows.filter(({ key }) => kept.has(writeKey(key))), last: keys.at(-1), isLast: false }
}
