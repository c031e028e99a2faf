import type { Explanation, WriteEffects } from '../dialect.js'
import type { Cell, Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import type { ColumnInfo, TableInfo } from '../table.js'
import { spelling } from './spelling.js'

/** MariaDB's columns of EXPLAIN; MySQL has `partitions` after `table`, and `filtered` before `Extra`. */
const plainWidth = 10

interface Step {
  readonly table: string | undefined
  /** Those of a subquery in `where` are the user's own affair, or looked at by themselves. */
  readonly isOfSubquery: boolean
  readonly type: string
  readonly key: string | undefined
  readonly rows: string
  readonly extra: string
}

function stepOf(row: readonly Cell[]): Step {
  const more = row.length > plainWidth ? 1 : 0
  const textAt = (i: number) => (row[i] === null || row[i] === undefined ? undefined : String(row[i]))
  return {
    table: textAt(2),
    isOfSubquery: textAt(1)?.includes('SUBQUERY') ?? false,
    type: textAt(3 + more) ?? '',
    key: textAt(5 + more),
    rows: textAt(8 + more) ?? '',
    extra: textAt(row.length - 1) ?? '',
  }
}

/** explain <statement>: plans it and does not run it. */
export function* explain(info: TableInfo, statement: Statement): Script<Explanation> {
  const { rows } = yield { ...statement, text: `explain ${statement.text}`, label: 'explain' }
  const steps = rows.map(stepOf)
  const own = steps.filter(({ table, isOfSubquery }) => table === info.table.name && !isOfSubquery)
  // 'index' and 'ALL' go through the whole index or table.
  const isByIndex = own.every(
    ({ type, key, extra }) => key !== undefined && !['index', 'ALL'].includes(type) && !extra.includes('filesort'),
  )
  return { lines: steps.map(lineOf), isByIndex }
}

function lineOf({ table, type, key, rows, extra }: Step): string {
  if (table === undefined) return extra
  return [`${table} ${type}`, ...(key ? [`using ${key}`] : []), `rows ${rows}`, ...(extra ? [extra] : [])].join(', ')
}

export function* writeEffects(info: TableInfo, written: readonly ColumnInfo[]): Script<WriteEffects> {
  const columns = written.map((column) => column.name)
  const schema = info.table.schema === undefined ? sql`database()` : sql`${info.table.schema}`
  const read = function* (piece: Sql): Script<readonly (readonly Cell[])[]> {
    return (yield render(piece, spelling, 'write-effects')).rows
  }
  const names = function* (piece: Sql): Script<readonly string[]> {
    return (yield* read(piece)).map((row) => String(row[0]))
  }
  const indexes = yield* names(
    sql`select distinct t.index_name from information_schema.statistics as t
      where t.table_schema = ${schema} and t.table_name = ${info.table.name} and t.column_name in (${columns})
      order by t.index_name`,
  )
  const triggers = yield* names(
    sql`select t.trigger_name from information_schema.triggers as t
      where t.event_object_schema = ${schema} and t.event_object_table = ${info.table.name}
        and t.event_manipulation = 'UPDATE' order by t.trigger_name`,
  )
  const foreignKeys = yield* names(
    sql`select distinct t.constraint_name from information_schema.key_column_usage as t
      where t.referenced_table_name is not null and (
        t.table_schema = ${schema} and t.table_name = ${info.table.name} and t.column_name in (${columns})
        or t.referenced_table_schema = ${schema} and t.referenced_table_name = ${info.table.name}
          and t.referenced_column_name in (${columns}))
      order by t.constraint_name`,
  )
  const [size] = yield* read(
    sql`select t.avg_row_length, @@global.log_bin from information_schema.tables as t
      where t.table_schema = ${schema} and t.table_name = ${info.table.name}`,
  )
  const bytes = Number(size?.[0] ?? 0)
  const hasBinaryLog = ['1', 'ON'].includes(String(size?.[1]).toUpperCase())
  // Redo and undo hold what changes; the binary log holds each row twice, as it was and as it is.
  return { indexes, triggers, foreignKeys, logBytesPerRow: bytes > 0 ? bytes * (hasBinaryLog ? 3 : 1) : undefined }
}
