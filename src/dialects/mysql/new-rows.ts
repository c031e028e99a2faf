import { RowshiftError } from '../../errors/rowshift-error.js'
import type { InsertOptions, InsertOutcome, Key, NewRow } from '../dialect.js'
import type { Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import { type ColumnInfo, keyedBy, type TableInfo, tableText } from '../table.js'
import { assigned } from './codecs.js'
import { packetsOf } from './packets.js'
import { byKeys, keyTexts, sameValues, tableSql } from './rows.js'
import { spelling } from './spelling.js'

/* Rows that are created, and deleted when that is undone. */

const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

/**
 * insert into `profile` (`user_id`, `bio`) values ('7', 'Sails'), ('8', null)
 *
 * A list of values, whose number is known beforehand: only then do generated keys follow one another whatever
 * `innodb_autoinc_lock_mode` says. MySQL has no RETURNING, and ON DUPLICATE KEY would pass over any unique index, so the rows that are
 * there are left out first; one that others insert meanwhile clashes.
 */
export function* insertRows(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  rows: readonly NewRow[],
  { unlessTaken, returnsKeys }: InsertOptions,
): Script<InsertOutcome> {
  const fresh = unlessTaken ? yield* freshOf(info, columns, rows, unlessTaken) : rows
  const names = sql.join(columns.map((column) => sql.id(column.name)))
  const keys: Key[] = []
  for (const packet of yield* packetsOf(fresh)) {
    if (packet.rows.length === 0) continue
    const values = packet.rows.map(
      (row) => sql`(${sql.join(row.map((text, i) => assigned(columns[i]!, sql`${text}`)))})`,
    )
    yield statement('insert-rows', sql`insert into ${tableSql(info.table)} (${names}) values ${sql.join(values)}`)
    if (returnsKeys) keys.push(...(yield* keysOf(info, columns, packet.rows)))
  }
  return { created: fresh.length, keys }
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

/** Keys that were given, as they are stored, or generated ones: the first is known, the others follow it. */
function* keysOf(info: TableInfo, columns: readonly ColumnInfo[], rows: readonly NewRow[]): Script<readonly Key[]> {
  const at = info.key.map((column) => columns.indexOf(column))
  if (at.every((i) => i >= 0)) {
    const given = rows.map((row) => at.map((i) => row[i]!))
    const { rows: stored } = yield statement('created-keys', sql`select ${keyTexts(info)} from ${byKeys(info, given)}`)
    return stored.map((row) => row.map(String))
  }
  const { rows: found } = yield statement('created-keys', sql`select last_insert_id(), @@auto_increment_increment`)
  const [first, step] = (found[0] ?? []).map((cell) => BigInt(String(cell)))
  if (info.key.length > 1 || !first || !step) {
    throw new RowshiftError('INVALID_DEFINITION', {
      message: `the key of "${tableText(info.table)}" is made by a default that the server does not tell: write it as well, or do without a journal.`,
      details: { table: tableText(info.table) },
    })
  }
  return rows.map((_, i) => [String(first + BigInt(i) * step)])
}

/** delete `profile` from json_table(...) as rs_v straight_join `profile` on `profile`.`id` = cast(rs_v.rs_k0 as signed) */
export function* deleteRows(info: TableInfo, keys: readonly Key[]): Script<void> {
  for (const packet of yield* packetsOf(keys)) {
    yield statement('delete-rows', sql`delete ${sql.id(info.table.name)} from ${byKeys(info, packet.rows)}`)
  }
}
