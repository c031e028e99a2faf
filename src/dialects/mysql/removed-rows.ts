import type { Journal, Key, KeyRange, MatchOptions, NewRow, TablePlan } from '../dialect.js'
import type { Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import type { ColumnInfo, TableInfo } from '../table.js'
import { restored, textOf } from './codecs.js'
import { input, inputColumns } from './input.js'
import { packetsOf } from './packets.js'
import { byKeys, columnOf, imageTexts, inRange, joined, keyed, keyTexts, orderBy, tableSql } from './rows.js'
import { spelling } from './spelling.js'

/* Rows that are deleted, what is kept of them, and how they come back. */

const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

/**
 * select cast(`city`.`id` as char) from `city` force index (`PRIMARY`) where `city`.`id` > ... and `city`.`id` <= ... and (<where>)
 * order by `city`.`id` for update
 */
export function* matchingRows(
  { info, where }: TablePlan,
  among: KeyRange | readonly Key[],
  { values, isLocked }: MatchOptions,
): Script<readonly (readonly (string | null)[])[]> {
  // Named, because a column is else called by its whole text, and MariaDB's driver reads no name of more than 250 bytes.
  const texts = values.map(([column, value], i) => sql`${textOf(column, value)} as ${sql.raw(`rs_x${i}`)}`)
  const read = (from: Sql, found: Sql) =>
    statement(
      'matching-rows',
      sql`select ${sql.join([keyTexts(info), ...texts])} from ${from} where ${found} ${where ? sql`and (${where})` : sql``}
        order by ${orderBy(info)} ${isLocked ? sql`for update` : sql``}`,
    )
  if (!isKeys(among)) return (yield read(keyed(info), inRange(info, among))).rows as (string | null)[][]
  const found: (string | null)[][] = []
  for (const packet of yield* packetsOf(among)) {
    const { rows } = yield read(byKeys(info, packet.rows), sql`true`)
    found.push(...(rows as (string | null)[][]))
  }
  return found
}

const isKeys = (among: KeyRange | readonly Key[]): among is readonly Key[] => Array.isArray(among)

/**
 * delete `city` from `city` force index (`PRIMARY`) where `city`.`id` > ... and `city`.`id` <= ... and (<where>)
 *
 * In the form for several tables, which takes the hint: statistics must not make it scan the table.
 */
export function* deleteRange({ info, where }: TablePlan, range: KeyRange): Script<number> {
  const matching = where ? sql`${inRange(info, range)} and (${where})` : inRange(info, range)
  const { affected } = yield statement(
    'delete-range',
    sql`delete ${sql.id(info.table.name)} from ${keyed(info)} where ${matching}`,
  )
  return affected
}

/** delete `profile` from json_table(...) as rs_v straight_join `profile` on `profile`.`id` = cast(rs_v.rs_k0 as signed) */
export function* deleteRows(info: TableInfo, keys: readonly Key[]): Script<number> {
  let deleted = 0
  for (const packet of yield* packetsOf(keys)) {
    const { affected } = yield statement(
      'delete-rows',
      sql`delete ${sql.id(info.table.name)} from ${byKeys(info, packet.rows)}`,
    )
    deleted += affected
  }
  return deleted
}

const namesOf = (columns: readonly ColumnInfo[]): Sql => sql.join(columns.map((column) => sql.id(column.name)))

/** insert into `city_archive` (`id`, `name`) select `city`.`id`, `city`.`name` from json_table(...) as rs_v straight_join `city` on ... */
export function* copyRows(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  keys: readonly Key[],
  into: TableInfo,
): Script<number> {
  const values = sql.join(columns.map((column) => columnOf(info, column)))
  let copied = 0
  for (const packet of yield* packetsOf(keys)) {
    const { affected } = yield statement(
      'copy-rows',
      sql`insert into ${tableSql(into.table)} (${namesOf(columns)}) select ${values} from ${byKeys(info, packet.rows)}`,
    )
    copied += affected
  }
  return copied
}

/**
 * insert into `rowshift_journal` (run_id, row_key, written, before_image, after_image)
 * select 7, <key as JSON>, '["id", "name"]', json_array(concat(cast(`city`.`id` as char)), ...), 'null' from json_table(...) as rs_v straight_join `city` on ...
 */
export function* noteRemoved(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  keys: readonly Key[],
  { table, runId, of }: Journal,
): Script<number> {
  const written = JSON.stringify(columns.map(({ name }) => name))
  const width = info.key.length
  let bytes = 0
  for (const packet of yield* packetsOf(keys.map((key) => [...key, JSON.stringify(key)]))) {
    const given = joined(info, input(packet.rows, [...inputColumns('k', 0, width), ...inputColumns('w', width, 1)]))
    const { affected } = yield statement(
      'note-removed',
      sql`insert into ${table} (run_id, table_name, row_key, written, before_image, after_image)
        select ${runId}, ${of ?? null}, rs_v.rs_w0, ${written}, ${imageTexts(info, columns)}, 'null' from ${given}`,
    )
    // MySQL has no RETURNING. Of several workers one may count another's entries: it is about how much, no more.
    const { rows } = yield statement(
      'measure-journal',
      sql`select coalesce(sum(length(rs_n.row_key) + length(rs_n.before_image)), 0) from (
        select row_key, before_image from ${table} where run_id = ${runId} and id >= last_insert_id() order by id
        limit ${sql.raw(String(affected))}) as rs_n`,
    )
    bytes += Number(rows[0]?.[0])
  }
  return bytes
}

/** insert into `city` (`id`, `name`) values ('7', 'Rome'), ... */
export function* restoreRows(info: TableInfo, columns: readonly ColumnInfo[], rows: readonly NewRow[]): Script<void> {
  for (const packet of yield* packetsOf(rows)) {
    const values = packet.rows.map(
      (row) => sql`(${sql.join(row.map((text, i) => restored(columns[i]!, sql`${text}`)))})`,
    )
    yield statement(
      'restore-rows',
      sql`insert into ${tableSql(info.table)} (${namesOf(columns)}) values ${sql.join(values)}`,
    )
  }
}
