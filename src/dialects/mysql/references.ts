import type { DeleteAction, Reference } from '../dialect.js'
import type { Script } from '../script.js'
import { render, type Sql, sql } from '../sql.js'
import type { TableName } from '../table.js'
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
