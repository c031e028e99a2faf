import type { Dialect, KeyRange, PageRange, TablePlan } from './dialect.js'
import type { Statement } from './sql.js'
import type { TableInfo } from './table.js'

/** The end of a page in two steps: most pages are full, and their end is found by stepping along the index. */
export const endInSteps = (
  /** The last key of a full page: one row; no row = the range has fewer keys. */
  fullPageEnd: (info: TableInfo, range: PageRange) => Statement,
  pageEnd: (info: TableInfo, range: PageRange) => Statement,
): Dialect['stepToPageEnd'] =>
  function* (info, range) {
    const width = info.key.length
    const [full] = (yield fullPageEnd(info, range)).rows
    if (full) return { last: full.slice(0, width).map(String), count: range.limit }
    const [end] = (yield pageEnd(info, range)).rows
    return end && { last: end.slice(0, width).map(String), count: Number(end[width]) }
  }

/** A look at a page in two steps, its end and then the range up to there: for databases that tell both no faster at once. */
export const lookInSteps = (
  stepToPageEnd: Dialect['stepToPageEnd'],
  /** A row if any of a key range matches `where`. */
  anyMatch: (plan: TablePlan, range: KeyRange) => Statement,
): Dialect['lookAtPage'] =>
  function* (plan, range) {
    const end = yield* stepToPageEnd(plan.info, range)
    if (!end) return undefined
    const found = yield anyMatch(plan, { after: range.after, upTo: end.last })
    return { ...end, hasMatch: found.rows.length > 0 }
  }
