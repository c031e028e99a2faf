import { RowshiftError } from '../errors/rowshift-error.js'

const brand = Symbol.for('rowshift.sql')

interface Identifier {
  readonly identifier: readonly string[]
}

/**
 * A piece of SQL with its bound values: what the `sql` tag returns. Values never become text, identifiers are quoted by
 * the dialect that renders the piece.
 */
export interface Sql {
  readonly [brand]: true
  readonly text: readonly string[]
  /** One fewer than `text`: a bound value, a nested piece, or an identifier. */
  readonly holes: readonly unknown[]
}

function make(text: readonly string[], holes: readonly unknown[]): Sql {
  return Object.freeze({ [brand]: true as const, text: Object.freeze([...text]), holes: Object.freeze([...holes]) })
}

/**
 * SQL with bound values: `` sql`lower(${sql.id('name')}) <> ${value}` ``. Text is sent as written; `${}` binds a value, an
 * array binds a list, another `sql` piece is spliced in.
 */
export function sql(text: TemplateStringsArray, ...values: readonly unknown[]): Sql {
  return make(text, values)
}

/** A quoted identifier: `sql.id('order')`, `sql.id('public', 'order')`. */
sql.id = (...path: string[]): Sql => make(['', ''], [{ identifier: path } satisfies Identifier])

/** SQL text without values, for text that is no user's input. */
sql.raw = (text: string): Sql => make([text], [])

/** Pieces with a separator between them. */
sql.join = (pieces: readonly Sql[], separator = ', '): Sql =>
  pieces.length === 0 ? make([''], []) : make(['', ...Array<string>(pieces.length - 1).fill(separator), ''], pieces)

export function isSql(value: unknown): value is Sql {
  return typeof value === 'object' && value !== null && (value as { [brand]?: unknown })[brand] === true
}

/** How a dialect spells what differs: quoting and placeholders. */
export interface SqlSpelling {
  quote(name: string): string
  /** `position` counts from 1. */
  placeholder(position: number): string
}

/** One statement ready to be sent. `label` names its step in the batch protocol, for logs, tracing and tests. */
export interface Statement {
  readonly text: string
  readonly parameters: readonly unknown[]
  readonly label: string
  /** Run once for each of these lists of parameters instead: for databases in the process only, whose every call is cheap. */
  readonly each?: readonly (readonly unknown[])[]
}

/** Renders a piece: `select * from "city" where id > $1` with `['7']`. */
export function render(piece: Sql, spelling: SqlSpelling, label: string): Statement {
  const parameters: unknown[] = []
  const text = write(piece, spelling, (value) => {
    parameters.push(value)
    return spelling.placeholder(parameters.length)
  })
  return { text, parameters, label }
}

/** Renders a piece as text alone, its values as literals: for files of plain SQL. */
export function renderText(piece: Sql, spelling: SqlSpelling & { literal(text: string): string }): string {
  return write(piece, spelling, (value) => {
    if (value === null) return 'null'
    return typeof value === 'number' ? String(value) : spelling.literal(String(value))
  })
}

/** How a value gets into the text, or beside it. */
type Bind = (value: unknown) => string

function write(piece: Sql, spelling: SqlSpelling, bind: Bind): string {
  let text = piece.text[0] ?? ''
  for (let i = 0; i < piece.holes.length; i++) {
    text += hole(piece.holes[i], spelling, bind) + (piece.text[i + 1] ?? '')
  }
  return text
}

function hole(value: unknown, spelling: SqlSpelling, bind: Bind): string {
  if (isSql(value)) return write(value, spelling, bind)
  if (isIdentifier(value)) return value.identifier.map((name) => spelling.quote(name)).join('.')
  if (Array.isArray(value)) {
    if (value.length === 0) return 'null'
    return value.map((item) => hole(item, spelling, bind)).join(', ')
  }
  if (value === undefined) {
    throw new RowshiftError('INVALID_DEFINITION', {
      message: 'a `sql` piece has an undefined value. Pass null for NULL, or check the variable.',
    })
  }
  return bind(value)
}

function isIdentifier(value: unknown): value is Identifier {
  return typeof value === 'object' && value !== null && 'identifier' in value
}

/** Whether a query finds a row: one cell, 1 or 0. */
export const findsRow = (query: Sql): Sql => sql`select case when exists (${query}) then 1 else 0 end`

/** The same, understood by the database and not carried out: one cell, 0. */
export const wouldFindRow = (query: Sql): Sql => sql`select case when 1 = 0 and exists (${query}) then 1 else 0 end`

/** A stable text of a piece, for fingerprints: values included, no dialect involved. */
export function describeSql(piece: Sql): string {
  return JSON.stringify(piece, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
}
