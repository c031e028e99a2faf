import type { ColumnKind } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { didYouMean } from './nearest.js'

/** A JSON value. */
export type Json = string | number | boolean | null | { [key: string]: Json } | Json[]

/** The words for column types, and what each is in JavaScript: the same on every database and through every ORM. */
export interface ColumnTypes {
  integer: number
  bigint: bigint
  double: number
  /** Exact text, `'12.50'`: a JavaScript number would round it. */
  decimal: string
  text: string
  uuid: string
  boolean: boolean
  timestamp: Date
  /** `'2024-02-29'` */
  date: string
  /** `'13:37:00'` */
  time: string
  /** A `null` is the JSON value `null` in a `'json'` column, and SQL NULL in a `'json?'` column. */
  json: Json
  bytes: Uint8Array
}

/** A column type that never holds NULL: `'text'`. */
export type ColumnWord = keyof ColumnTypes

declare const valueType: unique symbol

/** A column whose TypeScript type is stated by the user: what {@link json} returns. */
export interface TypedColumn<T> {
  readonly type: 'json' | 'json?'
  /** Exists in types only. */
  readonly [valueType]?: T
}

/**
 * How a column of a table is declared: `'text'`, `'text?'` (may be NULL), `['draft', 'live', null]` (a text column with
 * these values only), `json<Preferences>()`.
 */
export type Column = ColumnWord | `${ColumnWord}?` | readonly (string | null)[] | TypedColumn<unknown>

/** The TypeScript type of a declared column. */
export type ValueOf<C> = C extends ColumnWord
  ? ColumnTypes[C]
  : C extends `${infer N extends ColumnWord}?`
    ? ColumnTypes[N] | null
    : C extends readonly (infer L)[]
      ? L
      : C extends TypedColumn<infer T>
        ? T
        : never

/** Columns by name: `{ id: 'integer', bio: 'text?' }`. */
export type Columns = Readonly<Record<string, Column>>

/**
 * A JSON column that never holds SQL NULL. A `null` of JavaScript is the JSON value `null` here, and for the word
 * `'json'`; it is SQL NULL for `'json?'` and {@link json.nullable}.
 */
export function json<T = Json>(): TypedColumn<T> {
  return Object.freeze({ type: 'json' })
}

/** A JSON column that may hold SQL NULL, which is `null` in JavaScript. A JSON `null` cannot be written to it. */
json.nullable = <T = Json>(): TypedColumn<T | null> => Object.freeze({ type: 'json?' })

/** An entity class, whatever its constructor takes. Structural, so that no ORM is imported. */
export type EntityClass<E> = abstract new (...args: never) => E

declare const rowType: unique symbol

/** Something that names a table and carries its row type: a Prisma model token, a versioned EntitySchema. */
export interface Model<E> {
  /** Exists in types only. */
  readonly [rowType]: E
}

/** Where the rows are: a table name (`'city'`, `'public.city'`, `'"my schema"."city"'`), an entity class or a model. */
export type Source<E> = string | EntityClass<E> | Model<E>

type AnyFunction = (...args: never) => unknown

/** The properties of an entity that can be columns: all but its methods. */
export type ColumnName<E> = { [K in keyof E]-?: E[K] extends AnyFunction ? never : K }[keyof E]

/** A property of an embedded entity: `'address.city'`. */
export type EmbeddedPath = `${string}.${string}`

/** The type of a property, or of one that is embedded: `'address.city'`. An embedded entity that may be absent has NULLs. */
export type PropertyOf<E, K> = K extends keyof E
  ? E[K]
  : K extends `${infer Head}.${infer Tail}`
    ? Head extends keyof E
      ? PropertyOf<NonNullable<E[Head]>, Tail> | Extract<E[Head], null | undefined>
      : never
    : never

/** `true`, or what the editor is to show. A text, a number or a date embeds nothing. */
export type IsColumn<E, K> =
  K extends ColumnName<E>
    ? true
    : K extends keyof E
      ? 'a method is not a column'
      : K extends `${infer Head}.${infer Tail}`
        ? Head extends keyof E
          ? NonNullable<E[Head]> extends string | number | bigint | boolean | Date | Uint8Array | readonly unknown[]
            ? 'no such column'
            : IsColumn<NonNullable<E[Head]>, Tail>
          : 'no such column'
        : 'no such column'

/**
 * What can be picked: any column of a named table with its type, or columns of an entity or model with `true`. Those of an embedded
 * entity are named by their path, `'address.city'`, also in the row; {@link CheckedSelection} says whether they exist.
 */
export type Selection<E> = unknown extends E
  ? Readonly<Record<string, true | string | Column>>
  : { readonly [K in ColumnName<E>]?: true | Column } & { readonly [K in EmbeddedPath]?: true | Column }

// What to offer for a text that is no column type: everything to an empty text, so that editors complete all of it; else
// the plain or the nullable words, which a message has room for. (A mapped type, because `keyof` would be shown as such.)
type WordsFor<T extends string> = T extends ''
  ? `${ColumnWord}${'' | '?'}`
  : T extends `${string}?`
    ? `${ColumnWord}?`
    : { [K in ColumnWord]: K }[ColumnWord]

/**
 * Refuses what is no column, because a type parameter lets extra keys pass. The texts are what the editor shows:
 * `Type 'true' is not assignable to type '"no such column"'`.
 */
export type CheckedSelection<E, S> = {
  readonly [K in keyof S]: unknown extends E
    ? S[K] extends Column
      ? S[K]
      : S[K] extends true
        ? 'a table name needs column types'
        : S[K] extends string
          ? WordsFor<S[K]>
          : Column
    : IsColumn<E, K> extends true
      ? true | Column
      : IsColumn<E, K>
}

/**
 * The type of one picked column: stated by the entity or model (`true`), or by the declaration. An optional property is a
 * column that may be NULL, and NULL is `null`.
 */
export type Cell<E, K, C> = C extends true
  ? undefined extends PropertyOf<E, K>
    ? Exclude<PropertyOf<E, K>, undefined> | null
    : PropertyOf<E, K>
  : ValueOf<C>

/** The row of the picked columns: `{ id: number; name: string }`. */
export type Row<E, S> = S extends unknown ? { -readonly [K in keyof S]: Cell<E, K, S[K]> } : never

/** A declared column as the engine needs it. */
export interface ParsedColumn {
  readonly kind: ColumnKind
  /** Whether a `null` is SQL NULL. In a JSON column that is not nullable it is the JSON value. */
  readonly isNullable: boolean
  /** The only values the column may be given; undefined = any of its kind. */
  readonly allowed?: readonly (string | null)[]
}

const words: Readonly<Record<ColumnWord, true>> = {
  integer: true,
  bigint: true,
  double: true,
  decimal: true,
  text: true,
  uuid: true,
  boolean: true,
  timestamp: true,
  date: true,
  time: true,
  json: true,
  bytes: true,
}

// What databases, ORMs and TypeScript call the same things.
const synonyms: Readonly<Record<string, ColumnWord>> = {
  int: 'integer',
  int2: 'integer',
  int4: 'integer',
  int8: 'bigint',
  smallint: 'integer',
  serial: 'integer',
  bigserial: 'bigint',
  number: 'integer',
  float: 'double',
  float8: 'double',
  real: 'double',
  numeric: 'decimal',
  money: 'decimal',
  string: 'text',
  str: 'text',
  varchar: 'text',
  char: 'text',
  enum: 'text',
  guid: 'uuid',
  bool: 'boolean',
  tinyint: 'boolean',
  datetime: 'timestamp',
  timestamptz: 'timestamp',
  jsonb: 'json',
  object: 'json',
  buffer: 'bytes',
  blob: 'bytes',
  bytea: 'bytes',
  binary: 'bytes',
}

function isWord(text: string): text is ColumnWord {
  return Object.hasOwn(words, text)
}

/** What is wrong with a declared column, as the end of a sentence and its remedy; undefined when nothing is. */
export function columnProblem(column: unknown): string | undefined {
  if (typeof column === 'string') {
    const isNullable = column.endsWith('?')
    const word = isNullable ? column.slice(0, -1) : column
    if (isWord(word)) return undefined
    return `is "${column}", which is no column type. ${didYouMean(word, Object.keys(words), synonyms)}`
  }
  if (Array.isArray(column)) return allowedProblem(column)
  if (typeof column === 'object' && column !== null) {
    const { type } = column as { type?: unknown }
    if (type === 'json' || type === 'json?') return undefined
  }
  return `is no column type. Use a word such as 'text' or 'text?', a list of values, or json().`
}

function allowedProblem(list: readonly unknown[]): string | undefined {
  if (!list.some((item) => typeof item === 'string')) return 'is a list without a value. Name the values it may hold.'
  if (!list.every((item) => typeof item === 'string' || item === null)) {
    return 'is a list with something else than texts and null. Only text columns can have a list of values.'
  }
  return new Set(list).size === list.length ? undefined : 'is a list that names a value twice.'
}

/**
 * Reads a declared column: `'text?'` is `{ kind: 'text', isNullable: true }`, `['draft', null]` is a nullable text column
 * with an `allowed` list.
 *
 * @throws RowshiftError INVALID_DEFINITION for anything that is no {@link Column}
 */
export function parseColumn(column: Column): ParsedColumn {
  const problem = columnProblem(column)
  if (problem !== undefined) throw new RowshiftError('INVALID_DEFINITION', { message: `a column ${problem}` })
  if (Array.isArray(column)) {
    const allowed = Object.freeze([...(column as readonly (string | null)[])])
    return Object.freeze({ kind: 'text', isNullable: allowed.includes(null), allowed })
  }
  const text = typeof column === 'string' ? column : (column as TypedColumn<unknown>).type
  const isNullable = text.endsWith('?')
  return Object.freeze({ kind: (isNullable ? text.slice(0, -1) : text) as ColumnKind, isNullable })
}
