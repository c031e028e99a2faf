import type { Dialect } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { render, type Sql } from '../../dialects/sql.js'
import { type ColumnInfo, type TableInfo, type TableName, tableText } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { PreparedBackfill } from '../prepare/prepare-backfill.js'

/*
 * Rows that are looked up by other columns than their key, again for each page: without an index the time of a run would grow with the square of
 * its rows.
 */

/** A table of so few rows is scanned as fast as an index is read. */
const fewRows = 1_000

/** Whatever is looked up again for each page has an index. @throws RowshiftError LOOK_UP_NEEDS_INDEX */
export function* requireLookups(dialect: Dialect, { definition, info, work }: PreparedBackfill): Script<void> {
  if (work.form === 'sql') yield* work.action.requireLookups(dialect)
  if (work.form !== 'transform') return
  for (const { bound } of work.unindexed) yield* requireIndexOn(dialect, definition.name, info.table, [bound.column])
}

/** @throws RowshiftError LOOK_UP_NEEDS_INDEX unless an index begins with these columns, in any order */
export function* requireIndexOn(
  dialect: Dialect,
  backfill: string,
  table: TableName,
  columns: readonly ColumnInfo[],
): Script<void> {
  const names = new Set(columns.map(({ name }) => name))
  const indexes = yield* dialect.indexedColumns(table)
  const serves = (index: readonly (string | undefined)[]) =>
    index.length >= names.size && index.slice(0, names.size).every((name) => name !== undefined && names.has(name))
  if (indexes.some(serves) || (yield* dialect.estimateRows(table)) < fewRows) return
  throw needsIndex(backfill, table, [...names].join(', '))
}

/** The same for an expression: the planner is asked. */
export function* requireLookup(
  dialect: Dialect,
  backfill: string,
  info: TableInfo,
  lookUp: (key: readonly Sql[]) => Sql,
): Script<void> {
  const { rows } = yield dialect.lastKey(info)
  if (!rows[0] || (yield* dialect.estimateRows(info.table)) < fewRows) return
  const key = info.key.map((column, i) => dialect.conditionValue(column, String(rows[0]![i])))
  const { isByIndex, lines } = yield* dialect.explain(info, render(lookUp(key), dialect, 'look-up'))
  if (!isByIndex) throw needsIndex(backfill, info.table, 'the expression of `by`', lines)
}

function needsIndex(backfill: string, table: TableName, by: string, explain: readonly string[] = []): RowshiftError {
  const name = tableText(table)
  return new RowshiftError('LOOK_UP_NEEDS_INDEX', {
    message: `backfill "${backfill}" looks up rows of "${name}" by ${by}, and no index serves that: each page would scan the table.${explain.map((line) => `\n  ${line}`).join('')}\nCreate one before the backfill.`,
    details: { backfill, table: name, by, explain },
  })
}
