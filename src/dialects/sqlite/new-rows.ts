import type { InsertOptions, InsertOutcome, Key, NewRow } from '../dialect.js'
import type { Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import type { ColumnInfo, TableInfo } from '../table.js'
import type { SqliteTable } from './introspect.js'
import { firstCells, perRow, tableSql } from './rows.js'
import { spelling } from './spelling.js'
import { assigned, keyValue, textOf } from './texts.js'

/* Rows that are created. */

const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

/**
 * insert or abort into "profile" ("user_id", "bio") values (?, ?) on conflict ("user_id") do nothing returning <text of "id">
 *
 * A prepared statement a row, like updates: see `updateRows`.
 */
export function* insertRows(
  info: TableInfo,
  columns: readonly ColumnInfo[],
  rows: readonly NewRow[],
  { unlessTaken, returnsKeys }: InsertOptions,
): Script<InsertOutcome> {
  const names = sql.join(columns.map((column) => sql.id(column.name)))
  const abort = (info as SqliteTable).hasConflictClause ? sql`or abort` : sql``
  const conflict = unlessTaken
    ? sql`on conflict (${sql.join(unlessTaken.map((column) => sql.id(column.name)))}) do nothing`
    : sql``
  const returning = returnsKeys
    ? sql`returning ${sql.join(info.key.map((column) => textOf(column, sql.id(column.name))))}`
    : sql``
  const values = sql.join(columns.map((column) => assigned(column, '')))
  const insert = statement(
    'insert-rows',
    sql`insert ${abort} into ${tableSql(info.table)} (${names}) values (${values}) ${conflict} ${returning}`,
  )
  const { affected, rows: found } = yield { ...insert, parameters: [], each: rows }
  return { created: affected, keys: found.map((key) => key.map(String)) }
}

/** select <text of "id"> from "city" where "city"."slug" collate "NOCASE" = ?: as the unique index compares. */
export function* keysOfValues(
  info: TableInfo,
  keyed: TableInfo,
  values: readonly (readonly string[])[],
): Script<readonly (Key | undefined)[]> {
  const texts = sql.join(info.key.map((column) => textOf(column, sql.id(column.name))))
  const { collations } = info as SqliteTable
  const lookUp = perRow(firstCells(keyed.key.length), (row) => {
    const same = keyed.key.map((column, i) => {
      const collation = sql.id(collations.get(column.name) ?? 'BINARY')
      return sql`${sql.id(column.name)} collate ${collation} = ${keyValue(column, row[i]!)}`
    })
    return statement(
      'keys-of-values',
      sql`select ${texts} from ${tableSql(info.table)} where ${sql.join(same, ' and ')}`,
    )
  })
  const keys: (Key | undefined)[] = []
  for (const row of values) keys.push((yield lookUp(row)).rows[0]?.map(String))
  return keys
}
