import type {
  ImageRow,
  Journal,
  Key,
  KeyRange,
  PageRange,
  RangeOutcome,
  TablePlan,
  UpdateOutcome,
  UpdateRow,
} from '../dialect.js'
import { guardedColumns } from '../guarded-columns.js'
import type { Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import type { ColumnInfo, TableInfo, TableName } from '../table.js'
import type { SqliteTable } from './introspect.js'
import { spelling } from './spelling.js'
import { assigned, isAsRead, isMarked, keyValue, keyValueIn, restored, storageOf, textOf } from './texts.js'

/*
 * Reads and writes of the user's rows; texts.ts says how their values travel. Only names that begin with rs_ stand beside those
 * of the user's table. A transaction that writes is alone, so a `current` read is a plain one and nothing is ever locked.
 */

export const tableSql = (table: TableName): Sql =>
  table.schema === undefined ? sql.id(table.name) : sql.id(table.schema, table.name)

const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

const number = (value: number): Sql => sql.raw(String(value))

/** "city"."id": qualified, because the parameter's columns stand beside the table's. */
export const columnOf = (info: TableInfo, column: ColumnInfo): Sql =>
  sql`${sql.id(info.table.name)}.${sql.id(column.name)}`

/** "city" indexed by "city_pk": a page must be a range of this index, whatever stale statistics say. A rowid has no index. */
export function keyed(info: TableInfo): Sql {
  const table = tableSql(info.table)
  return (info as SqliteTable).isRowidKey ? table : sql`${table} indexed by ${sql.id(info.keyIndex)}`
}

/** A constraint declared ON CONFLICT REPLACE would delete the other row, one ON CONFLICT IGNORE leave ours unwritten. */
const update = (info: TableInfo): Sql => ((info as SqliteTable).hasConflictClause ? sql`update or abort` : sql`update`)

/** +("slug" is null): the sign keeps the planner from leaving the key's range for an index on "slug". */
export const holds = (where: Sql): Sql => sql`+(${where})`

export const keyColumns = (info: TableInfo): Sql[] => info.key.map((column) => columnOf(info, column))
/** A rowid is an integer in every row. */
const keyText = (info: TableInfo, column: ColumnInfo, value: Sql): Sql =>
  (info as SqliteTable).isRowidKey ? sql`cast(${value} as text)` : textOf(column, value)
export const keyTexts = (info: TableInfo): Sql =>
  sql.join(info.key.map((column) => keyText(info, column, columnOf(info, column))))
export const orderBy = (columns: readonly Sql[], direction = sql``): Sql =>
  sql.join(columns.map((column) => sql`${column} ${direction}`))

/** "id" > ?, or ("a", "b") > (?, ?): one range of the index either way. Bound texts take the column's affinity. */
export function compare(info: TableInfo, comparison: '>' | '>=' | '<=' | '=', key: Key): Sql {
  const columns = sql.join(keyColumns(info))
  const values = sql.join(info.key.map((column, i) => keyValue(column, key[i]!)))
  const operator = sql.raw(comparison)
  return key.length === 1 ? sql`${columns} ${operator} ${values}` : sql`(${columns}) ${operator} (${values})`
}

export function inRange(info: TableInfo, range: KeyRange): Sql {
  const upper = compare(info, '<=', range.upTo)
  return range.after ? sql`${compare(info, range.isClosed ? '>=' : '>', range.after)} and ${upper}` : upper
}

/** What introspection asks the planner about: the shape of every page. */
export function pageProbe(info: SqliteTable): Sql {
  const end = info.key.map(() => '')
  return sql`explain query plan select ${sql.join(keyColumns(info))} from ${keyed(info)}
    where ${inRange(info, { after: end, upTo: end })} order by ${orderBy(keyColumns(info))} limit 1`
}

/**
 * select <text of p."id">, case when p.rs_m = 1 then <text of p."name"> end, p.rs_m
 * from (select "city"."id", "city"."name", case when ("slug" is null) then 1 else 0 end as rs_m
 *       from "city" where "city"."id" > ? and "city"."id" <= ? order by "city"."id" limit 2000) as p
 * order by p."id"
 *
 * `where` is looked at inside the page, not by the page: a stretch without matches cannot turn one statement into a scan of the
 * table. The page is a co-routine: rows pass through one by one, in the order of the index, and `where` is evaluated once.
 */
export function readPage(plan: TablePlan, range: PageRange): Statement {
  const { info, read, where } = plan
  const page = sql`from ${keyed(info)} where ${inRange(info, range)} order by ${orderBy(keyColumns(info))} limit ${number(range.limit)}`
  if (!where) {
    const tokens = read.map((column) => textOf(column, columnOf(info, column)))
    return statement('read-page', sql`select ${sql.join([keyTexts(info), ...tokens, sql`1`])} ${page}`)
  }
  const ofPage = (column: ColumnInfo) => sql`p.${sql.id(column.name)}`
  const keys = info.key.map((column) => keyText(info, column, ofPage(column)))
  const guarded = new Set(guardedColumns(plan).map(({ column }) => column))
  const tokens = read.map((column) =>
    guarded.has(column) ? sql`case when p.rs_m = 1 then ${textOf(column, ofPage(column))} end` : sql`null`,
  )
  const columns = [...new Set([...info.key, ...guarded])].map((column) => columnOf(info, column))
  const inner = sql`select ${sql.join([...columns, sql`case when (${where}) then 1 else 0 end as rs_m`])} ${page}`
  return statement(
    'read-page',
    sql`select ${sql.join([...keys, ...tokens, sql`p.rs_m`])} from (${inner}) as p order by ${orderBy(info.key.map(ofPage))}`,
  )
}

/** (select key as rs_ord, value ->> 0 as rs_c0, value ->> 1 as rs_c1 from json_each(?)) as rs_v */
export function input(rows: readonly (readonly (string | null)[])[], width: number): Sql {
  const columns = Array.from({ length: width }, (_, i) => sql.raw(`value ->> ${i} as rs_c${i}`))
  return sql`(select ${sql.join([sql`key as rs_ord`, ...columns])} from json_each(${JSON.stringify(rows)})) as rs_v`
}

export const given = (position: number): Sql => sql.raw(`rs_v.rs_c${position}`)

/** "city"."id" = rs_v.rs_c0: the text becomes what it was printed from, so the key's index answers. */
export function keyJoin(info: TableInfo, rows: readonly UpdateRow[]): Sql {
  const hasMarks = rows.some((row) => info.key.some((_, i) => isMarked(row[i]!)))
  return sql.join(
    info.key.map((column, i) => sql`${columnOf(info, column)} = ${keyValueIn(column, given(i), hasMarks)}`),
    ' and ',
  )
}

/**
 * select <text of "city"."id">, case when ("slug" is null) then <text> end, case when ("slug" is null) then 1 else 0 end
 * from (select key as rs_ord, value ->> 0 as rs_c0 from json_each(?)) as rs_v cross join "city" on "city"."id" = rs_v.rs_c0
 * order by "city"."id"
 *
 * CROSS JOIN keeps the order of the two: the planner may take a table for a small one and look its rows up in the parameter.
 */
export function readKeys(plan: TablePlan, keys: readonly Key[]): Statement {
  const { info, read, where } = plan
  const whenMatching = (value: Sql) => (where ? sql`case when (${where}) then ${value} end` : value)
  const match = where ? sql`case when (${where}) then 1 else 0 end` : sql`1`
  const tokens = read.map((column) => whenMatching(textOf(column, columnOf(info, column))))
  return statement(
    'read-keys',
    sql`select ${sql.join([keyTexts(info), ...tokens, match])} from ${input(keys, info.key.length)} cross join ${keyed(info)}
      on ${keyJoin(info, keys)} order by ${orderBy(keyColumns(info))}`,
  )
}

/** Positions of a row's cells that a guard binds, in its order. */
function guardCells(plan: TablePlan): number[] {
  const keys = plan.info.key.length
  return [...firstCells(keys), ...guardedColumns(plan).map(({ position }) => keys + position)]
}

/** "city"."id" = ? and "city"."name" is ? collate binary and +("slug" is null) */
function guarded(plan: TablePlan, row: UpdateRow): Sql {
  const { info, where } = plan
  const tokens = guardedColumns(plan).map(({ column, position }) =>
    isAsRead(column, columnOf(info, column), row[info.key.length + position] ?? null),
  )
  const conditions = [compare(info, '=', row.slice(0, info.key.length) as string[]), ...tokens]
  return sql.join(where ? [...conditions, holds(where)] : conditions, ' and ')
}

export const firstCells = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/**
 * Statements for rows that differ in their parameters only, so that the driver keeps one prepared. `bound` are the positions of the cells
 * that a row's statement binds, in the order of its placeholders; those of `where` come after them. A row with a marked text is spelled
 * in another way.
 */
export function perRow(bound: readonly number[], render: (row: UpdateRow) => Statement): (row: UpdateRow) => Statement {
  const { text, label, parameters } = render(Array<string>(1 + Math.max(...bound)).fill(''))
  const own = parameters.slice(bound.length)
  return (row) => {
    // As long as it will be: a list that grows has room for sixteen more.
    const cells = new Array<unknown>(bound.length + own.length)
    for (let i = 0; i < bound.length; i++) {
      const cell = row[bound[i]!]
      if (cell != null && isMarked(cell)) return render(row)
      cells[i] = cell ?? null
    }
    for (let i = 0; i < own.length; i++) cells[bound.length + i] = own[i]
    return { text, label, parameters: cells }
  }
}

/** Runs a writing statement a row, those of one text at once. Returns the positions of the rows that nothing was written of. */
function* runPerRow(rows: readonly UpdateRow[], write: (row: UpdateRow) => Statement): Script<number[]> {
  const unwritten: number[] = []
  for (let from = 0; from < rows.length; ) {
    const statement = write(rows[from]!)
    const each = [statement.parameters]
    while (from + each.length < rows.length) {
      const next = write(rows[from + each.length]!)
      if (next.text !== statement.text) break
      each.push(next.parameters)
    }
    const { unaffected = [] } = yield { ...statement, each }
    for (const position of unaffected) unwritten.push(from + position)
    from += each.length
  }
  return unwritten
}

/** Nothing needs a lock here: the transaction has begun by writing, so no other can. */
export function* lockGuarded(plan: TablePlan, rows: readonly UpdateRow[]): Script<readonly number[]> {
  const { info } = plan
  const find = perRow(guardCells(plan), (row) =>
    statement('lock-guarded', sql`select 1 from ${tableSql(info.table)} where ${guarded(plan, row)}`),
  )
  const positions: number[] = []
  for (let i = 0; i < rows.length; i++) {
    const found = yield find(rows[i]!)
    if (found.rows.length > 0) positions.push(i)
  }
  return positions
}

/**
 * update "city" set "slug" = ?
 * where "city"."id" = ? and "city"."name" is ? collate binary and "city"."slug" is ? collate binary and +("slug" is null)
 *
 * A statement a row, because a prepared one costs a microsecond or two in process. UPDATE ... FROM json_each(?) is slower, does
 * not tell which rows it left out (RETURNING sees the table alone), and the order of its join cannot be fixed: for an index on
 * "slug", or by statistics from when the table was small, the planner goes through all matching rows of the table and reads the
 * parameter anew for each.
 */
export function* updateRows(
  plan: TablePlan,
  written: readonly ColumnInfo[],
  rows: readonly UpdateRow[],
  values: 'encoded' | 'restored' = 'encoded',
): Script<UpdateOutcome> {
  const { info, read } = plan
  const assign = values === 'restored' ? restored : assigned
  const guards = info.key.length + read.length
  const write = perRow([...written.map((_, i) => guards + i), ...guardCells(plan)], (row) => {
    const set = written.map((column, i) => sql`${sql.id(column.name)} = ${assign(column, row[guards + i] ?? null)}`)
    return statement(
      'update-rows',
      sql`${update(info)} ${tableSql(info.table)} set ${sql.join(set)} where ${guarded(plan, row)}`,
    )
  })
  const unwritten = yield* runPerRow(rows, write)
  const isMissing = new Set(unwritten)
  const stillMatching = plan.endsWithWrite
    ? yield* findMatching(plan, isMissing.size === 0 ? rows : rows.filter((_, i) => !isMissing.has(i)))
    : undefined
  return { unwritten, stillMatching }
}

/**
 * select 1 from "city" where "city"."id" >= ? and "city"."id" <= ? and +("slug" is null) limit 1
 *
 * Rows come in key order, so most often one look at their range tells that none matches. Only if one in the range does, which
 * may be a row that was left on purpose, each row is looked at.
 */
function* findMatching({ info, where }: TablePlan, rows: readonly UpdateRow[]): Script<Key | undefined> {
  if (!where || rows.length === 0) return undefined
  const keyOf = (row: UpdateRow) => row.slice(0, info.key.length) as string[]
  const inTheirRange = yield statement(
    'check-written',
    sql`select 1 from ${keyed(info)} where ${compare(info, '>=', keyOf(rows[0]!))} and ${compare(info, '<=', keyOf(rows.at(-1)!))}
      and ${holds(where)} limit 1`,
  )
  if (inTheirRange.rows.length === 0) return undefined
  const matches = perRow(firstCells(info.key.length), (row) =>
    statement(
      'check-written',
      sql`select 1 from ${tableSql(info.table)} where ${compare(info, '=', keyOf(row))} and ${holds(where)}`,
    ),
  )
  for (const row of rows) {
    const found = yield matches(keyOf(row))
    if (found.rows.length > 0) return keyOf(row)
  }
  return undefined
}

/** update "city" set "slug" = lower("name") where "city"."id" > ? and "city"."id" <= ? and +("slug" is null) */
export function* updateRange(
  plan: TablePlan,
  set: readonly (readonly [ColumnInfo, Sql])[],
  range: KeyRange,
): Script<RangeOutcome> {
  const { info, where } = plan
  const assignments = set.map(([column, value]) => sql`${sql.id(column.name)} = ${value}`)
  const matching = where ? sql`${inRange(info, range)} and ${holds(where)}` : inRange(info, range)
  const { affected } = yield statement(
    'update-range',
    sql`${update(info)} ${keyed(info)} set ${sql.join(assignments)} where ${matching}`,
  )
  if (!plan.endsWithWrite) return { written: affected, stillMatching: undefined }
  // Every row of the range that matched was written in this transaction, so one that matches now is one of those.
  const found = yield statement(
    'check-written',
    sql`select ${keyTexts(info)} from ${keyed(info)} where ${matching} limit 1`,
  )
  return { written: affected, stillMatching: found.rows[0]?.map(String) }
}

/**
 * insert into "rowshift_journal" (run_id, row_key, written, before_image, after_image)
 * select ?, rs_v.rs_c1, ?, rs_v.rs_c2, json_array(<text of "city"."slug">)
 * from (...json_each(?)) as rs_v cross join "city" on "city"."id" = rs_v.rs_c0
 */
export function* noteImages(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  rows: readonly ImageRow[],
  { table, runId, of }: Journal,
): Script<void> {
  const keys = info.key.length
  const stored = sql.join(columns.map((column) => textOf(column, columnOf(info, column))))
  const written = JSON.stringify(columns.map(({ name }) => name))
  yield statement(
    'note-images',
    sql`insert into ${table} (run_id, table_name, row_key, written, before_image, after_image)
      select ${runId}, ${of ?? null}, ${given(keys)}, ${written}, ${given(keys + 1)}, json_array(${stored})
      from ${input(rows, keys + 2)} cross join ${keyed(info)} on ${keyJoin(info, rows)} order by rs_v.rs_ord`,
  )
}

/**
 * select rs_v.rs_ord from (...) as rs_v where exists (
 *   select 1 from "city" indexed by "city_slug" where "city"."slug" collate "NOCASE" = rs_v.rs_c1 and not ("city"."id" = rs_v.rs_c0))
 */
export function* takenValues(
  info: TableInfo,
  column: ColumnInfo,
  values: readonly { readonly key: Key; readonly text: string }[],
): Script<readonly number[]> {
  const rows = values.map(({ key, text }) => [...key, text])
  const index = (info as SqliteTable).valueIndexes.get(column.name)
  const table = tableSql(info.table)
  const from = index ? sql`${table} indexed by ${sql.id(index.name)}` : table
  const held = index ? sql`${columnOf(info, column)} collate ${sql.id(index.collation)}` : columnOf(info, column)
  const text = given(info.key.length)
  const value = storageOf(column) === 'bytes' ? sql`unhex(${text})` : text
  const result = yield statement(
    'taken-values',
    sql`select rs_v.rs_ord from ${input(rows, info.key.length + 1)} where exists (
      select 1 from ${from} where ${held} = ${value} and not (${keyJoin(info, rows)}))`,
  )
  return result.rows.map((row) => Number(row[0]))
}

/**
 * select rs_v.rs_ord, min(rs_v.rs_ord) over (partition by rs_v.rs_c0 collate "NOCASE")
 * from (select key as rs_ord, value ->> 0 as rs_c0 from json_each(?)) as rs_v order by rs_v.rs_ord
 */
export function* sameValues(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  rows: readonly (readonly string[])[],
): Script<readonly number[]> {
  const { collations } = info as SqliteTable
  const values = columns.map(({ name }, i) => sql`${given(i)} collate ${sql.id(collations.get(name) ?? 'BINARY')}`)
  const result = yield statement(
    'same-values',
    sql`select rs_v.rs_ord, min(rs_v.rs_ord) over (partition by ${sql.join(values)})
      from ${input(rows, columns.length)} order by rs_v.rs_ord`,
  )
  return result.rows.map((row) => Number(row[1]))
}

/** Bare, so that it takes the affinity of the column it is compared with. */
export const conditionValue = (column: ColumnInfo, text: string): Sql => assigned(column, text)

export const isDistinct = (column: ColumnInfo, text: string): Sql =>
  sql`${sql.id(column.name)} is not ${conditionValue(column, text)}`
