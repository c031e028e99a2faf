import type {
  ImageRow,
  Journal,
  Key,
  KeyRange,
  PageRange,
  RangeOutcome,
  ReadMode,
  RowSpeller,
  SpelledRows,
  TablePlan,
  UpdateOutcome,
  UpdateRow,
} from '../dialect.js'
import { guardedColumns } from '../guarded-columns.js'
import type { Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import type { ColumnInfo, TableInfo, TableName } from '../table.js'
import { arrayLiterals, type InputColumn, input, inputColumns, unnested } from './input.js'
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

/** What a guard needs of each row: its key and the tokens that are compared. */
function guardInput(plan: TablePlan): InputColumn[] {
  const keys = plan.info.key.length
  const tokens = guardedColumns(plan).map(({ position }) => ({
    name: sql.id(`rs_t${position}`),
    position: keys + position,
  }))
  return [...inputColumns('k', 0, keys), ...tokens]
}

export function keyJoin(info: TableInfo): Sql {
  return sql.join(
    info.key.map((column, i) => sql`${columnOf(info, column)} = ${cast(sql`v.${sql.id(`rs_k${i}`)}`, column)}`),
    ' and ',
  )
}

/** coalesce((slug is null), false): the planner sees no condition that an index on "slug" would answer, and stays with the key's. */
export const holds = (where: Sql): Sql => sql`coalesce((${where}), false)`

function guard(plan: TablePlan): Sql {
  const tokens = guardedColumns(plan).map(
    ({ column, position }) =>
      sql`${textOf(column, columnOf(plan.info, column))} collate "C" is not distinct from v.${sql.id(`rs_t${position}`)} collate "C"`,
  )
  const where = plan.where ? [holds(plan.where)] : []
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

/** Of an inner row `p` with the raw columns and rs_m: key texts, tokens, match. */
function outputOf(plan: TablePlan): Sql {
  const guarded = new Set(guardedColumns(plan).map(({ column }) => column))
  const tokens = plan.read.map((column) => {
    if (!guarded.has(column)) return sql`null`
    const text = textOf(column, sql`p.${sql.id(column.name)}`)
    return plan.where ? sql`case when p.rs_m = 1 then ${text} end` : text
  })
  return sql.join([keyTexts(plan.info, sql`p`), ...tokens, sql`p.rs_m`])
}

function rawColumns(plan: TablePlan): Sql {
  const names = new Set(
    [...plan.info.key, ...guardedColumns(plan).map(({ column }) => column)].map((column) => column.name),
  )
  const match = plan.where ? sql`case when (${plan.where}) then 1 else 0 end` : sql`1`
  const table = sql.id(plan.info.table.name)
  return sql.join([...[...names].map((name) => sql`${table}.${sql.id(name)}`), sql`${match} as rs_m`])
}

/**
 * select cast(p."id" as text), case when p.rs_m = 1 then cast(p."name" as text) end, p.rs_m
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

/**
 * with p as materialized (select "city"."id", ... from unnest($1::text[]) with ordinality as v(rs_k0, rs_ord)
 *   join "city" on "city"."id" = cast(v.rs_k0 as bigint))
 * select cast(p."id" as text), ..., p.rs_m from p order by p."id"
 *
 * Materialized, or the planner, for which a sort is dear, walks the whole table in the order of its key and looks each row up among
 * the keys.
 */
export function readKeys(plan: TablePlan, keys: readonly Key[], mode: ReadMode): Statement {
  const { info } = plan
  const lock = mode === 'current' ? sql`for update of ${sql.id(info.table.name)}` : sql``
  const inner = sql`select ${rawColumns(plan)} from ${input(keys, inputColumns('k', 0, info.key.length))}
    join ${tableSql(info.table)} on ${keyJoin(info)} ${lock}`
  return render(
    sql`with p as materialized (${inner}) select ${outputOf(plan)} from p order by ${orderBy(info, sql`p`)}`,
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
  const result = yield render(
    sql`select v.rs_ord from ${input(rows, guardInput(plan))} join ${tableSql(plan.info.table)} on ${guard(plan)}
      for update of ${sql.id(plan.info.table.name)}`,
    spelling,
    'lock-guarded',
  )
  return result.rows.map((row) => Number(row[0]) - 1)
}

/** What an update needs of each row. */
const updateInput = (plan: TablePlan, written: readonly ColumnInfo[]): InputColumn[] => [
  ...guardInput(plan),
  ...inputColumns('w', plan.info.key.length + plan.read.length, written.length),
]

export const rowSpeller = (plan: TablePlan, written: readonly ColumnInfo[]): RowSpeller =>
  arrayLiterals(updateInput(plan, written))

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
  _values?: 'encoded' | 'restored',
  ahead?: SpelledRows,
): Script<UpdateOutcome> {
  const { info } = plan
  const keys = info.key.length
  const columns = updateInput(plan, written)
  const given = ahead ? unnested(ahead.texts, columns) : input(rows, columns)
  const set = written.map((column, i) => sql`${sql.id(column.name)} = ${cast(sql`v.${sql.id(`rs_w${i}`)}`, column)}`)
  const still = plan.endsWithWrite && plan.where ? holds(plan.where) : sql`false`
  const result = yield render(
    sql`with written as (
        update ${tableSql(info.table)} set ${sql.join(set)} from ${given} where ${guard(plan)}
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
  const where = plan.where ? sql`${inRange(info, range)} and ${holds(plan.where)}` : inRange(info, range)
  const still = plan.endsWithWrite && plan.where ? holds(plan.where) : sql`false`
  const key = info.key.map(
    (column, i) => sql`case when ${still} then cast(${sql.id(column.name)} as text) end as ${sql.id(`rs_k${i}`)}`,
  )
  const names = sql.join(info.key.map((_, i) => sql.id(`rs_k${i}`)))
  const result = yield render(
    sql`with written as (update ${tableSql(info.table)} set ${sql.join(assignments)} where ${where}
        returning ${sql.join(key)}),
      matching as (select ${names} from written where rs_k0 is not null limit 1)
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
