import { render, type Sql, type Statement, sql } from '../sql.js'
import type { ColumnInfo, ColumnKind } from '../table.js'
import { spelling } from './spelling.js'

/* What queries of the user find. */

export const answerColumn = (name: string, kind: ColumnKind): ColumnInfo => ({
  name,
  kind,
  type: kind,
  castType: 'text',
  isNullable: true,
  isGenerated: false,
})

/** select cast(rs_a."id" as text), cast(rs_a."name" as text) from (select id, name from country) as rs_a limit 100 */
export function readAnswer(query: Sql, columns: readonly ColumnInfo[], limit: number): Statement {
  const texts = columns.map(({ name }) => sql`cast(rs_a.${sql.id(name)} as text)`)
  return render(
    sql`select ${sql.join(texts)} from (${query}) as rs_a limit ${sql.raw(String(limit))}`,
    spelling,
    'query',
  )
}
