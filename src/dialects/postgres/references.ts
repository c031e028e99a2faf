import type { DeleteAction, Reference } from '../dialect.js'
import type { Script } from '../script.js'
import { render, sql } from '../sql.js'
import type { TableName } from '../table.js'
import { pathOf, tableSql } from './rows.js'
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
