import type { Sql } from '../../dialects/sql.js'
import type { ColumnInfo } from '../../dialects/table.js'
import type { RangeAction } from './range-action.js'

/** Expressions are written into the rows: one statement a range. */
export function computeRange(set: readonly (readonly [ColumnInfo, Sql])[]): RangeAction {
  const written = set.map(([column]) => column)
  return {
    finds: 'update-range',
    written,
    shown: written,
    removes: false,
    archive: undefined,
    *requireLookups() {},
    *write({ dialect }, plan, range) {
      return { ...(yield* dialect.updateRange(plan, set, range)), journalBytes: 0 }
    },
  }
}
