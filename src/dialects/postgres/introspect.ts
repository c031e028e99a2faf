import { RowshiftError } from '../../errors/rowshift-error.js'
import { requireKey, type UniqueIndex } from '../key.js'
import type { Script } from '../script.js'
import { render, type Sql, sql } from '../sql.js'
import {
  type CatalogueColumn,
  type ColumnInfo,
  type ColumnKind,
  type TableInfo,
  type TableName,
  tableText,
} from '../table.js'
import { pathOf, tableSql } from './rows.js'
import { spelling } from './spelling.js'

const kinds: Readonly<Record<string, ColumnKind>> = {
  int2: 'integer',
  int4: 'integer',
  int8: 'bigint',
  float4: 'double',
  float8: 'double',
  numeric: 'decimal',
  money: 'other',
  text: 'text',
  varchar: 'text',
  bpchar: 'text',
  citext: 'text',
  name: 'text',
  uuid: 'uuid',
  bool: 'boolean',
  timestamp: 'timestamp',
  timestamptz: 'timestamp',
  date: 'date',
  time: 'time',
  timetz: 'time',
  json: 'json',
  jsonb: 'json',
  bytea: 'bytes',
}

/** Types whose equality or order is not that of their printed form, so a page could miss or repeat rows. */
const inexactKeys = new Set(['float4', 'float8', 'money', 'interval', 'json', 'jsonb'])

const regclassOf = (table: TableName): string => pathOf(tableSql(table))

export function* introspect(table: TableName): Script<TableInfo> {
  const regclass = regclassOf(table)
  const found = yield render(
    sql`select c.oid::int8, c.relkind::text, c.relhassubclass,
        c.relrowsecurity and not (select rolbypassrls or rolsuper from pg_roles where rolname = current_user)
          and (c.relforcerowsecurity or not pg_has_role(c.relowner, 'USAGE'))
      from pg_class c where c.oid = to_regclass(${regclass})`,
    spelling,
    'read-table',
  )
  const row = found.rows[0]
  if (!row) {
    throw new RowshiftError('TABLE_NOT_FOUND', {
      message: `table "${tableText(table)}" does not exist${table.schema === undefined ? ' on the search path' : ''}. Check its name and schema.`,
      details: { table: tableText(table) },
    })
  }
  const [oid, relkind, hasChildren, hidesRows] = row
  // 'p' is a partitioned table: its unique keys hold across partitions, so it reads like any table.
  if ((relkind !== 'r' && relkind !== 'p') || (relkind === 'r' && hasChildren === true)) {
    throw new RowshiftError('NOT_A_TABLE', {
      message: `"${tableText(table)}" is ${describeRelation(String(relkind))}: its keys are not unique across all it shows. Name the table that holds the rows.`,
      details: { table: tableText(table) },
    })
  }
  if (hidesRows === true) {
    throw new RowshiftError('ROW_SECURITY_ACTIVE', {
      message: `row level security on "${tableText(table)}" hides rows from this role, so a run could not tell what is left. Use a role with BYPASSRLS, or the table's owner.`,
      details: { table: tableText(table) },
    })
  }

  const columns = new Map<string, ColumnInfo & { readonly baseType: string }>()
  const attributes = yield render(
    sql`select a.attname::text, coalesce(b.typname, t.typname)::text, format_type(a.atttypid, a.atttypmod),
        format_type(coalesce(b.oid, t.oid), -1), a.attnotnull or (t.typtype = 'd' and t.typnotnull), a.attgenerated <> '' or a.attidentity = 'a', a.attidentity = 'a',
        coalesce(b.oid, t.oid)::int8, t.typtype::text
      from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_type b on b.oid = nullif(t.typbasetype, 0)
      where a.attrelid = ${oid} and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    spelling,
    'read-columns',
  )
  for (const [
    name,
    baseType,
    type,
    castType,
    isNotNull,
    isGenerated,
    isIdentity,
    typeId,
    typeClass,
  ] of attributes.rows) {
    columns.set(String(name), {
      name: String(name),
      kind: typeClass === 'e' ? 'text' : (kinds[String(baseType)] ?? 'other'),
      type: String(type),
      // Of the domain's base type and without length: an explicit cast would cut what the assignment refuses.
      castType: String(castType),
      isNullable: isNotNull !== true,
      isGenerated: isGenerated === true,
      ...(isIdentity === true && { isIdentity }),
      typeId: Number(typeId),
      baseType: String(baseType),
    })
  }

  // Only indexes that a page can follow: in the columns' own order, all of them in the same direction.
  const indexes = yield render(
    sql`select i.relname::text, x.indisprimary, a.attname::text
      from pg_index x join pg_class i on i.oid = x.indexrelid join pg_am m on m.oid = i.relam
      cross join lateral unnest(x.indkey::int2[]) with ordinality as k(attnum, position)
      left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum and k.attnum > 0
      where x.indrelid = ${oid} and x.indisunique and x.indisvalid and x.indimmediate and x.indpred is null and m.amname = 'btree'
        and k.position <= x.indnkeyatts
        and not exists (
          select 1 from unnest(x.indcollation::oid[]) with ordinality as c(coll, position)
          join unnest(x.indkey::int2[]) with ordinality as n(attnum, position) using (position)
          join pg_attribute b on b.attrelid = x.indrelid and b.attnum = n.attnum
          where c.coll <> b.attcollation and position <= x.indnkeyatts)
        and (select count(distinct direction & 1) from unnest(x.indoption::int2[]) as o(direction)) = 1
        and not exists (
          select 1 from unnest(x.indclass::oid[]) as o(opclass) join pg_opclass p on p.oid = o.opclass where not p.opcdefault)
      order by x.indisprimary desc, x.indnkeyatts, i.relname, k.position`,
    spelling,
    'read-indexes',
  )
  const unique = new Map<string, UniqueIndex & { readonly columns: (ColumnInfo | undefined)[] }>()
  for (const [index, isPrimary, column] of indexes.rows) {
    const entry = unique.get(String(index)) ?? { name: String(index), isPrimary: isPrimary === true, columns: [] }
    entry.columns.push(column === null ? undefined : columns.get(String(column)))
    unique.set(entry.name, entry)
  }
  const key = requireKey(table, [...unique.values()], (column) => {
    const { baseType } = column as ColumnInfo & { baseType: string }
    return inexactKeys.has(baseType) ? `${column.type} has no exact order` : undefined
  })
  return { table, columns, ...key }
}

/** The versions of the table's rows in the catalogue, of its columns' and of its indexes'; and whose eyes have seen them. */
export function* stampOf(table: TableName): Script<string | undefined> {
  const { rows } = yield render(
    sql`select concat_ws(' ', c.oid, c.xmin, c.ctid, c.relhassubclass, current_user,
        (select string_agg(concat_ws(' ', a.xmin, a.ctid), ',' order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0),
        (select string_agg(concat_ws(' ', x.xmin, x.ctid), ',' order by x.indexrelid) from pg_index x where x.indrelid = c.oid))
      from pg_class c where c.oid = to_regclass(${regclassOf(table)})`,
    spelling,
    'stamp',
  )
  const stamp = rows[0]?.[0]
  return stamp === undefined ? undefined : String(stamp)
}

export function* catalogueColumns(table: TableName): Script<readonly CatalogueColumn[]> {
  const { rows } = yield render(
    sql`select a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull
      from pg_attribute a where a.attrelid = to_regclass(${regclassOf(table)}) and a.attnum > 0 and not a.attisdropped
      order by a.attnum`,
    spelling,
    'catalogue-columns',
  )
  return rows.map(([name, type, isNotNull]) => ({
    name: String(name),
    type: String(type),
    isNullable: isNotNull !== true,
  }))
}

function describeRelation(relkind: string): string {
  const words: Record<string, string> = {
    v: 'a view',
    m: 'a materialized view',
    f: 'a foreign table',
    r: 'a parent of other tables by inheritance',
  }
  return words[relkind] ?? 'no table'
}

/** `pg_class c` of a table, or of the partitions that hold its rows: the tree of a table without partitions is empty. */
export const leavesOf = (table: Sql): Sql =>
  sql`pg_class c where c.relkind <> 'p' and c.oid in (select relid from pg_partition_tree(${table}) where isleaf union select ${table})`

export function* estimateRows(table: TableName): Script<number> {
  const text = regclassOf(table)
  const { rows } = yield render(
    sql`select coalesce(sum(greatest(c.reltuples, 0))::int8, 0), coalesce(min(c.reltuples)::int8, -1)
      from ${leavesOf(sql`to_regclass(${text})`)}`,
    spelling,
    'estimate',
  )
  const [total, smallest] = rows[0] ?? []
  if (Number(smallest) > 0) return Number(total)
  // Never analysed: count, but only as far as that is cheap.
  const counted = yield render(
    sql`select count(*) from (select 1 from ${tableSql(table)} limit 1000000) as counted`,
    spelling,
    'estimate',
  )
  return Number(counted.rows[0]?.[0])
}
