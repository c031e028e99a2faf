import { render, type Sql, type Statement, sql } from '../sql.js'
import type { ColumnInfo, ColumnKind } from '../table.js'
import { textOf } from './codecs.js'
import { spelling } from './spelling.js'

/* What queries of the user find. */

/** As codecs.ts tells types apart; a boolean may be a BIT(1). */
const castTypes: Readonly<Record<ColumnKind, string>> = {
  integer: 'signed',
  bigint: 'signed',
  double: 'double',
  decimal: 'decimal',
  text: 'char',
  uuid: 'char',
  boolean: 'bit',
  timestamp: 'datetime',
  date: 'date',
  time: 'time',
  json: 'json',
  bytes: 'binary',
  other: 'char',
}

export const answerColumn = (name: string, kind: ColumnKind): ColumnInfo => ({
  name,
  kind,
  type: kind,
  castType: castTypes[kind],
  isNullable: true,
  isGenerated: false,
})

/** select cast(rs_a.`id` as char), convert(rs_a.`name` using utf8mb4) from (select id, name from country) as rs_a limit 100 */
export function readAnswer(query: Sql, columns: readonly ColumnInfo[], limit: number): Statement {
  const texts = columns.map((column) => textOf(column, sql`rs_a.${sql.id(column.name)}`))
  return render(
    sql`select ${sql.join(texts)} from (${query}) as rs_a limit ${sql.raw(String(limit))}`,
    spelling,
    'query',
  )
}
