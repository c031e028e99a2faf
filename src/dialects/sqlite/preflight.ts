import type { Explanation, WriteEffects } from '../dialect.js'
import type { Cell, Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import type { ColumnInfo, TableInfo } from '../table.js'
import { estimateRows } from './introspect.js'
import { spelling } from './spelling.js'

/** explain query plan <statement>: SEARCH city USING INTEGER PRIMARY KEY (rowid>? AND rowid<?) */
export function* explain(info: TableInfo, { text, parameters }: Statement): Script<Explanation> {
  const { rows } = yield { text: `explain query plan ${text}`, parameters, label: 'explain' }
  const lines = rows.map((row) => String(row.at(-1)))
  // Those of a subquery in `where` are the user's own affair, or looked at by themselves. Whoever contains comes first.
  const subqueries = new Set<Cell>()
  for (const [id, parent, , line] of rows)
    if (subqueries.has(parent!) || /\bSUBQUERY\b/.test(String(line))) subqueries.add(id!)
  const own = rows.filter(([id]) => !subqueries.has(id!)).map((row) => String(row.at(-1)))
  // A rowid table has its rows in the order of their keys; for all others introspection has asked the planner.
  const scans = own.filter((line) => line.startsWith('SCAN '))
  return { lines, isByIndex: scans.every((line) => !isOf(info, line)) && !own.some(isSort) }
}

const isOf = (info: TableInfo, line: string): boolean => {
  const [, name = ''] = /^SCAN (.*?)(?: USING .*)?$/.exec(line) ?? []
  return name.toLowerCase() === info.table.name.toLowerCase()
}

const isSort = (line: string): boolean => line.startsWith('USE TEMP B-TREE FOR ORDER BY')

export function* writeEffects(info: TableInfo, written: readonly ColumnInfo[]): Script<WriteEffects> {
  const { schema = 'main', name } = info.table
  const columns = written.map((column) => column.name.toLowerCase())
  const read = function* (piece: Sql): Script<readonly (readonly Cell[])[]> {
    return (yield render(piece, spelling, 'write-effects')).rows
  }
  // An index on an expression names no column: it counts as if it were on all of them.
  const indexed = yield* read(
    sql`select distinct l.name from pragma_index_list(${name}, ${schema}) as l, pragma_index_xinfo(l.name, ${schema}) as i
      where i.key = 1 and (i.name is null or lower(i.name) in (${columns})) order by l.name`,
  )
  const triggers = yield* read(
    sql`select name, sql from ${sql.id(schema, 'sqlite_master')} where type = 'trigger' and tbl_name = ${name} collate nocase
      order by name`,
  )
  const foreignKeys = yield* read(
    sql`select distinct t.name || '.' || f."from" from pragma_table_list as t, pragma_foreign_key_list(t.name, t.schema) as f
      where t.schema = ${schema} and t.type = 'table'
        and (lower(t.name) = ${name.toLowerCase()} and lower(f."from") in (${columns})
          or lower(f."table") = ${name.toLowerCase()} and lower(f."to") in (${columns}))
      order by 1`,
  )
  const [file] = yield* read(sql`select page_count * page_size from pragma_page_count, pragma_page_size`)
  const rows = yield* estimateRows(info.table)
  return {
    indexes: indexed.map(([index]) => String(index)),
    triggers: triggers.filter(([, text]) => firesOnUpdate(String(text), columns)).map(([trigger]) => String(trigger)),
    foreignKeys: foreignKeys.map(([key]) => String(key)),
    // Whole pages are logged, and rows come in the order of their pages: at most the file once over.
    logBytesPerRow: rows > 0 ? Number(file?.[0]) / rows : undefined,
  }
}

/** create trigger t after update of "a", b on city ... */
function firesOnUpdate(text: string, columns: readonly string[]): boolean {
  const found = /\bupdate\b(?:\s+of\s+([\s\S]+?))?\s+on\b/i.exec(text)
  if (!found) return false
  const [, list] = found
  if (list === undefined) return true
  const named = list.split(',').map((column) =>
    column
      .trim()
      .replace(/^["`[]|["`\]]$/g, '')
      .toLowerCase(),
  )
  return named.some((column) => columns.includes(column))
}
