import type { Condition, Dialect } from '../../dialects/dialect.js'
import { isSql, type Sql, sql } from '../../dialects/sql.js'
import type { ColumnInfo } from '../../dialects/table.js'

/** A column of a condition: where it is and how its values become text. */
export interface ConditionColumn {
  readonly column: ColumnInfo
  encode(value: unknown): string | null
}

type Operators = {
  readonly not?: unknown
  readonly gt?: unknown
  readonly gte?: unknown
  readonly lt?: unknown
  readonly lte?: unknown
}

const comparisons = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/** A `where` as SQL: `("slug" is null) and ("status" in ($1, $2) or "status" is null)`. */
export function conditionOf(
  dialect: Dialect,
  where: Readonly<Record<string, unknown>> | Sql,
  columnOf: (property: string) => ConditionColumn,
): Condition {
  if (isSql(where)) return where
  const nullColumns = new Set<string>()
  const terms = Object.entries(where).map(([property, comparison]) => {
    const { column, encode } = columnOf(property)
    if (comparison === null) nullColumns.add(column.name)
    return sql`(${termOf(dialect, column, encode, comparison)})`
  })
  return { ...sql.join(terms, ' and '), nullColumns }
}

/** Rows the condition does not select, those included for which it is NULL. */
export function negationOf(condition: Sql): Sql {
  return sql`case when (${condition}) then 1 else 0 end = 0`
}

function termOf(
  dialect: Dialect,
  column: ColumnInfo,
  encode: (value: unknown) => string | null,
  comparison: unknown,
): Sql {
  const name = sql.id(column.name)
  const isNull = sql`${name} is null`
  // Null is NULL, whatever a column transformer makes of it.
  const textOf = (value: unknown): string | null => (value === null ? null : encode(value))
  const equals = (value: unknown): Sql => {
    const text = textOf(value)
    return text === null ? isNull : sql`${name} = ${dialect.conditionValue(column, text)}`
  }
  if (Array.isArray(comparison)) {
    const present = comparison.filter((value) => value !== null)
    const alternatives = [...(present.length < comparison.length ? [isNull] : []), ...present.map(equals)]
    return alternatives.length === 0 ? sql`1 = 0` : sql.join(alternatives, ' or ')
  }
  if (!isOperators(comparison)) return equals(comparison)
  const terms: Sql[] = []
  if ('not' in comparison) {
    const text = textOf(comparison.not)
    terms.push(text === null ? sql`${name} is not null` : dialect.isDistinct(column, text))
  }
  for (const [operator, symbol] of Object.entries(comparisons)) {
    const value = comparison[operator as keyof Operators]
    if (value === undefined) continue
    terms.push(sql`${name} ${sql.raw(symbol)} ${dialect.conditionValue(column, encode(value) ?? '')}`)
  }
  return sql.join(terms, ' and ')
}

function isOperators(value: unknown): value is Operators {
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) return false
  const keys = Object.keys(value)
  return keys.length > 0 && keys.every((key) => key === 'not' || key in comparisons)
}
