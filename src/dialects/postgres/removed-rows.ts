import type { Journal, Key, KeyRange, MatchOptions, NewRow, TablePlan } from '../dialect.js'
import type { Script } from '../script.js'
import { render, type Sql, sql } from '../sql.js'
import type { ColumnInfo, TableInfo } from '../table.js'
import { input, inputColumns } from './input.js'
import { cast, columnOf, holds, inRange, keyJoin, keyTexts, orderBy, tableSql, textOf } from './rows.js'
import { spelling } from './spelling.js'

/* Rows that are deleted, what is kept of them, and how they come back. */

const byKeys = (info: TableInfo, keys: readonly Key[]): Sql => input(keys, inputColumns('k', 0, info.key.length))

/**
 * with p as materialized (select "city"."id", cast(lower(email) as text) as rs_v0 from "city"
 *   where ("id") > (cast($1 as bigint)) and ("id") <= (cast($2 as bigint)) and coalesce((<where>), false) for update of "city")
 * select cast(p."id" as text), p.rs_v0 from p order by p."id"
 *
 * Materialized for the reason that `readKeys` has.
 */
export function* matchingRows(
  { info, where }: TablePlan,
  among: KeyRange | readonly Key[],
  { values, isLocked }: MatchOptions,
): Script<readonly (readonly (string | null)[])[]> {
  const table = tableSql(info.table)
  const [from, found] = isKeys(among)
    ? [sql`${byKeys(info, among)} join ${table} on ${keyJoin(info)}`, sql`true`]
    : [table, inRange(info, among)]
  const names = values.map((_, i) => sql.id(`rs_v${i}`))
  const key = info.key.map((column) => columnOf(info, column))
  const texts = values.map(([column, value], i) => sql`${textOf(column, value)} as ${names[i]}`)
  const inner = sql`select ${sql.join([...key, ...texts])} from ${from} where ${found} ${where ? sql`and ${holds(where)}` : sql``}
    ${isLocked ? sql`for update of ${sql.id(info.table.name)}` : sql``}`
  const output = sql.join([keyTexts(info, sql`p`), ...names.map((name) => sql`p.${name}`)])
  const { rows } = yield render(
    sql`with p as materialized (${inner}) select ${output} from p order by ${orderBy(info, sql`p`)}`,
    spelling,
    'matching-rows',
  )
  return rows as readonly (readonly (string | null)[])[]
}

const isKeys = (among: KeyRange | readonly Key[]): among is readonly Key[] => Array.isArray(among)

/** delete from "city" where ("id") > (cast($1 as bigint)) and ("id") <= (cast($2 as bigint)) and (<where>) */
export function* deleteRange({ info, where }: TablePlan, range: KeyRange): Script<number> {
  const matching = where ? sql`${inRange(info, range)} and ${holds(where)}` : inRange(info, range)
  const { affected } = yield render(
    sql`delete from ${tableSql(info.table)} where ${matching}`,
    spelling,
    'delete-range',
  )
  return affected
}

/** delete from "profile" using unnest($1::text[]) with ordinality as v(rs_k0, rs_ord) where "profile"."id" = cast(v.rs_k0 as bigint) */
export function* deleteRows(info: TableInfo, keys: readonly Key[]): Script<number> {
  const { affected } = yield render(
    sql`delete from ${tableSql(info.table)} using ${byKeys(info, keys)} where ${keyJoin(info)}`,
    spelling,
    'delete-rows',
  )
  return affected
}

const namesOf = (columns: readonly ColumnInfo[]): Sql => sql.join(columns.map((column) => sql.id(column.name)))

/**
 * insert into "city_archive" ("id", "name") overriding system value select "city"."id", "city"."name"
 * from unnest($1::text[]) with ordinality as v(rs_k0, rs_ord) join "city" on "city"."id" = cast(v.rs_k0 as bigint) order by v.rs_ord
 */
export function* copyRows(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  keys: readonly Key[],
  into: TableInfo,
): Script<number> {
  const { affected } = yield render(
    sql`insert into ${tableSql(into.table)} (${namesOf(columns)}) overriding system value
      select ${sql.join(columns.map((column) => columnOf(info, column)))}
      from ${byKeys(info, keys)} join ${tableSql(info.table)} on ${keyJoin(info)} order by v.rs_ord`,
    spelling,
    'copy-rows',
  )
  return affected
}

/**
 * with noted as (insert into "rowshift_journal" (run_id, row_key, written, before_image, after_image)
 *   select 7, v.rs_w0, '["id", "name"]', cast(to_json(array[cast("city"."id" as text), ...]) as text), 'null'
 *   from unnest(...) with ordinality as v(rs_k0, rs_w0, rs_ord) join "city" on ... order by v.rs_ord returning ...)
 * select sum(bytes) from noted
 */
export function* noteRemoved(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  keys: readonly Key[],
  { table, runId, of }: Journal,
): Script<number> {
  const width = info.key.length
  const rows = keys.map((key) => [...key, JSON.stringify(key)])
  const given = input(rows, [...inputColumns('k', 0, width), ...inputColumns('w', width, 1)])
  // Not json_build_array: functions take a hundred arguments.
  const stored = sql`array[${sql.join(columns.map((column) => textOf(column, columnOf(info, column))))}]::text[]`
  const written = JSON.stringify(columns.map(({ name }) => name))
  const { rows: noted } = yield render(
    sql`with noted as (insert into ${table} (run_id, table_name, row_key, written, before_image, after_image)
        select cast(${runId} as bigint), cast(${of ?? null} as text), v.rs_w0, cast(${written} as text), cast(to_json(${stored}) as text), 'null'
        from ${given} join ${tableSql(info.table)} on ${keyJoin(info)} order by v.rs_ord
        returning octet_length(row_key) + octet_length(before_image) as bytes)
      select coalesce(sum(bytes), 0) from noted`,
    spelling,
    'note-removed',
  )
  return Number(noted[0]?.[0])
}

/** insert into "city" ("id", "name") overriding system value select cast(v.rs_w0 as bigint), ... from unnest(...) as v(rs_w0, ...) order by v.rs_ord */
export function* restoreRows(info: TableInfo, columns: readonly ColumnInfo[], rows: readonly NewRow[]): Script<void> {
  const values = columns.map((column, i) => cast(sql`v.${sql.id(`rs_w${i}`)}`, column))
  yield render(
    sql`insert into ${tableSql(info.table)} (${namesOf(columns)}) overriding system value select ${sql.join(values)}
      from ${input(rows, inputColumns('w', 0, columns.length))} order by v.rs_ord`,
    spelling,
    'restore-rows',
  )
}
