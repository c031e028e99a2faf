import { render, type Sql, type Statement, sql } from '../sql.js'
import type { ColumnInfo, ColumnKind } from '../table.js'
import { spelling } from './spelling.js'
import { textOf } from './texts.js'

/* What queries of the user find. */

/** Values are printed by their own type; the column's decides only which of them are printed bare. */
export const answerColumn = (name: string, kind: ColumnKind): ColumnInfo => ({
  name,
  kind,
  type: kind,
  castType: kind === 'text' || kind === 'uuid' || kind === 'other' ? 'TEXT' : 'NUMERIC',
  isNullable: true,
  isGenerated: false,
})

/** select <text of rs_a."id">, <text of rs_a."name"> from (select id, name from country) as rs_a limit 100 */
export function readAnswer(query: Sql, columns: readonly ColumnInfo[], limit: number): Statement {
  const texts = columns.map((column) => textOf(column, sql`rs_a.${sql.id(column.name)}`))
  return render(
    sql`select ${sql.join(texts)} from (${query}) as rs_a limit ${sql.raw(String(limit))}`,
    spelling,
    'query',
  )
}
