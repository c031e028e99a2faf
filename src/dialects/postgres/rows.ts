import type {
  ImageRow,
  Journal,
  Key,
  KeyRange,
  PageRange,
  RangeOutcome,
  ReadMode,
  TablePlan,
  UpdateOutcome,
  UpdateRow,
} from '../dialect.js'
import type { Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import type { ColumnInfo, TableInfo, TableName } from '../table.js'
import { spelling } from './spelling.js'

/*
 * Reads and writes of the user's rows. Keys, tokens and values travel as text and are cast to the column's type without
 * length; the token of a column is its text compared by bytes, because equality is not identity ('1.0' = '1.00').
 */

export const tableSql = (table: TableName): Sql =>
  table.schema === undefined ? sql.id(table.name) : sql.id(table.schema, table.name)

/** A table's name as `to_regclass` reads it. */
export const pathOf = (table: Sql): string =>
  (table.holes[0] as { identifier: string[] }).identifier.map(spelling.quote).join('.')

export const cast = (value: Sql, column: ColumnInfo): Sql => sql`cast(${value} as ${sql.raw(column.castType)})`

/** "city"."id": qualified, because the parameter's columns stand beside the table's. */
export const columnOf = (info: TableInfo, column: ColumnInfo): Sql =>
  sql`${sql.id(info.table.name)}.${sql.id(column.name)}`

/** A cast would drop the blanks of a char(20) and add the mask of a host; drivers and applications see neither. */
const printedOtherwise = new Set(['bpchar', 'inet'])

/** A value as the server prints it. */
export const textOf = (column: ColumnInfo, value: Sql): Sql =>
  printedOtherwise.has(column.castType)
    ? sql`case when ${value} is not null then concat(${value}) end`
    : sql`cast(${value} as text)`

/** An array literal: '{"1","it\"s",NULL}'. One parameter a column, whatever the number of rows. */
function arrayLiteral(rows: readonly UpdateRow[], position: number): string {
  let literal = '{'
  for (let i = 0; i < rows.length; i++) {
    const value = rows[i]![position]
    if (i > 0) literal += ','
    if (value === null || value === undefined) literal += 'NULL'
    else if (value.includes('"') || value.includes('\\')) literal += `"${value.replace(/["\\]/g, '\\$&')}"`
    else literal += `"${value}"`
  }
  return `${literal}}`
}

interface InputColumn {
  readonly name: Sql
  readonly position: number
}

/** unnest($1::text[], $2::text[], ...) with ordinality as v(k0, t0, w0, ord) */
export function input(rows: readonly UpdateRow[], columns: readonly InputColumn[]): Sql {
  const arrays = columns.map(({ position }) => sql`cast(${arrayLiteral(rows, position)} as text[])`)
  return sql`unnest(${sql.join(arrays)}) with ordinality as v(${sql.join(columns.map(({ name }) => name))}, rs_ord)`
}

export const inputColumns = (prefix: string, from: number, count: number): InputColumn[] =>
  Array.from({ length: count }, (_, i) => ({ name: sql.id(`rs_${prefix}${i}`), position: from + i }))

export function keyJoin(info: TableInfo): Sql {
  return sql.join(
    info.key.map((column, i) => sql`${columnOf(info, column)} = ${cast(sql`v.${sql.id(`rs_k${i}`)}`, column)}`),
    ' and ',
  )
}

function guard(plan: TablePlan): Sql {
  const tokens = plan.read.map(
    (column, i) =>
      sql`${textOf(column, columnOf(plan.info, column))} collate "C" is not distinct from v.${sql.id(`rs_t${i}`)} collate "C"`,
  )
  const where = plan.where ? [sql`(${plan.where})`] : []
  return sql.join([keyJoin(plan.info), ...tokens, ...where], ' and ')
}

export const keyColumns = (info: TableInfo): Sql => sql.join(info.key.map((column) => sql.id(column.name)))
export const keyTexts = (info: TableInfo, from: Sql): Sql =>
  sql.join(info.key.map((column) => sql`cast(${from}.${sql.id(column.name)} as text)`))
export const orderBy = (info: TableInfo, from: Sql, direction = sql``): Sql =>
  sql.join(info.key.map((column) => sql`${from}.${sql.id(column.name)} ${direction}`))
export const bound = (info: TableInfo, key: Key): Sql =>
  sql.join(info.key.map((column, i) => cast(sql`${key[i]}`, column)))

/** (id) > ($1::int8) and (id) <= ($2::int8): a row comparison is one index range on PostgreSQL. */
export function inRange(info: TableInfo, range: KeyRange): Sql {
  const upper = sql`(${keyColumns(info)}) <= (${bound(info, range.upTo)})`
  const beyond = sql.raw(range.isClosed ? '>=' : '>')
  return range.after ? sql`(${keyColumns(info)}) ${beyond} (${bound(info, range.after)}) and ${upper}` : upper
}

/** Of an inner row `p` with the raw columns and rs_m: key texts, match, tokens. */
function outputOf(plan: TablePlan): Sql {
  const tokens = plan.read.map((column) => {
    const text = textOf(column, sql`p.${sql.id(column.name)}`)
    return plan.where ? sql`case when p.rs_m = 1 then ${text} end` : text
  })
  return sql.join([keyTexts(plan.info, sql`p`), sql`p.rs_m`, ...tokens])
}

function rawColumns(plan: TablePlan): Sql {
  const names = new Set([...plan.info.key, ...plan.read].map((column) => column.name))
  const match = plan.where ? sql`case when (${plan.where}) then 1 else 0 end` : sql`1`
  const table = sql.id(plan.info.table.name)
  return sql.join([...[...names].map((name) => sql`${table}.${sql.id(name)}`), sql`${match} as rs_m`])
}

/**
 * select cast(p."id" as text), p.rs_m, case when p.rs_m = 1 then cast(p."name" as text) end
 * from (select "city"."id", "city"."name", case when ("slug" is null) then 1 else 0 end as rs_m
 *       from "city" where ("id") > (cast($1 as bigint)) and ("id") <= (cast($2 as bigint)) order by "id" limit 2000) as p
 *
 * `where` is looked at inside the page, not by the page: the planner keeps to the key's index, and a stretch without matches
 * cannot turn one statement into a scan of the table.
 */
export function readPage(plan: TablePlan, range: PageRange): Statement {
  const { info } = plan
  const inner = sql`select ${rawColumns(plan)} from ${tableSql(info.table)} where ${inRange(info, range)}
    order by ${keyColumns(info)} limit ${sql.raw(String(range.limit))}`
  return render(
    sql`select ${outputOf(plan)} from (${inner}) as p order by ${orderBy(info, sql`p`)}`,
    spelling,
    'read-page',
  )
}

export function readKeys(plan: TablePlan, keys: readonly Key[], mode: ReadMode): Statement {
  const { info } = plan
  const lock = mode === 'current' ? sql`for update of ${sql.id(info.table.name)}` : sql``
  const inner = sql`select ${rawColumns(plan)} from ${input(keys, inputColumns('k', 0, info.key.length))}
    join ${tableSql(info.table)} on ${keyJoin(info)} ${lock}`
  return render(
    sql`select ${outputOf(plan)} from (${inner}) as p order by ${orderBy(info, sql`p`)}`,
    spelling,
    'read-keys',
  )
}

const positions = (literal: unknown): number[] =>
  literal === null || literal === undefined
    ? []
    : String(literal)
        .split(',')
        .filter(Boolean)
        .map((n) => Number(n) - 1)

export function* lockGuarded(plan: TablePlan, rows: readonly UpdateRow[]): Script<readonly number[]> {
  const keys = plan.info.key.length
  const columns = [...inputColumns('k', 0, keys), ...inputColumns('t', keys, plan.read.length)]
  const result = yield render(
    sql`select v.rs_ord from ${input(rows, columns)} join ${tableSql(plan.info.table)} on ${guard(plan)}
      for update of ${sql.id(plan.info.table.name)}`,
    spelling,
    'lock-guarded',
  )
  return result.rows.map((row) => Number(row[0]) - 1)
}

/**
 * with written as (
 *   update "city" set "slug" = cast(v.rs_w0 as text) from unnest(...) with ordinality as v(rs_k0, rs_t0, rs_w0, rs_ord)
 *   where "city"."id" = cast(v.rs_k0 as bigint) and <tokens> and <where> returning v.rs_ord, <where still true>)
 * select <positions not written, if any>, <first position that still matches>
 */
export function* updateRows(
  plan: TablePlan,
  written: readonly ColumnInfo[],
  rows: readonly UpdateRow[],
): Script<UpdateOutcome> {
  const { info } = plan
  const keys = info.key.length
  const columns = [
    ...inputColumns('k', 0, keys),
    ...inputColumns('t', keys, plan.read.length),
    ...inputColumns('w', keys + plan.read.length, written.length),
  ]
  const set = written.map((column, i) => sql`${sql.id(column.name)} = ${cast(sql`v.${sql.id(`rs_w${i}`)}`, column)}`)
  const still = plan.endsWithWrite ? sql`coalesce((${plan.where}), false)` : sql`false`
  const result = yield render(
    sql`with written as (
        update ${tableSql(info.table)} set ${sql.join(set)} from ${input(rows, columns)} where ${guard(plan)}
        returning v.rs_ord, ${still} as still)
      select case when (select count(*) from written) < ${sql.raw(String(rows.length))} then
          (select string_agg(o::text, ',') from generate_series(1, ${sql.raw(String(rows.length))}) as o
            where o not in (select rs_ord from written)) end,
        (select min(rs_ord) from written where still)`,
    spelling,
    'update-rows',
  )
  const [missing, still1] = result.rows[0] ?? []
  return {
    unwritten: positions(missing),
    stillMatching: still1 === null ? undefined : keyAt(rows, Number(still1) - 1, keys),
  }
}

function keyAt(rows: readonly UpdateRow[], position: number, keys: number): Key | undefined {
  return rows[position]?.slice(0, keys) as string[] | undefined
}

export function* updateRange(
  plan: TablePlan,
  set: readonly (readonly [ColumnInfo, Sql])[],
  range: KeyRange,
): Script<RangeOutcome> {
  const { info } = plan
  const assignments = set.map(([column, value]) => sql`${sql.id(column.name)} = ${value}`)
  const where = plan.where ? sql`${inRange(info, range)} and (${plan.where})` : inRange(info, range)
  const still = plan.endsWithWrite ? sql`coalesce((${plan.where}), false)` : sql`false`
  const key = info.key.map((column, i) => sql`cast(${sql.id(column.name)} as text) as ${sql.id(`rs_k${i}`)}`)
  const names = sql.join(info.key.map((_, i) => sql.id(`rs_k${i}`)))
  const result = yield render(
    sql`with written as (update ${tableSql(info.table)} set ${sql.join(assignments)} where ${where}
        returning ${sql.join(key)}, ${still} as still),
      matching as (select ${names} from written where still limit 1)
      select (select count(*) from written), ${sql.join(info.key.map((_, i) => sql`(select ${sql.id(`rs_k${i}`)} from matching)`))}`,
    spelling,
    'update-range',
  )
  const [written, ...stillKey] = result.rows[0] ?? []
  return {
    written: Number(written),
    stillMatching: stillKey[0] === null || stillKey[0] === undefined ? undefined : stillKey.map(String),
  }
}

/**
 * insert into "rowshift_journal" (run_id, row_key, written, before_image, after_image)
 * select 7, v.rs_w0, '["slug"]', v.rs_w1, cast(json_build_array(cast("city"."slug" as text)) as text)
 * from unnest($1::text[], ...) with ordinality as v(rs_k0, rs_w0, rs_w1, rs_ord) join "city" on "city"."id" = cast(v.rs_k0 as bigint)
 */
export function* noteImages(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  rows: readonly ImageRow[],
  { table, runId, of }: Journal,
): Script<void> {
  const keys = info.key.length
  const given = input(rows, [...inputColumns('k', 0, keys), ...inputColumns('w', keys, 2)])
  const stored = sql.join(columns.map((column) => textOf(column, columnOf(info, column))))
  const written = JSON.stringify(columns.map(({ name }) => name))
  yield render(
    sql`insert into ${table} (run_id, table_name, row_key, written, before_image, after_image)
      select cast(${runId} as bigint), cast(${of ?? null} as text), v.rs_w0, cast(${written} as text), v.rs_w1, cast(json_build_array(${stored}) as text)
      from ${given} join ${tableSql(info.table)} on ${keyJoin(info)}`,
    spelling,
    'note-images',
  )
}

export function* takenValues(
  info: TableInfo,
  column: ColumnInfo,
  values: readonly { readonly key: Key; readonly text: string }[],
): Script<readonly number[]> {
  const keys = info.key.length
  const rows = values.map(({ key, text }) => [...key, text])
  const columns = [...inputColumns('k', 0, keys), ...inputColumns('w', keys, 1)]
  const result = yield render(
    sql`select v.rs_ord from ${input(rows, columns)} where exists (
      select 1 from ${tableSql(info.table)} where ${columnOf(info, column)} = ${cast(sql`v.rs_w0`, column)} and not (${keyJoin(info)}))`,
    spelling,
    'taken-values',
  )
  return result.rows.map((row) => Number(row[0]) - 1)
}

/**
 * select rs_ord, min(rs_ord) over (partition by rs_w0)
 * from (select "city"."slug" as rs_w0, cast(null as bigint) as rs_ord from "city" where false
 *       union all select cast(v.rs_w0 as text), v.rs_ord from unnest($1::text[]) with ordinality as v(rs_w0, rs_ord)) as u
 *
 * The first branch has no rows: it gives the values the columns' types and collations.
 */
export function* sameValues(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  rows: readonly (readonly string[])[],
): Script<readonly number[]> {
  const names = columns.map((_, i) => sql.id(`rs_w${i}`))
  const typed = columns.map((column, i) => sql`${columnOf(info, column)} as ${names[i]}`)
  const values = columns.map((column, i) => cast(sql`v.${names[i]}`, column))
  const result = yield render(
    sql`select rs_ord, min(rs_ord) over (partition by ${sql.join(names)}) from (
      select ${sql.join(typed)}, cast(null as bigint) as rs_ord from ${tableSql(info.table)} where false
      union all select ${sql.join(values)}, v.rs_ord from ${input(rows, inputColumns('w', 0, columns.length))}) as u order by rs_ord`,
    spelling,
    'same-values',
  )
  return result.rows.map((row) => Number(row[1]) - 1)
}

export const conditionValue = (column: ColumnInfo, text: string): Sql => cast(sql`${text}`, column)
export const isDistinct = (column: ColumnInfo, text: string): Sql =>
  sql`${sql.id(column.name)} is distinct from ${conditionValue(column, text)}`
