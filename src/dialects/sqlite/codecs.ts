import type { Codec } from '../dialect.js'
import type { ColumnInfo, ColumnKind } from '../table.js'
import {
  commonCodecs,
  hexOf,
  isFitting,
  refuse,
  requireBoolean,
  requireBytes,
  requireLength,
  requireText,
  requireValidDate,
  typeName,
} from '../values.js'
import { storageOf, unmarked } from './texts.js'

/*
 * SQLite stores anything in any column and checks neither type nor length, so the codecs do: a value is refused unless it is of
 * the declared kind, and unless the column's type, taken at its word, holds it and gives it back. Texts are read as texts.ts
 * prints them.
 */

const wholeNumber = /^[+-]?\d+$/
const decimalNumber = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
const datePattern = /^(\d{4})-(\d\d)-(\d\d)$/
const timePattern = /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?$/
/** What TypeORM, CURRENT_TIMESTAMP, toISOString() and most others write. */
const timestampPattern = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?$/

/** SQLite prints infinity as a number that is beyond all others, and reads it as such. */
const infinity = /^([+-]?)9(\.0)?e\+?999$/

/** What a printed value is, without contents: for refusals. */
function payloadOf(text: string, wanted: string): string {
  const { tag, payload } = unmarked(text)
  if (tag === 'bare') return payload
  const stored = { t: 'a text', x: 'a blob', n: 'a number' }[tag]
  return refuse(`the stored value is ${stored}, not ${wanted}`)
}

/** The printed form of a value, whatever its type; but a blob has none. */
function printed(text: string): string {
  const { tag, payload } = unmarked(text)
  return tag === 'x' ? refuse('the stored value is a blob, not a text') : payload
}

/**
 * A printed value as the drivers give it: by its own type, whatever the column's.
 * @throws TypeError for an integer that they would round
 */
export function driverValue(column: ColumnInfo, text: string): string | number | Buffer {
  const { tag, payload } = unmarked(text)
  const storage = storageOf(column)
  if (tag === 'x' || (tag === 'bare' && storage === 'bytes')) return Buffer.from(payload, 'hex')
  const isNumber = tag === 'n' || (tag === 'bare' && storage === 'number' && decimalNumber.test(payload))
  if (!isNumber) return payload
  return wholeNumber.test(payload) ? commonCodecs.integer.decode(payload) : Number(payload)
}

function isDate(text: string): boolean {
  const [, year, month, day] = datePattern.exec(text) ?? []
  if (day === undefined) return false
  const date = new Date(Date.UTC(2000, Number(month) - 1, Number(day)))
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day)
}

/** Undefined for what is no point in time. */
function parseTimestamp(text: string): Date | undefined {
  // Epoch milliseconds.
  if (wholeNumber.test(text)) return validDate(new Date(Number(text)))
  const [, date, time = '00:00', seconds = '00', fraction = '', zone = 'Z'] = timestampPattern.exec(text) ?? []
  if (date === undefined || !isDate(date)) return undefined
  return validDate(new Date(`${date}T${time}:${seconds}.${fraction.padEnd(3, '0').slice(0, 3)}${zone}`))
}

const validDate = (date: Date): Date | undefined => (Number.isNaN(date.getTime()) ? undefined : date)

/** 1.0e+20 -> 100000000000000000000 */
function plainDecimal(text: string): string {
  const [mantissa = '', exponent] = text.toLowerCase().split('e')
  if (exponent === undefined) return text
  const sign = mantissa.startsWith('-') ? '-' : ''
  const [whole = '', fraction = ''] = mantissa.replace(/^[+-]/, '').split('.')
  const digits = whole + fraction
  const point = whole.length + Number(exponent)
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return sign + digits.padEnd(point, '0').replace(/^0+(?=\d)/, '')
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

/** The digits that count and the power of ten: the same for '12.50', '012.5' and '1.25e1'. */
function digitsOf(text: string): string {
  const [, sign, mantissa = '', exponent = '0'] = /^([+-]?)([\d.]+)(?:e([+-]?\d+))?$/i.exec(text) ?? []
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = (whole + fraction).replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  if (kept === '') return '0'
  return `${sign === '-' ? '-' : ''}${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`
}

const maxInteger = 2n ** 63n - 1n
const minInteger = -(2n ** 63n)

function isInteger64(text: string): boolean {
  if (!wholeNumber.test(text)) return false
  const value = BigInt(text)
  return value >= minInteger && value <= maxInteger
}

/** A number is kept as an integer of 64 bits or as a double. */
const isKept = (text: string): boolean => isInteger64(text) || digitsOf(text) === digitsOf(String(Number(text)))

/** As TypeORM writes times, so that those of both compare as texts: '2026-11-21 04:06:00.123'. */
export function timestampText(date: Date): string {
  const iso = date.toISOString()
  return iso.length > 24 ? refuse('the Date is outside the years 0 to 9999') : iso.replace('T', ' ').replace('Z', '')
}

const text: Codec = { decode: printed, encode: requireText }

const codecs: Readonly<Record<ColumnKind, Codec>> = {
  text,
  other: text,
  integer: {
    decode: (value) => commonCodecs.integer.decode(payloadOf(value, 'a number')),
    encode: commonCodecs.integer.encode,
  },
  bigint: {
    decode: (value) => commonCodecs.bigint.decode(payloadOf(value, 'a number')),
    encode: commonCodecs.bigint.encode,
  },
  double: {
    decode(value) {
      const number = payloadOf(value, 'a number')
      return decimalNumber.test(number) ? Number(number) : refuse('the stored value is not a number')
    },
    encode(value) {
      if (typeof value !== 'number') return refuse(`expected a number, got ${typeName(value)}`)
      if (Number.isNaN(value)) return refuse('SQLite cannot hold NaN: it would store NULL')
      return Number.isFinite(value) ? String(value) : value > 0 ? '9e999' : '-9e999'
    },
  },
  decimal: {
    decode(value) {
      const number = payloadOf(value, 'a number')
      return decimalNumber.test(number) && !infinity.test(number)
        ? plainDecimal(number)
        : refuse('the stored value is not a decimal number')
    },
    encode: commonCodecs.decimal.encode,
  },
  boolean: {
    decode(value) {
      const number = payloadOf(value, 'a boolean')
      return number === '1' || (number === '0' ? false : refuse('the stored value is neither 0 nor 1'))
    },
    encode: (value) => (requireBoolean(value) ? '1' : '0'),
  },
  uuid: { decode: (value) => payloadOf(value, 'a uuid'), encode: commonCodecs.uuid.encode },
  date: {
    decode(value) {
      const date = payloadOf(value, 'a date')
      return isDate(date) ? date : refuse('the stored value is no date as \'YYYY-MM-DD\': declare the column as "text"')
    },
    encode: (value) => requireDate(commonCodecs.date.encode(value)),
  },
  time: {
    decode(value) {
      const time = payloadOf(value, 'a time')
      return timePattern.test(time)
        ? time
        : refuse('the stored value is no time as \'HH:MM:SS\': declare the column as "text"')
    },
    encode: (value) => requireTime(commonCodecs.time.encode(value)),
  },
  timestamp: {
    decode: (value) =>
      parseTimestamp(payloadOf(value, 'a time')) ??
      refuse('the stored value is no date and time in a known form: declare the column as "text"'),
    encode: (value) => timestampText(requireValidDate(value)),
  },
  json: {
    decode: (value) => commonCodecs.json.decode(printed(value)),
    encode: commonCodecs.json.encode,
  },
  bytes: {
    decode: (value) => new Uint8Array(Buffer.from(payloadOf(value, 'a blob'), 'hex')),
    encode: (value) => hexOf(requireBytes(value)).toUpperCase(),
  },
}

const requireDate = (value: string) =>
  isDate(value) ? value : refuse('the date does not exist, or is outside the years 0 to 9999')
const requireTime = (value: string) => (timePattern.test(value) ? value : refuse("expected a time as 'HH:MM:SS'"))

/** What the type of the column refuses, where another database would do so itself. */
function fitOf(column: ColumnInfo): (value: string) => string {
  switch (column.kind) {
    case 'integer':
    case 'bigint':
      return (value) => (isInteger64(value) ? value : refuse(`${column.type} holds whole numbers of 64 bits`))
    case 'double':
      return (value) =>
        decimalNumber.test(value) && (Number.isFinite(Number(value)) || infinity.test(value))
          ? value
          : refuse('expected a number that a double can hold')
    case 'decimal':
      return (value) =>
        decimalNumber.test(value) && isKept(value)
          ? value
          : refuse('SQLite would round the number: it keeps 15 digits exactly')
    case 'boolean':
      return (value) => (value === '0' || value === '1' ? value : refuse('expected 0 or 1'))
    case 'date':
      return requireDate
    case 'time':
      return requireTime
    case 'timestamp':
      return (value) => (parseTimestamp(value) ? value : refuse("expected a time as 'YYYY-MM-DD HH:MM:SS'"))
    case 'json':
      return (value) => {
        commonCodecs.json.decode(value)
        return value
      }
    case 'text':
      return lengthFit(column)
    case 'uuid':
    case 'other':
      return storageOf(column) === 'number' ? requireTextKept : (value) => value
    case 'bytes':
      return (value) => value
  }
}

/** varchar(20): SQLite would keep the 21st character, and the next database would not. */
function lengthFit({ type }: ColumnInfo): (value: string) => string {
  const max = Number(/\((\d+)\)/.exec(type)?.[1] ?? Infinity)
  return (value) => requireLength(value, max, type)
}

/** A type such as STRING has numeric affinity: '007' would become 7. */
function requireTextKept(value: string): string {
  const trimmed = value.trim()
  const isChanged = decimalNumber.test(trimmed) && !(isInteger64(value) && BigInt(value).toString() === value)
  return isChanged
    ? refuse('SQLite would store the text as a number and change it: the type of the column has numeric affinity')
    : value
}

export function codec(column: ColumnInfo, declared: ColumnKind): Codec | undefined {
  if (!isFitting(declared, column.kind)) return undefined
  const { decode, encode } = codecs[declared]
  const requireFit = fitOf(column)
  return { decode, encode: (value) => requireFit(encode(value)) }
}
