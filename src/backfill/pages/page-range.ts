import type { Dialect, Explanation, KeyRange, TablePlan } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { tableText } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'

/** A table of so few keys is read as a whole in any case. */
const fewKeys = 1_000

/**
 * How a page between two keys would be read. Each page must be a range of the key's index: if each scanned the table, the time of a
 * run would grow with the square of its rows.
 * @throws RowshiftError PAGE_NOT_A_RANGE
 */
export function* requireRangePages(dialect: Dialect, plan: TablePlan, upTo: KeyRange['upTo']): Script<Explanation> {
  // With a lower bound: without one even a scan of the whole index would look like a range.
  const probe = dialect.pageEnd(plan.info, { after: undefined, upTo, limit: fewKeys })
  const [end] = (yield { ...probe, label: 'probe-page' }).rows
  const after = end?.slice(0, plan.info.key.length).map(String) ?? upTo
  const found = yield* dialect.explain(plan.info, dialect.readPage(plan, { after, upTo, limit: fewKeys }, 'plain'))
  if (found.isByIndex || Number(end?.at(-1) ?? 0) < fewKeys) return found
  const table = tableText(plan.info.table)
  throw new RowshiftError('PAGE_NOT_A_RANGE', {
    message: `a page of "${table}" would be no range of its key's index "${plan.info.keyIndex}" but a scan, again for each page:\n  ${found.lines.join('\n  ')}\nSee that the index is valid and that the planner may use it.`,
    details: { table, index: plan.info.keyIndex, explain: found.lines },
  })
}
