import type { InsertOptions, InsertOutcome, Key, NewRow } from '../dialect.js'
import type { Script } from '../script.js'
import { render, sql } from '../sql.js'
import type { ColumnInfo, TableInfo } from '../table.js'
import { input, inputColumns } from './input.js'
import { cast, keyJoin, keyTexts, tableSql } from './rows.js'
import { spelling } from './spelling.js'

/* Rows that are created. */

/**
 * insert into "profile" ("user_id", "bio") select cast(v.rs_w0 as bigint), cast(v.rs_w1 as text)
 * from unnest($1::text[], $2::text[]) with ordinality as v(rs_w0, rs_w1, rs_ord) order by v.rs_ord
 * on conflict ("user_id") do nothing returning cast("profile"."id" as text)
 *
 * Generated values are made after the sort, and a row is returned as it is inserted: keys come in the order of the rows.
 */
export function* insertRows(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  rows: readonly NewRow[],
  { unlessTaken, returnsKeys }: InsertOptions,
): Script<InsertOutcome> {
  const names = sql.join(columns.map((column) => sql.id(column.name)))
  const values = sql.join(columns.map((column, i) => cast(sql`v.${sql.id(`rs_w${i}`)}`, column)))
  const conflict = unlessTaken
    ? sql`on conflict (${sql.join(unlessTaken.map((column) => sql.id(column.name)))}) do nothing`
    : sql``
  const returning = returnsKeys ? sql`returning ${keyTexts(info, sql.id(info.table.name))}` : sql``
  const result = yield render(
    sql`insert into ${tableSql(info.table)} (${names}) select ${values}
      from ${input(rows, inputColumns('w', 0, columns.length))} order by v.rs_ord ${conflict} ${returning}`,
    spelling,
    'insert-rows',
  )
  return { created: result.affected, keys: returnsKeys ? result.rows.map((row) => row.map(String)) : [] }
}

/** select v.rs_ord, cast("city"."id" as text) from unnest($1::text[]) with ordinality as v(rs_k0, rs_ord) join "city" on ... */
export function* keysOfValues(
  info: TableInfo,
  keyed: TableInfo,
  values: readonly (readonly string[])[],
): Script<readonly (Key | undefined)[]> {
  const { rows } = yield render(
    sql`select v.rs_ord, ${keyTexts(info, sql.id(info.table.name))}
      from ${input(values, inputColumns('k', 0, keyed.key.length))} join ${tableSql(info.table)} on ${keyJoin(keyed)}`,
    spelling,
    'keys-of-values',
  )
  const keys: (Key | undefined)[] = values.map(() => undefined)
  for (const [position, ...key] of rows) keys[Number(position) - 1] = key.map(String)
  return keys
}
