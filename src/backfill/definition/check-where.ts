import { isSql, type Sql } from '../../dialects/sql.js'
import type { Comparison, Scalar, WhereRecord } from './backfill-options.js'
import type { ParsedColumn } from './columns.js'
import type { DeclaredColumn } from './definition.js'
import { didYouMean } from './nearest.js'
import type { Refuse } from './refuse.js'

const bounds = ['gt', 'gte', 'lt', 'lte'] as const
const operators = ['not', ...bounds] as const

/**
 * What a condition may say about a column: its declarations, two when it is read and written; `'undeclared'` when only the
 * database or the entity's mapping knows it; undefined when there is no such column.
 */
export type Declarations = (column: string) => readonly DeclaredColumn[] | 'undeclared' | undefined

/** Checks a `where` and copies it, so that a later change of the options changes nothing. */
export function checkWhere(where: unknown, declarations: Declarations, names: readonly string[], refuse: Refuse) {
  if (where === undefined) return undefined
  if (isSql(where)) return checkSql(where, refuse)
  if (typeof where !== 'object' || where === null || Array.isArray(where)) {
    return refuse('where', 'must be conditions by column, { slug: null }, or tagged SQL, sql`slug is null`.')
  }
  const entries = Object.entries(where)
  if (entries.length === 0) return refuse('where', 'has no condition. Leave it out to migrate every row.')
  const checked = entries.map(([column, comparison]): [string, Comparison<Scalar>] => {
    const option = `where.${column}`
    const declared = declarations(column)
    if (declared === undefined) {
      return refuse(
        option,
        `names a column that is neither in \`select\` nor in \`write\`. ${didYouMean(column, names)} ` +
          'Select it as well, or write the condition in SQL.',
      )
    }
    const isKnown = declared !== 'undeclared' && !declared.includes('mapped')
    return [column, checkComparison(comparison, isKnown ? (declared as ParsedColumn[]) : [], option, refuse)]
  })
  return Object.freeze(Object.fromEntries(checked)) satisfies WhereRecord
}

function checkSql(where: Sql, refuse: Refuse): Sql {
  return where.text.join('?').trim() === ''
    ? refuse('where', 'is empty SQL. Leave it out to migrate every row.')
    : where
}

function checkComparison(
  comparison: unknown,
  kinds: readonly ParsedColumn[],
  option: string,
  refuse: Refuse,
): Comparison<Scalar> {
  if (Array.isArray(comparison)) {
    if (comparison.length === 0) return refuse(option, 'is an empty list, which no row matches.')
    return Object.freeze(comparison.map((value, i) => checkValue(value, kinds, `${option}[${i}]`, refuse)))
  }
  if (!isOperators(comparison)) return checkValue(comparison, kinds, option, refuse)
  const entries = Object.entries(comparison)
  if (entries.length === 0) return refuse(option, `is an empty object. Use one of ${operators.join(', ')}.`)
  const checked = entries.map(([operator, value]): [string, Scalar | null] => {
    const at = `${option}.${operator}`
    if (!(operators as readonly string[]).includes(operator)) {
      return refuse(at, `is no operator. ${didYouMean(operator, operators, synonyms)} For anything else use SQL.`)
    }
    if (Array.isArray(value)) return refuse(at, 'takes one value. Use SQL for a list: where: sql`kind not in (...)`.')
    if (operator === 'not' && entries.length > 1) return refuse(at, 'cannot be combined with bounds. Use SQL.')
    if (operator !== 'not' && value === null) return refuse(at, 'is null, and NULL has no order. Use { not: null }.')
    return [operator, checkValue(value, kinds, at, refuse)]
  })
  return Object.freeze(Object.fromEntries(checked)) as Comparison<Scalar>
}

const synonyms = { ne: 'not', neq: 'not', min: 'gte', max: 'lte', from: 'gte', to: 'lte', after: 'gt', before: 'lt' }

function isOperators(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  return !(value instanceof Date || value instanceof Uint8Array || isSql(value))
}

function checkValue(value: unknown, kinds: readonly ParsedColumn[], option: string, refuse: Refuse): Scalar | null {
  if (value === null) return value
  if (isSql(value)) return refuse(option, 'is SQL. Write the whole condition in SQL: where: sql`...`.')
  const problem = scalarProblem(value)
  if (problem !== undefined) return refuse(option, problem)
  if (kinds.length > 0 && !kinds.some((kind) => fits(kind, value as Scalar))) {
    return refuse(option, `does not fit the declared column. ${expectation(kinds)}`)
  }
  return copyOf(value as Scalar)
}

/** What is wrong with a constant of a condition or of `set`, whatever its column; undefined when nothing is. */
export function scalarProblem(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'bigint':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : `is ${value}, which is no value of a column.`
    case 'undefined':
      return 'is undefined. Use null for NULL, or leave it out.'
    case 'object':
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'is an invalid date.' : undefined
      if (value instanceof Uint8Array) return undefined
  }
  return 'is no plain value: only texts, numbers, booleans, dates, byte arrays and null are. Use SQL for anything else.'
}

/** A copy that the owner of the original cannot change. */
export function copyOf<V extends Scalar | null>(value: V): V {
  if (value instanceof Date) return new Date(value) as V
  if (value instanceof Uint8Array) return new Uint8Array(value) as V
  return value
}

function fits({ kind, allowed }: ParsedColumn, value: Scalar): boolean {
  if (allowed !== undefined) return allowed.includes(value as string)
  switch (kind) {
    case 'integer':
      return Number.isSafeInteger(value)
    case 'double':
      return typeof value === 'number'
    case 'bigint':
      return typeof value === 'bigint'
    case 'boolean':
      return typeof value === 'boolean'
    case 'timestamp':
      return value instanceof Date
    case 'bytes':
      return value instanceof Uint8Array
    case 'json':
      return false
    default:
      return typeof value === 'string'
  }
}

function expectation(kinds: readonly ParsedColumn[]): string {
  if (kinds.some(({ kind }) => kind === 'json')) {
    return 'JSON can be compared with null and { not: null }; use SQL for what is inside.'
  }
  const texts = kinds.map(({ kind, allowed }) =>
    allowed === undefined ? expected[kind] : `one of ${allowed.map((value) => JSON.stringify(value)).join(', ')}`,
  )
  return `It takes ${texts.join(', or ')}.`
}

const expected: Readonly<Record<ParsedColumn['kind'], string>> = {
  integer: 'an integer',
  bigint: 'a bigint, such as 1n',
  double: 'a number',
  decimal: "a decimal as text, such as '12.50'",
  text: 'a text',
  uuid: 'a uuid as text',
  boolean: 'true or false',
  timestamp: 'a Date',
  date: "a date as text, such as '2024-02-29'",
  time: "a time as text, such as '13:37:00'",
  json: 'null',
  bytes: 'a Uint8Array',
  other: 'a text',
}
