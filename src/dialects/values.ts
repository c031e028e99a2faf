import type { Codec } from './dialect.js'
import type { ColumnKind } from './table.js'

/*
 * Conversions that are the same on every database. A codec throws plain errors whose message names the kind of fault and
 * never the value; the pipeline turns them into row failures.
 */

export function refuse(reason: string): never {
  throw new TypeError(reason)
}

const decimalText = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
const uuidText = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const dateText = /^-?\d{4,6}-\d{2}-\d{2}( BC)?$/
const timeText = /^-?\d{1,3}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?[+-]\d{2}(:?\d{2})?)?$/

/** A text that can be stored as UTF-8: a lone surrogate would silently become U+FFFD. */
export function requireText(value: unknown): string {
  if (typeof value !== 'string') return refuse(`expected a string, got ${typeName(value)}`)
  if (!value.isWellFormed()) return refuse('the text has a lone surrogate, which UTF-8 cannot hold')
  return value
}

/**
 * A text of at most `max` characters, as databases count them. They would refuse the whole batch for a longer one, or cut blanks
 * at its end without a word.
 */
export function requireLength(value: string, max: number, type: string): string {
  const isLonger = value.length > max && [...value].length > max
  return isLonger ? refuse(`the text is longer than ${type}`) : value
}

export function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (typeof value === 'object') return (value as object).constructor?.name ?? 'object'
  return typeof value
}

export function encodeInteger(value: unknown): string {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'number') return refuse(`expected a whole number, got ${typeName(value)}`)
  if (!Number.isInteger(value))
    return refuse(`expected a whole number, got ${typeName(value)}${Number.isFinite(value) ? ' with a fraction' : ''}`)
  if (!Number.isSafeInteger(value)) return refuse('the number is beyond 2^53: declare the column as "bigint"')
  return String(value)
}

export function decodeInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value))
    return refuse('the stored number is beyond 2^53 or not whole: declare the column as "bigint" or "decimal"')
  return value
}

/** Not BigInt's own error, which quotes the text. */
export function decodeBigint(text: string): bigint {
  return /^-?\d+$/.test(text) ? BigInt(text) : refuse('the stored number is not whole: declare the column as "decimal"')
}

export function encodeBigint(value: unknown): string {
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return value
  return encodeInteger(value)
}

export function encodeDecimal(value: unknown): string {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number')
    return Number.isFinite(value) ? String(value) : refuse(`expected a decimal, got ${value}`)
  if (typeof value === 'string' && decimalText.test(value.trim())) return value.trim()
  return refuse(
    typeof value === 'string' ? 'the text is no decimal number' : `expected a decimal, got ${typeName(value)}`,
  )
}

/** A number's shortest exact text; String() would lose the sign of -0. */
export function doubleText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

export function encodeUuid(value: unknown): string {
  return typeof value === 'string' && uuidText.test(value) ? value : refuse('expected a uuid')
}

export function encodeDate(value: unknown): string {
  if (value instanceof Date) return requireValidDate(value).toISOString().slice(0, 10)
  return typeof value === 'string' && dateText.test(value) ? value : refuse("expected a date as 'YYYY-MM-DD'")
}

export function encodeTime(value: unknown): string {
  return typeof value === 'string' && timeText.test(value) ? value : refuse("expected a time as 'HH:MM:SS'")
}

export function requireValidDate(value: unknown): Date {
  if (!(value instanceof Date)) return refuse(`expected a Date, got ${typeName(value)}`)
  if (Number.isNaN(value.getTime())) return refuse('the Date is invalid')
  return value
}

/** JSON text. What JSON.stringify would drop or turn into null without a word is refused. */
export function encodeJson(value: unknown): string {
  const text = JSON.stringify(value, function (this: Record<string, unknown>, key, item: unknown) {
    const raw = this[key]
    if (typeof raw === 'number' && !Number.isFinite(raw)) refuse(`JSON cannot hold ${raw}`)
    if (typeof raw === 'bigint') refuse('JSON cannot hold a bigint: pass a string or a number')
    if (typeof item === 'function' || typeof item === 'symbol') refuse(`JSON cannot hold a ${typeof item}`)
    return item
  })
  if (text === undefined) return refuse('JSON cannot hold undefined')
  return requireText(text)
}

/** Not the parser's own error, which quotes the text. */
export function decodeJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return refuse('the stored text is no JSON')
  }
}

export function requireBytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : refuse(`expected bytes (Uint8Array), got ${typeName(value)}`)
}

export const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')

export function requireBoolean(value: unknown): boolean {
  return typeof value === 'boolean' ? value : refuse(`expected a boolean, got ${typeName(value)}`)
}

const same = (text: string): string => text

/** Codecs whose texts are the same everywhere; each dialect adds the rest. */
export const commonCodecs = {
  integer: { decode: decodeInteger, encode: encodeInteger },
  bigint: { decode: decodeBigint, encode: encodeBigint },
  decimal: { decode: same, encode: encodeDecimal },
  text: { decode: same, encode: requireText },
  uuid: { decode: same, encode: encodeUuid },
  date: { decode: same, encode: encodeDate },
  time: { decode: same, encode: encodeTime },
  json: { decode: decodeJson, encode: encodeJson },
} as const satisfies Partial<Record<ColumnKind, Codec>>

/**
 * Which declared words fit which stored kinds. `text` fits all but bytes: it is the database's own printed form, and the way to
 * read and write types that have no word of their own.
 */
const fits: Readonly<Record<ColumnKind, readonly ColumnKind[]>> = {
  integer: ['integer', 'bigint', 'decimal'],
  bigint: ['bigint', 'integer', 'decimal'],
  double: ['double', 'integer', 'bigint', 'decimal'],
  decimal: ['decimal', 'integer', 'bigint', 'double'],
  text: [
    'text',
    'uuid',
    'date',
    'time',
    'timestamp',
    'json',
    'other',
    'integer',
    'bigint',
    'decimal',
    'double',
    'boolean',
  ],
  uuid: ['uuid', 'text'],
  boolean: ['boolean', 'integer'],
  timestamp: ['timestamp', 'text'],
  date: ['date', 'text'],
  time: ['time', 'text'],
  json: ['json', 'text'],
  bytes: ['bytes'],
  other: ['other'],
}

export function isFitting(declared: ColumnKind, stored: ColumnKind): boolean {
  return fits[declared].includes(stored)
}
