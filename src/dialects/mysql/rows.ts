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
import { assignable, assigned, restored, textOf, typed } from './codecs.js'
import { given, type InputColumn, input, inputColumns, inputOf, jsonLists, spelled } from './input.js'
import { packetsOf } from './packets.js'
import { spelling } from './spelling.js'

/*
 * Reads and writes of the user's rows, in the SQL that MySQL 8.0.19 and MariaDB 10.6 share. Texts go to the database as one
 * JSON parameter, whose columns are LONGTEXT: a column typed INT or VARCHAR(3) would cut, clamp and zero what does not fit.
 * Only names that begin with rs_ stand beside those of the user's table.
 */

export const tableSql = (table: TableName): Sql =>
  table.schema === undefined ? sql.id(table.name) : sql.id(table.schema, table.name)

const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

const number = (value: number): Sql => sql.raw(String(value))

/** `city`.`id`: qualified, because the parameter's columns stand beside the table's. */
export const columnOf = (info: TableInfo, column: ColumnInfo): Sql =>
  sql`${sql.id(info.table.name)}.${sql.id(column.name)}`

/** `city` force index (`PRIMARY`): a page must be a range of this index, whatever the statistics say. */
export const keyed = (info: TableInfo): Sql => sql`${tableSql(info.table)} force index (${sql.id(info.keyIndex)})`

export const keyTexts = (info: TableInfo): Sql =>
  sql.join(info.key.map((column) => textOf(column, columnOf(info, column))))
export const orderBy = (info: TableInfo, direction = sql``): Sql =>
  sql.join(info.key.map((column) => sql`${columnOf(info, column)} ${direction}`))
const lock = (mode: ReadMode): Sql => (mode === 'current' ? sql`for update` : sql``)
export const share = (mode: ReadMode): Sql => (mode === 'current' ? sql`lock in share mode` : sql``)

/** What a guard needs of each row: its key and the tokens that are compared. */
function guardInput(plan: TablePlan): InputColumn[] {
  const keys = plan.info.key.length
  const tokens = guardedColumns(plan).map(({ position }) => ({ name: `rs_t${position}`, position: keys + position }))
  return [...inputColumns('k', 0, keys), ...tokens]
}

/** `city`.`id` = cast(rs_v.rs_k0 as signed): the text becomes the key's type, so the key's index answers. */
const keyJoin = (info: TableInfo): Sql =>
  sql.join(
    info.key.map((column, i) => sql`${columnOf(info, column)} = ${typed(column, given('k', i))}`),
    ' and ',
  )

/**
 * The parameter first, then the table: STRAIGHT_JOIN, or the optimizer may scan and lock the table to look its rows up in the
 * parameter.
 */
export const joined = (info: TableInfo, given: Sql): Sql =>
  sql`${given} straight_join ${keyed(info)} on ${keyJoin(info)}`

export const byKeys = (info: TableInfo, keys: readonly Key[]): Sql =>
  joined(info, input(keys, inputColumns('k', 0, info.key.length)))

/** Equality is not identity ('Bob' = 'bob '), so what was read and what is there are compared as bytes. */
function guard(plan: TablePlan): Sql {
  const tokens = guardedColumns(plan).map(
    ({ column, position }) =>
      sql`cast(${textOf(column, columnOf(plan.info, column))} as binary) <=> cast(${given('t', position)} as binary)`,
  )
  const where = plan.where ? [sql`(${plan.where})`] : []
  return tokens.length + where.length === 0 ? sql`true` : sql.join([...tokens, ...where], ' and ')
}

/**
 * a > x or (a = x and (b > y)): a row comparison would scan the whole index. `last` is the comparison of the last column.
 */
export function beyond(info: TableInfo, key: Key, comparison: '>' | '<', last: string): Sql {
  const part = (i: number): Sql => {
    const column = columnOf(info, info.key[i]!)
    const bound = typed(info.key[i]!, sql`${key[i]}`)
    if (i === info.key.length - 1) return sql`${column} ${sql.raw(last)} ${bound}`
    return sql`(${column} ${sql.raw(comparison)} ${bound} or (${column} = ${bound} and ${part(i + 1)}))`
  }
  return part(0)
}

export function inRange(info: TableInfo, range: KeyRange): Sql {
  const upper = beyond(info, range.upTo, '<', '<=')
  return range.after ? sql`${beyond(info, range.after, '>', range.isClosed ? '>=' : '>')} and ${upper}` : upper
}

/** The key's texts, a token a read column if it matches, 1 or 0 for "matches `where`". */
function outputOf(plan: TablePlan): Sql {
  const { info, where } = plan
  // Named, because a column is else called by its whole text, and MariaDB's driver reads no name of more than 250 bytes.
  const guarded = new Set(guardedColumns(plan).map(({ column }) => column))
  const tokens = plan.read.map((column, i) => {
    const text = guarded.has(column) ? textOf(column, columnOf(info, column)) : sql`null`
    return where ? sql`case when (${where}) then ${text} end as ${sql.raw(`rs_t${i}`)}` : text
  })
  const match = where ? sql`case when (${where}) then 1 else 0 end as rs_m` : sql`1`
  return sql.join([keyTexts(info), ...tokens, match])
}

/**
 * select cast(`city`.`id` as char), case when (slug is null) then convert(`city`.`name` using utf8mb4) end,
 *   case when (slug is null) then 1 else 0 end
 * from `city` force index (`PRIMARY`)
 * where `city`.`id` > cast('7' as signed) and `city`.`id` <= cast('90000' as signed) order by `city`.`id` limit 2000
 *
 * `where` is looked at inside the page, not by the page, so that a stretch without matches cannot turn one statement into a
 * scan of the table. It is spelled once a column because a derived table would be written to disk for every TEXT in it.
 */
export function readPage(plan: TablePlan, range: PageRange, mode: ReadMode): Statement {
  const { info } = plan
  return statement(
    'read-page',
    sql`select ${outputOf(plan)} from ${keyed(info)} where ${inRange(info, range)}
      order by ${orderBy(info)} limit ${number(range.limit)} ${lock(mode)}`,
  )
}

export function readKeys(plan: TablePlan, keys: readonly Key[], mode: ReadMode): Statement {
  const { info } = plan
  return statement(
    'read-keys',
    sql`select ${outputOf(plan)} from ${byKeys(info, keys)} order by ${orderBy(info)} ${lock(mode)}`,
  )
}

const positions = (rows: readonly (readonly unknown[])[]): number[] => [
  ...new Set(rows.map((row) => Number(row[0]) - 1)),
]

export function* lockGuarded(plan: TablePlan, rows: readonly UpdateRow[]): Script<readonly number[]> {
  const columns = guardInput(plan)
  const locked: number[] = []
  for (const packet of yield* packetsOf(rows)) {
    const found = yield statement(
      'lock-guarded',
      sql`select rs_v.rs_ord from ${joined(plan.info, input(packet.rows, columns))} where ${guard(plan)} for update`,
    )
    for (const position of positions(found.rows)) locked.push(packet.from + position)
  }
  return locked
}

/** What an update needs of each row. */
const updateInput = (plan: TablePlan, written: readonly ColumnInfo[]): InputColumn[] => [
  ...guardInput(plan),
  ...inputColumns('w', plan.info.key.length + plan.read.length, written.length),
]

export const rowSpeller = (plan: TablePlan, written: readonly ColumnInfo[]): RowSpeller =>
  jsonLists(updateInput(plan, written))

/**
 * update json_table('[["7", "Rome", "rome"]]', '$[*]' columns (rs_ord for ordinality,
 *     rs_k0 longtext character set utf8mb4 path '$[0]', rs_t0 ... path '$[1]', rs_w0 ... path '$[2]')) as rs_v
 *   straight_join `city` force index (`PRIMARY`) on `city`.`id` = cast(rs_v.rs_k0 as signed)
 * set `city`.`slug` = rs_v.rs_w0
 * where cast(convert(`city`.`name` using utf8mb4) as binary) <=> cast(rs_v.rs_t0 as binary) and (slug is null)
 *
 * Rows in key order, or a row that still matches may go unnoticed.
 */
export function* updateRows(
  plan: TablePlan,
  written: readonly ColumnInfo[],
  rows: readonly UpdateRow[],
  values: 'encoded' | 'restored' = 'encoded',
  ahead?: SpelledRows,
): Script<UpdateOutcome> {
  const { info } = plan
  const keys = info.key.length
  const columns = updateInput(plan, written)
  const lists = ahead?.texts ?? spelled(rows, columns)
  const assign = values === 'restored' ? restored : assigned
  const set = written.map((column, i) => sql`${columnOf(info, column)} = ${assign(column, given('w', i))}`)
  let affected = 0
  for (const packet of yield* packetsOf(lists)) {
    const outcome = yield statement(
      'update-rows',
      sql`update ${joined(info, inputOf(packet.rows, columns))} set ${sql.join(set)} where ${guard(plan)}`,
    )
    affected += outcome.affected
  }
  if (affected !== rows.length) return { unwritten: 'unknown', stillMatching: undefined }
  return {
    unwritten: [],
    stillMatching: plan.endsWithWrite
      ? yield* stillMatching(
          plan,
          rows.map((row) => row.slice(0, keys) as string[]),
        )
      : undefined,
  }
}

/** Keys looked at in a row's neighbourhood before it is cheaper to look the batch's own keys up. */
const keysPerWrittenRow = 4

/**
 * A written key whose row matches `where` as stored. Most often the whole stretch from the first key to the last has no match
 * at all, which a short scan tells; else the keys themselves are looked at.
 */
function* stillMatching(plan: TablePlan, keys: readonly Key[]): Script<Key | undefined> {
  const { info, where } = plan
  const [first, last] = [keys[0], keys.at(-1)]
  if (!where || !first || !last) return undefined
  const limit = keys.length * keysPerWrittenRow
  const stretch = yield statement(
    'check-stretch',
    sql`select count(*), coalesce(sum(rs_m), 0) from (
        select case when (${where}) then 1 else 0 end as rs_m from ${keyed(info)}
        where ${beyond(info, first, '>', '>=')} and ${beyond(info, last, '<', '<=')}
        order by ${orderBy(info)} limit ${number(limit)}) as rs_p`,
  )
  const [looked, matching] = stretch.rows[0] ?? []
  if (Number(looked) < limit && Number(matching) === 0) return undefined
  const { rows } = yield statement(
    'check-written',
    sql`select ${keyTexts(info)} from ${byKeys(info, keys)} where (${where}) limit 1`,
  )
  return rows[0]?.map(String)
}

type Assignments = readonly (readonly [ColumnInfo, Sql])[]

/** A LIMIT that ends nothing: it keeps the optimizer from merging a derived table into the statement that writes its table. */
const all = sql.raw('18446744073709551615')

/**
 * update `city` force index (`PRIMARY`) set `city`.`slug` = lower(name) where <range> and (slug is null)
 *
 * MySQL assigns from left to right, and a later expression sees the columns assigned before it. Where one could, the new
 * values are computed first, all from the row as it is:
 *
 * update (select `id` as rs_k0, <b> as rs_w0, <a> as rs_w1 from `city` ... for update) as rs_new
 *   straight_join `city` on `city`.`id` = rs_new.rs_k0 set `city`.`a` = rs_new.rs_w0, `city`.`b` = rs_new.rs_w1
 */
function updateSql(info: TableInfo, set: Assignments, from: Sql, where: Sql): Statement {
  const assign = (value: (i: number) => Sql) =>
    sql.join(set.map(([column], i) => sql`${columnOf(info, column)} = ${assignable(column, value(i))}`))
  if (!seesEarlier(set)) {
    return statement('update-range', sql`update ${from} set ${assign((i) => set[i]![1])} where ${where}`)
  }
  const computed = [
    ...info.key.map((column, i) => sql`${columnOf(info, column)} as ${sql.id(`rs_k${i}`)}`),
    ...set.map(([, value], i) => sql`${value} as ${sql.id(`rs_w${i}`)}`),
  ]
  const join = info.key.map((column, i) => sql`${columnOf(info, column)} = ${sql.raw(`rs_new.rs_k${i}`)}`)
  return statement(
    'update-range',
    sql`update (select ${sql.join(computed)} from ${from} where ${where} limit ${all} for update) as rs_new
      straight_join ${keyed(info)} on ${sql.join(join, ' and ')} set ${assign((i) => sql.raw(`rs_new.rs_w${i}`))}`,
  )
}

/** Whether an expression mentions a column assigned before it; a false alarm costs time only. */
function seesEarlier(set: Assignments): boolean {
  return set.some(([, value], i) => {
    const text = render(value, spelling, '').text.toLowerCase()
    return set.slice(0, i).some(([column]) => text.includes(column.name.toLowerCase()))
  })
}

const rangeMark = 'rowshift_range'

export function* updateRange(plan: TablePlan, set: Assignments, range: KeyRange): Script<RangeOutcome> {
  const { info, where } = plan
  const matching = where ? sql`${inRange(info, range)} and (${where})` : inRange(info, range)
  const update = updateSql(info, set, keyed(info), matching)
  if (!plan.endsWithWrite || !where) {
    return { written: (yield update).affected, stillMatching: undefined }
  }
  yield statement('savepoint', sql`savepoint ${sql.id(rangeMark)}`)
  const { affected } = yield update
  const left = yield statement('check-range', sql`select 1 from ${keyed(info)} where ${matching} limit 1`)
  if (left.rows.length === 0) return { written: affected, stillMatching: undefined }
  // Written and still a match, or inserted by somebody else since: told apart by writing keys that are known.
  yield statement('rollback-to-savepoint', sql`rollback to savepoint ${sql.id(rangeMark)}`)
  const locked = yield statement(
    'lock-range',
    sql`select ${keyTexts(info)} from ${keyed(info)} where ${matching} order by ${orderBy(info)} for update`,
  )
  const keys = locked.rows.map((row) => row.map(String))
  if (keys.length === 0) return { written: 0, stillMatching: undefined }
  const again = yield updateSql(info, set, byKeys(info, keys), sql`(${where})`)
  return { written: again.affected, stillMatching: yield* stillMatching(plan, keys) }
}

/**
 * json_array(concat(convert(`city`.`slug` using utf8mb4)), ...): the exact texts of columns, as a journal has them. A JSON column of MariaDB is a
 * text, which json_array would take for a document of its own; what comes out of concat is none.
 */
export const imageTexts = (info: TableInfo, columns: readonly ColumnInfo[]): Sql =>
  sql`json_array(${sql.join(columns.map((column) => sql`concat(${textOf(column, columnOf(info, column))})`))})`

/**
 * insert into `rowshift_journal` (run_id, row_key, written, before_image, after_image)
 * select 7, rs_v.rs_w0, '["slug"]', rs_v.rs_w1, json_array(concat(convert(`city`.`slug` using utf8mb4)))
 * from json_table(...) as rs_v straight_join `city` force index (`PRIMARY`) on `city`.`id` = cast(rs_v.rs_k0 as signed)
 */
export function* noteImages(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  rows: readonly ImageRow[],
  { table, runId, of }: Journal,
): Script<void> {
  const keys = info.key.length
  const written = JSON.stringify(columns.map(({ name }) => name))
  for (const packet of yield* packetsOf(rows)) {
    yield statement(
      'note-images',
      sql`insert into ${table} (run_id, table_name, row_key, written, before_image, after_image)
        select ${runId}, ${of ?? null}, rs_v.rs_w0, ${written}, rs_v.rs_w1, ${imageTexts(info, columns)}
        from ${joined(info, input(packet.rows, [...inputColumns('k', 0, keys), ...inputColumns('w', keys, 2)]))}`,
    )
  }
}

export function* takenValues(
  info: TableInfo,
  column: ColumnInfo,
  values: readonly { readonly key: Key; readonly text: string }[],
  mode: ReadMode = 'plain',
): Script<readonly number[]> {
  const keys = info.key.length
  const rows = values.map(({ key, text }) => [...key, text])
  const columns = [...inputColumns('k', 0, keys), ...inputColumns('w', keys, 1)]
  const taken: number[] = []
  for (const packet of yield* packetsOf(rows)) {
    const found = yield statement(
      'taken-values',
      sql`select rs_v.rs_ord from ${input(packet.rows, columns)} straight_join ${tableSql(info.table)}
        on ${columnOf(info, column)} = ${typed(column, given('w', 0))} where not (${keyJoin(info)}) ${share(mode)}`,
    )
    for (const position of positions(found.rows)) taken.push(packet.from + position)
  }
  return taken
}

/**
 * select rs_v.rs_ord, min(rs_v.rs_ord) over (partition by convert(rs_v.rs_w0 using latin1) collate latin1_swedish_ci)
 * from json_table(...) as rs_v order by rs_v.rs_ord
 */
export function* sameValues(
  _info: TableInfo,
  columns: readonly ColumnInfo[],
  rows: readonly (readonly string[])[],
): Script<readonly number[]> {
  const values = columns.map((column, i) => typed(column, given('w', i)))
  const found = yield statement(
    'same-values',
    sql`select rs_v.rs_ord, min(rs_v.rs_ord) over (partition by ${sql.join(values)})
      from ${input(rows, inputColumns('w', 0, columns.length))} order by rs_v.rs_ord`,
  )
  return found.rows.map((row) => Number(row[1]) - 1)
}
