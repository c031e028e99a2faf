import type { DeleteAction, Reference, ReferringRow } from '../dialect.js'
import { columnsByIndex, referringRow } from '../references.js'
import type { Script } from '../script.js'
import { render, type Sql, sql } from '../sql.js'
import type { ColumnInfo, TableInfo, TableName } from '../table.js'
import { input, inputColumns } from './input.js'
import { cast, columnOf, keyTexts, pathOf, tableSql, textOf } from './rows.js'
import { spelling } from './spelling.js'

/** pg_constraint.confdeltype */
const actions: Readonly<Record<string, DeleteAction>> = {
  a: 'no action',
  r: 'restrict',
  c: 'cascade',
  n: 'set null',
  d: 'set default',
}

/** Those that partitions inherit are their table's own. */
export function* references(table: TableName): Script<readonly Reference[]> {
  const { rows } = yield render(
    sql`select c.conname::text, n.nspname::text, t.relname::text, pg_table_is_visible(t.oid), c.confdeltype::text,
        (select json_agg(a.attname::text order by k.position) from unnest(c.conkey) with ordinality as k(attnum, position)
          join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum)::text,
        (select json_agg(a.attname::text order by k.position) from unnest(c.confkey) with ordinality as k(attnum, position)
          join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.attnum)::text
      from pg_constraint c join pg_class t on t.oid = c.conrelid join pg_namespace n on n.oid = t.relnamespace
      where c.contype = 'f' and c.confrelid = to_regclass(${pathOf(tableSql(table))}) and c.conparentid = 0
      order by n.nspname, t.relname, c.conname`,
    spelling,
    'references',
  )
  return rows.map(([name, schema, child, isVisible, action, columns, referenced]) => ({
    name: String(name),
    table: { schema: isVisible === true ? undefined : String(schema), name: String(child) },
    schema: String(schema),
    columns: JSON.parse(String(columns)) as string[],
    referenced: JSON.parse(String(referenced)) as string[],
    onDelete: actions[String(action)] ?? 'no action',
  }))
}

export function* deleteTriggers(table: TableName): Script<readonly string[]> {
  const { rows } = yield render(
    sql`select t.tgname::text from pg_trigger t where t.tgrelid = to_regclass(${pathOf(tableSql(table))}) and not t.tgisinternal
      and t.tgenabled <> 'D' and t.tgtype & 8 <> 0 order by t.tgname`,
    spelling,
    'delete-triggers',
  )
  return rows.map(([name]) => String(name))
}

/** Whole indexes that answer an equality, whatever their order. */
export function* indexedColumns(table: TableName): Script<readonly (readonly (string | undefined)[])[]> {
  const { rows } = yield render(
    sql`select i.relname::text, a.attname::text
      from pg_index x join pg_class i on i.oid = x.indexrelid join pg_am m on m.oid = i.relam
      cross join lateral unnest(x.indkey::int2[]) with ordinality as k(attnum, position)
      left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum and k.attnum > 0
      where x.indrelid = to_regclass(${pathOf(tableSql(table))}) and x.indisvalid and x.indpred is null and m.amname in ('btree', 'hash')
        and k.position <= x.indnkeyatts
        and not exists (
          select 1 from unnest(x.indcollation::oid[]) with ordinality as c(coll, position)
          join unnest(x.indkey::int2[]) with ordinality as n(attnum, position) using (position)
          join pg_attribute b on b.attrelid = x.indrelid and b.attnum = n.attnum
          where c.coll <> b.attcollation and position <= x.indnkeyatts)
      order by i.relname, k.position`,
    spelling,
    'indexed-columns',
  )
  return columnsByIndex(rows)
}

/** In no order, which would have all of them sorted for the first few. */
export function* referringRows(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  values: readonly (readonly string[])[],
  { limit }: { readonly limit: number },
): Script<readonly ReferringRow[]> {
  const own = sql.id(info.table.name)
  const tokens = columns.map((column) => textOf(column, columnOf(info, column)))
  const { rows } = yield render(
    sql`select ${sql.join([sql`v.rs_ord`, keyTexts(info, own), ...tokens])} from ${holding(info, columns, values)}
      limit ${sql.raw(String(limit))} for update of ${own}`,
    spelling,
    'referring-rows',
  )
  return rows.map((row) => referringRow(row, info.key.length, 1))
}

export function* countReferring(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  values: readonly (readonly string[])[],
): Script<number> {
  const { rows } = yield render(
    sql`select count(*) from ${holding(info, columns, values)}`,
    spelling,
    'count-referring',
  )
  return Number(rows[0]?.[0])
}

/** unnest($1::text[]) with ordinality as v(rs_w0, rs_ord) join "order" on "order"."user_id" = cast(v.rs_w0 as bigint) */
function holding(info: TableInfo, columns: readonly ColumnInfo[], values: readonly (readonly string[])[]): Sql {
  const same = columns.map(
    (column, i) => sql`${columnOf(info, column)} = ${cast(sql`v.${sql.id(`rs_w${i}`)}`, column)}`,
  )
  return sql`${input(values, inputColumns('w', 0, columns.length))} join ${tableSql(info.table)} on ${sql.join(same, ' and ')}`
}
