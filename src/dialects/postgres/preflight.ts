import type { Explanation, WriteEffects } from '../dialect.js'
import type { Script } from '../script.js'
import { render, type Statement, sql } from '../sql.js'
import type { ColumnInfo, TableInfo } from '../table.js'
import { leavesOf } from './introspect.js'
import { pathOf, tableSql } from './rows.js'
import { spelling } from './spelling.js'

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Recheck Cond'?: string
  readonly 'Parent Relationship'?: string
  readonly Plans?: readonly PlanNode[]
}

/** explain (format json) <statement>: plans it and does not run it. */
export function* explain(info: TableInfo, statement: Statement): Script<Explanation> {
  const { rows } = yield { ...statement, text: `explain (format json, costs off) ${statement.text}`, label: 'explain' }
  const cell: unknown = rows[0]?.[0]
  const [{ Plan: root }] = (typeof cell === 'string' ? JSON.parse(cell) : cell) as [{ readonly Plan: PlanNode }]
  const tables = new Set([info.table.name, ...(yield* partitionsOf(info))])
  const scans = scansOf(root).filter((node) => tables.has(node['Relation Name']!))
  // A bitmap of an index has no order: a page of it would be sorted.
  const isByIndex = scans.every((node) => (node['Index Cond'] ?? node['Recheck Cond']) !== undefined) && !sorts(root)
  return { lines: linesOf(root), isByIndex }
}

function* partitionsOf(info: TableInfo): Script<readonly string[]> {
  const { rows } = yield render(
    sql`select c.relname::text from pg_partition_tree(to_regclass(${pathOf(tableSql(info.table))})) p join pg_class c on c.oid = p.relid`,
    spelling,
    'explain',
  )
  return rows.map((row) => String(row[0]))
}

/** Those of a subquery in `where` are the user's own affair. */
const partsOf = ({ Plans = [] }: PlanNode): readonly PlanNode[] =>
  Plans.filter((node) => !['SubPlan', 'InitPlan'].includes(node['Parent Relationship'] ?? ''))

function scansOf(node: PlanNode): readonly PlanNode[] {
  // An update names the table as well, and finds its rows by the scan below it.
  const own = node['Relation Name'] !== undefined && node['Node Type'].includes('Scan') ? [node] : []
  return [...own, ...partsOf(node).flatMap(scansOf)]
}

const sorts = (node: PlanNode): boolean => node['Node Type'] === 'Sort' || partsOf(node).some(sorts)

function linesOf(node: PlanNode, depth = 0): readonly string[] {
  const { 'Index Name': index, 'Relation Name': relation, 'Index Cond': condition } = node
  const line = [
    '  '.repeat(depth) + node['Node Type'],
    ...(index ? [`using ${index}`] : []),
    ...(relation ? [`on ${relation}`] : []),
    ...(condition ? [condition] : []),
  ].join(' ')
  return [line, ...(node.Plans ?? []).flatMap((child) => linesOf(child, depth + 1))]
}

/** An entry of an index, and what the log adds to a row. */
const entryBytes = 80

export function* writeEffects(info: TableInfo, written: readonly ColumnInfo[]): Script<WriteEffects> {
  const columns = written.map((column) => column.name)
  const names = function* (piece: ReturnType<typeof sql>): Script<readonly string[]> {
    const { rows } = yield render(piece, spelling, 'write-effects')
    return rows.map((row) => String(row[0]))
  }
  const table = sql`to_regclass(${pathOf(tableSql(info.table))})`
  const numbers = sql`(select array_agg(attnum) from pg_attribute where attrelid = ${table} and attname in (${columns}))`
  // By the catalogue of dependencies too, which knows expressions and conditions of indexes.
  const indexes = yield* names(
    sql`select i.relname::text from pg_index x join pg_class i on i.oid = x.indexrelid where x.indrelid = ${table}
      and (x.indkey::int2[] && ${numbers} or exists (select 1 from pg_depend d where d.classid = 'pg_class'::regclass
        and d.objid = x.indexrelid and d.refobjid = x.indrelid and d.refobjsubid = any (cast(${numbers} as int2[]))))
      order by i.relname`,
  )
  const triggers = yield* names(
    sql`select t.tgname::text from pg_trigger t where t.tgrelid = ${table} and not t.tgisinternal and t.tgenabled <> 'D'
      and t.tgtype & 16 <> 0 and (cardinality(t.tgattr::int2[]) = 0 or t.tgattr::int2[] && ${numbers}) order by t.tgname`,
  )
  const foreignKeys = yield* names(
    sql`select c.conname::text from pg_constraint c where c.contype = 'f'
      and (c.conrelid = ${table} and c.conkey && ${numbers} or c.confrelid = ${table} and c.confkey && ${numbers})
      order by c.conname`,
  )
  const { rows } = yield render(
    sql`select sum(pg_relation_size(c.oid))::int8, sum(greatest(c.reltuples, 0))::int8,
        (select count(*) from pg_index where indrelid = ${table})
      from ${leavesOf(table)}`,
    spelling,
    'write-effects',
  )
  const [bytes, tuples, allIndexes] = rows[0]!.map(Number) as [number, number, number]
  // A row whose indexed columns stay as they are can keep its index entries; else every index gets a new one.
  const entries = indexes.length > 0 ? allIndexes : 0
  const logBytesPerRow = tuples > 0 ? bytes / tuples + entryBytes * (1 + entries) : undefined
  return { indexes, triggers, foreignKeys, logBytesPerRow }
}
