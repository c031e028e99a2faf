import type { Journal, Key, KeyRange, MatchOptions, NewRow, TablePlan } from '../dialect.js'
import type { Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import type { ColumnInfo, TableInfo } from '../table.js'
import type { SqliteTable } from './introspect.js'
import {
  columnOf,
  compare,
  firstCells,
  given,
  holds,
  input,
  inRange,
  keyColumns,
  keyed,
  keyJoin,
  keyTexts,
  orderBy,
  perRow,
  tableSql,
} from './rows.js'
import { spelling } from './spelling.js'
import { restored, textOf } from './texts.js'

/* Rows that are deleted, what is kept of them, and how they come back. */

const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

/** (select key as rs_ord, value ->> 0 as rs_c0 from json_each(?)) as rs_v cross join "city" on "city"."id" = rs_v.rs_c0 */
const byKeys = (info: TableInfo, rows: readonly (readonly string[])[], width = info.key.length): Sql =>
  sql`${input(rows, width)} cross join ${keyed(info)} on ${keyJoin(info, rows)}`

/** select <text of "city"."id"> from "city" where "city"."id" > ? and "city"."id" <= ? and +(<where>) order by "city"."id" */
export function* matchingRows(
  { info, where }: TablePlan,
  among: KeyRange | readonly Key[],
  { values }: MatchOptions,
): Script<readonly (readonly (string | null)[])[]> {
  const texts = values.map(([column, value]) => textOf(column, value))
  const [from, found] = isKeys(among) ? [byKeys(info, among), sql`1`] : [keyed(info), inRange(info, among)]
  const { rows } = yield statement(
    'matching-rows',
    sql`select ${sql.join([keyTexts(info), ...texts])} from ${from} where ${found} ${where ? sql`and ${holds(where)}` : sql``}
      order by ${orderBy(keyColumns(info))}`,
  )
  return rows as readonly (readonly (string | null)[])[]
}

const isKeys = (among: KeyRange | readonly Key[]): among is readonly Key[] => Array.isArray(among)

/** delete from "city" where "city"."id" > ? and "city"."id" <= ? and +(<where>) */
export function* deleteRange({ info, where }: TablePlan, range: KeyRange): Script<number> {
  const matching = where ? sql`${inRange(info, range)} and ${holds(where)}` : inRange(info, range)
  const { affected } = yield statement('delete-range', sql`delete from ${keyed(info)} where ${matching}`)
  return affected
}

/** delete from "profile" where "profile"."id" = ? */
export function* deleteRows(info: TableInfo, keys: readonly Key[]): Script<number> {
  const remove = perRow(firstCells(info.key.length), (key) =>
    statement('delete-rows', sql`delete from ${tableSql(info.table)} where ${compare(info, '=', key as Key)}`),
  )
  let deleted = 0
  for (const key of keys) deleted += (yield remove(key)).affected
  return deleted
}

const namesOf = (columns: readonly ColumnInfo[]): Sql => sql.join(columns.map((column) => sql.id(column.name)))

/** A constraint declared ON CONFLICT REPLACE would delete the row that is in the way. */
const insertInto = (info: TableInfo): Sql =>
  (info as SqliteTable).hasConflictClause
    ? sql`insert or abort into ${tableSql(info.table)}`
    : sql`insert into ${tableSql(info.table)}`

/** insert into "city_archive" ("id", "name") select "city"."id", "city"."name" from (...json_each(?)) as rs_v cross join "city" on ... */
export function* copyRows(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  keys: readonly Key[],
  into: TableInfo,
): Script<number> {
  const { affected } = yield statement(
    'copy-rows',
    sql`${insertInto(into)} (${namesOf(columns)}) select ${sql.join(columns.map((column) => columnOf(info, column)))}
      from ${byKeys(info, keys)} order by rs_v.rs_ord`,
  )
  return affected
}

/**
 * insert into "rowshift_journal" (run_id, row_key, written, before_image, after_image)
 * select 7, rs_v.rs_c1, '["id", "name"]', json_array(<text of "city"."id">, ...), 'null' from (...) as rs_v cross join "city" on ...
 */
export function* noteRemoved(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  keys: readonly Key[],
  { table, runId, of }: Journal,
): Script<number> {
  const width = info.key.length
  const stored = sql.join(columns.map((column) => textOf(column, columnOf(info, column))))
  const written = JSON.stringify(columns.map(({ name }) => name))
  const rows = keys.map((key) => [...key, JSON.stringify(key)])
  const { rows: noted } = yield statement(
    'note-removed',
    sql`insert into ${table} (run_id, table_name, row_key, written, before_image, after_image)
      select ${runId}, ${of ?? null}, ${given(width)}, ${written}, json_array(${stored}), 'null' from ${byKeys(info, rows, width + 1)} order by rs_v.rs_ord
      returning length(row_key) + length(before_image)`,
  )
  return noted.reduce((sum, [bytes]) => sum + Number(bytes), 0)
}

/** insert into "city" ("id", "name") values (?, ?): a value that was marked is spelled by its own type, so each row has its statement. */
export function* restoreRows(info: TableInfo, columns: readonly ColumnInfo[], rows: readonly NewRow[]): Script<void> {
  for (const row of rows) {
    const values = sql.join(columns.map((column, i) => restored(column, row[i] ?? null)))
    yield statement('restore-rows', sql`${insertInto(info)} (${namesOf(columns)}) values (${values})`)
  }
}
