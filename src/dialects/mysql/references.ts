import type { DeleteAction, Reference, ReferringRow } from '../dialect.js'
import { columnsByIndex, referringRow } from '../references.js'
import type { Script } from '../script.js'
import { render, type Sql, sql } from '../sql.js'
import type { ColumnInfo, TableInfo, TableName } from '../table.js'
import { textOf, typed } from './codecs.js'
import { given, input, inputColumns } from './input.js'
import { packetsOf } from './packets.js'
import { columnOf, keyTexts, tableSql } from './rows.js'
import { spelling } from './spelling.js'

const schemaOf = ({ schema }: TableName): Sql => (schema === undefined ? sql`database()` : sql`${schema}`)

export function* references(table: TableName): Script<readonly Reference[]> {
  const { rows } = yield render(
    sql`select t.constraint_name, t.table_schema, t.table_name, t.table_schema = database(), r.delete_rule, t.column_name, t.referenced_column_name
      from information_schema.key_column_usage as t join information_schema.referential_constraints as r
        on r.constraint_schema = t.constraint_schema and r.constraint_name = t.constraint_name and r.table_name = t.table_name
      where t.referenced_table_schema = ${schemaOf(table)} and t.referenced_table_name = ${table.name}
      order by t.table_schema, t.table_name, t.constraint_name, t.ordinal_position`,
    spelling,
    'references',
  )
  const found = new Map<string, Reference & { readonly columns: string[]; readonly referenced: string[] }>()
  for (const [name, schema, child, isOwn, action, column, referenced] of rows) {
    const id = JSON.stringify([schema, child, name])
    const entry = found.get(id) ?? {
      name: String(name),
      table: { schema: Number(isOwn) === 1 ? undefined : String(schema), name: String(child) },
      schema: String(schema),
      columns: [],
      referenced: [],
      onDelete: String(action).toLowerCase() as DeleteAction,
    }
    entry.columns.push(String(column))
    entry.referenced.push(String(referenced))
    found.set(id, entry)
  }
  return [...found.values()]
}

export function* deleteTriggers(table: TableName): Script<readonly string[]> {
  const { rows } = yield render(
    sql`select t.trigger_name from information_schema.triggers as t
      where t.event_object_schema = ${schemaOf(table)} and t.event_object_table = ${table.name}
        and t.event_manipulation = 'DELETE' order by t.trigger_name`,
    spelling,
    'delete-triggers',
  )
  return rows.map(([name]) => String(name))
}

export function* indexedColumns(table: TableName): Script<readonly (readonly (string | undefined)[])[]> {
  const { rows } = yield render(
    sql`select t.index_name, t.column_name from information_schema.statistics as t
      where t.table_schema = ${schemaOf(table)} and t.table_name = ${table.name} and t.index_type in ('BTREE', 'HASH')
      order by t.index_name, t.seq_in_index`,
    spelling,
    'indexed-columns',
  )
  return columnsByIndex(rows)
}

export function* referringRows(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  values: readonly (readonly string[])[],
  { limit }: { readonly limit: number },
): Script<readonly ReferringRow[]> {
  const tokens = columns.map((column) => textOf(column, columnOf(info, column)))
  const found: ReferringRow[] = []
  for (const packet of yield* packetsOf(values)) {
    const { rows } = yield render(
      sql`select ${sql.join([sql`rs_v.rs_ord`, keyTexts(info), ...tokens])} from ${holding(info, columns, packet.rows)}
        limit ${sql.raw(String(limit - found.length))} for update`,
      spelling,
      'referring-rows',
    )
    for (const row of rows) {
      const one = referringRow(row, info.key.length, 1)
      found.push({ ...one, position: one.position + packet.from })
    }
    if (found.length >= limit) break
  }
  return found
}

export function* countReferring(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  values: readonly (readonly string[])[],
): Script<number> {
  let count = 0
  for (const packet of yield* packetsOf(values)) {
    const { rows } = yield render(
      sql`select count(*) from ${holding(info, columns, packet.rows)}`,
      spelling,
      'count-referring',
    )
    count += Number(rows[0]?.[0])
  }
  return count
}

/** json_table(...) as rs_v straight_join `order` on `order`.`user_id` = cast(rs_v.rs_w0 as signed) */
function holding(info: TableInfo, columns: readonly ColumnInfo[], values: readonly (readonly string[])[]): Sql {
  const same = columns.map((column, i) => sql`${columnOf(info, column)} = ${typed(column, given('w', i))}`)
  return sql`${input(values, inputColumns('w', 0, columns.length))} straight_join ${tableSql(info.table)} on ${sql.join(same, ' and ')}`
}
