import { RowshiftError } from '../../errors/rowshift-error.js'
import type { InsertOptions, InsertOutcome, Key, NewRow } from '../dialect.js'
import type { Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import { type ColumnInfo, keyedBy, type TableInfo, tableText } from '../table.js'
import { assigned, textOf } from './codecs.js'
import type { MysqlColumn, MysqlTable } from './introspect.js'
import { packetsOf } from './packets.js'
import { byKeys, keyTexts, sameValues, tableSql } from './rows.js'
import { spelling } from './spelling.js'

/* Rows that are created. */

const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

/**
 * insert into `profile` (`user_id`, `bio`) values ('7', 'Sails'), ('8', null) returning cast(`id` as char)
 *
 * MySQL has no RETURNING. A list of values has a number that is known beforehand: only then do generated keys follow one another
 * there, whatever `innodb_autoinc_lock_mode` says. ON DUPLICATE KEY would pass over any unique index, so the rows that are there are
 * left out first; one that others insert meanwhile clashes.
 */
export function* insertRows(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  rows: readonly NewRow[],
  { unlessTaken, returnsKeys }: InsertOptions,
): Script<InsertOutcome> {
  const fresh = unlessTaken ? yield* freshOf(info, columns, rows, unlessTaken) : rows
  const { returnsInserted } = info as MysqlTable
  const insertOf = insertionOf(info, columns, returnsKeys && returnsInserted)
  const keys: Key[] = []
  for (const packet of yield* packetsOf(fresh)) {
    if (packet.rows.length === 0) continue
    const inserted = yield insertOf(packet.rows)
    if (!returnsKeys) continue
    const made = returnsInserted
      ? inserted.rows.map((row) => row.map(String))
      : yield* keysOf(info, columns, packet.rows)
    for (const key of made) keys.push(key)
  }
  return { created: fresh.length, keys }
}

/** The statement for any number of rows: they are spelled alike, so one of them is rendered and repeated. */
function insertionOf(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  returnsKeys: boolean,
): (rows: readonly NewRow[]) => Statement {
  const names = sql.join(columns.map((column) => sql.id(column.name)))
  const { text: head } = statement('', sql`insert into ${tableSql(info.table)} (${names}) values `)
  const { text: tail } = statement('', returnsKeys ? sql` returning ${returnedKey(info)}` : sql``)
  // Positions stand for the values, some of which are sent more than once.
  const one = statement('', sql`(${sql.join(columns.map((column, i) => assigned(column, sql`${i}`)))})`)
  const positions = one.parameters as readonly number[]
  return (rows) => {
    const parameters: (string | null)[] = []
    for (const row of rows) for (const position of positions) parameters.push(row[position]!)
    return { text: head + Array(rows.length).fill(one.text).join(', ') + tail, parameters, label: 'insert-rows' }
  }
}

/** Rows that no row of the table, and no earlier one of these, is in the way of. */
function* freshOf(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  rows: readonly NewRow[],
  unlessTaken: readonly ColumnInfo[],
): Script<readonly NewRow[]> {
  const at = unlessTaken.map((column) => columns.indexOf(column))
  const values = rows.map((row) => at.map((i) => row[i]!))
  const firsts = yield* sameValues(info, unlessTaken, values)
  const distinct = rows.flatMap((row, i) => (firsts[i] === i ? [{ row, values: values[i]! }] : []))
  const taken = new Set<number>()
  const keyed = keyedBy(info, unlessTaken)!
  const keys = distinct.map((one) => one.values)
  for (const packet of yield* packetsOf(keys)) {
    // Locked, so that a row that is passed over is still there at the commit; shared, because others pass over it as well.
    const found = yield statement(
      'taken-rows',
      sql`select rs_v.rs_ord from ${byKeys(keyed, packet.rows)} lock in share mode`,
    )
    for (const [position] of found.rows) taken.add(packet.from + Number(position) - 1)
  }
  return distinct.flatMap(({ row }, i) => (taken.has(i) ? [] : [row]))
}

/** Its columns stand beside no others, and qualified ones are refused. */
const returnedKey = (info: TableInfo): Sql => sql.join(info.key.map((column) => textOf(column, sql.id(column.name))))

/** Keys that were given, as they are stored, or generated ones: the first is known, the others follow it. */
function* keysOf(info: TableInfo, columns: readonly ColumnInfo[], rows: readonly NewRow[]): Script<readonly Key[]> {
  const at = info.key.map((column) => columns.indexOf(column))
  if (at.every((i) => i >= 0)) {
    const given = rows.map((row) => at.map((i) => row[i]!))
    const { rows: stored } = yield statement(
      'created-keys',
      sql`select ${keyTexts(info)} from ${byKeys(info, given)} order by rs_v.rs_ord`,
    )
    return stored.map((row) => row.map(String))
  }
  // Of another default it tells nothing, or what an earlier statement has left there.
  if (info.key.length > 1 || !(info.key[0] as MysqlColumn).isAutoIncrement) {
    throw new RowshiftError('INVALID_DEFINITION', {
      message: `the key of "${tableText(info.table)}" is made by a default that MySQL does not tell: supply it as well. Only a backfill without a \`journal\` can do without it.`,
      details: { table: tableText(info.table) },
    })
  }
  const { rows: found } = yield statement('created-keys', sql`select last_insert_id(), @@auto_increment_increment`)
  const [first = 0n, step = 0n] = (found[0] ?? []).map((cell) => BigInt(String(cell)))
  return rows.map((_, i) => [String(first + BigInt(i) * step)])
}

/**
 * select rs_v.rs_ord, cast(`city`.`id` as char) from json_table(...) as rs_v straight_join `city` on `city`.`slug` = ... lock in share mode
 *
 * With a lock, because in a transaction that encloses it a plain read would show an old snapshot.
 */
export function* keysOfValues(
  info: TableInfo,
  keyed: TableInfo,
  values: readonly (readonly string[])[],
): Script<readonly (Key | undefined)[]> {
  const keys: (Key | undefined)[] = values.map(() => undefined)
  for (const packet of yield* packetsOf(values)) {
    const { rows } = yield statement(
      'keys-of-values',
      sql`select rs_v.rs_ord, ${keyTexts(info)} from ${byKeys(keyed, packet.rows)} lock in share mode`,
    )
    for (const [position, ...key] of rows) keys[packet.from + Number(position) - 1] = key.map(String)
  }
  return keys
}
