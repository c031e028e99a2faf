import type { TablePlan, UpdateRow } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { tableText } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { WritePlace } from './destination.js'
import type { BoundReference, Pair } from './duplicates.js'
import { imageOf, noteImages } from './journal.js'

/** Rows that are moved at a time: a row may be referred to by any number of others, and none of them may fill the memory. */
const rowsAtOnce = 5_000

/**
 * Makes rows that refer to duplicates refer to their survivors. They are found by their own index and locked; with a foreign key nobody can add
 * another one meanwhile, since the row it would refer to is locked.
 */
export function* repointRows(
  { dialect, journal }: WritePlace,
  { info, columns, referenced }: BoundReference,
  pairs: readonly Pair[],
): Script<{ readonly rows: number; readonly journalBytes: number }> {
  // What is NULL is referred to by nobody.
  const moved = pairs
    .map(({ values }) => referenced.map((column) => values.get(column)!))
    .filter((values) => values.every(([other]) => other !== null))
  const sum = { rows: 0, journalBytes: 0 }
  if (moved.length === 0) return sum
  const plan: TablePlan = { info, read: [], where: undefined, endsWithWrite: false }
  const from = moved.map((values) => values.map(([other]) => other!))
  const width = info.key.length
  for (;;) {
    const found = yield* dialect.referringRows(info, columns, from, { limit: rowsAtOnce })
    if (found.length === 0) return sum
    const rows = found.map(({ position, key, tokens }) => {
      const to = moved[position]!.map(([, survivor]) => survivor)
      return { key, tokens, to, newKey: key.map((text, i) => to[columns.indexOf(info.key[i]!)] ?? text) }
    })
    if (rows.some(({ to }) => to.includes(null))) throw notMoved(info, 'the survivor has NULL there')
    const updates = rows.map(({ key, to }): UpdateRow => [...key, ...to])
    const { unwritten } = yield* dialect.updateRows(plan, columns, updates, 'restored')
    if (unwritten === 'unknown' || unwritten.length > 0) throw notMoved(info, 'a trigger passes over them')
    // Of the row as it is now: its key may contain what was changed.
    const images = rows.map(({ newKey, tokens }) => imageOf(newKey, tokens))
    yield* noteImages(dialect, info, columns, images, journal && { ...journal, of: tableText(info.table) })
    sum.rows += rows.length
    if (journal) sum.journalBytes += updates.reduce((bytes, row) => bytes + 2 * row.join('').length + width, 0)
    if (found.length < rowsAtOnce) return sum
  }
}

function notMoved(info: BoundReference['info'], why: string): RowshiftError {
  const table = tableText(info.table)
  return new RowshiftError('ROW_REFUSED', {
    message: `rows of "${table}" cannot be made to refer to the survivor: ${why}. Nothing of this batch was kept.`,
    details: { table },
  })
}
