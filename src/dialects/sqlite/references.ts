import type { DeleteAction, Reference } from '../dialect.js'
import type { Script } from '../script.js'
import { render, sql } from '../sql.js'
import type { TableName } from '../table.js'
import { schemaOf } from './introspect.js'
import { spelling } from './spelling.js'

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
