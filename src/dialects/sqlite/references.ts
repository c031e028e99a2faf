import type { DeleteAction, Reference, ReferringRow } from '../dialect.js'
import { columnsByIndex, referringRow } from '../references.js'
import type { Script } from '../script.js'
import { render, type Sql, sql } from '../sql.js'
import type { ColumnInfo, TableInfo, TableName } from '../table.js'
import { schemaOf } from './introspect.js'
import { columnOf, given, input, keyTexts, tableSql } from './rows.js'
import { spelling } from './spelling.js'
import { isMarked, keyValueIn, textOf } from './texts.js'

/** A foreign key leads to a table of its own file. One that names no columns refers to the primary key. */
export function* references(table: TableName): Script<readonly Reference[]> {
  const schema = yield* schemaOf(table)
  const primary = yield render(
    sql`select name from pragma_table_info(${table.name}, ${schema}) where pk > 0 order by pk`,
    spelling,
    'references',
  )
  const { rows } = yield render(
    sql`select t.name, f.id, f.seq, f."from", f."to", f.on_delete
      from pragma_table_list as t, pragma_foreign_key_list(t.name, t.schema) as f
      where t.schema = ${schema} and t.type = 'table' and f."table" = ${table.name} collate nocase order by t.name, f.id, f.seq`,
    spelling,
    'references',
  )
  const found = new Map<string, Reference & { readonly columns: string[]; readonly referenced: string[] }>()
  for (const [child, id, position, from, to, action] of rows) {
    const entry = found.get(JSON.stringify([child, id])) ?? {
      // It has no name that the catalogue would tell.
      name: `${child}.${from}`,
      table: { schema: table.schema, name: String(child) },
      schema,
      columns: [],
      referenced: [],
      onDelete: String(action).toLowerCase() as DeleteAction,
    }
    entry.columns.push(String(from))
    entry.referenced.push(String(to ?? primary.rows[Number(position)]?.[0]))
    found.set(JSON.stringify([child, id]), entry)
  }
  return [...found.values()]
}

export function* deleteTriggers(table: TableName): Script<readonly string[]> {
  const schema = yield* schemaOf(table)
  const { rows } = yield render(
    sql`select name, sql from ${sql.id(schema, 'sqlite_master')} where type = 'trigger' and tbl_name = ${table.name} collate nocase
      order by name`,
    spelling,
    'delete-triggers',
  )
  return rows.filter(([, text]) => /\bdelete\s+on\b/i.test(String(text))).map(([name]) => String(name))
}

export function* indexedColumns(table: TableName): Script<readonly (readonly (string | undefined)[])[]> {
  const schema = yield* schemaOf(table)
  const { rows } = yield render(
    sql`select l.name, i.name from pragma_index_list(${table.name}, ${schema}) as l, pragma_index_xinfo(l.name, ${schema}) as i
      where l.partial = 0 and i."key" = 1 order by l.name, i.seqno`,
    spelling,
    'indexed-columns',
  )
  // The key of a table may be its rowid, which has no index of its own.
  const primary = yield render(
    sql`select name from pragma_table_info(${table.name}, ${schema}) where pk > 0 order by pk`,
    spelling,
    'indexed-columns',
  )
  return [...columnsByIndex(rows), primary.rows.map(([name]) => String(name))]
}

export function* referringRows(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  values: readonly (readonly string[])[],
  { limit }: { readonly limit: number },
): Script<readonly ReferringRow[]> {
  const tokens = columns.map((column) => textOf(column, columnOf(info, column)))
  const { rows } = yield render(
    sql`select ${sql.join([sql`rs_v.rs_ord`, keyTexts(info), ...tokens])} from ${holding(info, columns, values)}
      limit ${sql.raw(String(limit))}`,
    spelling,
    'referring-rows',
  )
  return rows.map((row) => referringRow(row, info.key.length, 0))
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

/** (select key as rs_ord, value ->> 0 as rs_c0 from json_each(?)) as rs_v cross join "order" on "order"."user_id" = rs_v.rs_c0 */
function holding(info: TableInfo, columns: readonly ColumnInfo[], values: readonly (readonly string[])[]): Sql {
  const hasMarks = values.some((row) => row.some(isMarked))
  const same = columns.map((column, i) => sql`${columnOf(info, column)} = ${keyValueIn(column, given(i), hasMarks)}`)
  return sql`${input(values, columns.length)} cross join ${tableSql(info.table)} on ${sql.join(same, ' and ')}`
}
