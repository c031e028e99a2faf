import type { Codec } from '../dialect.js'
import { type Sql, sql } from '../sql.js'
import type { ColumnInfo, ColumnKind } from '../table.js'
import {
  commonCodecs,
  doubleText,
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

/*
 * How values travel: in JavaScript the codecs, in SQL the expressions below them. MySQL's CAST has few target types, so
 * `castType` holds what the expressions tell apart by: the target where CAST has one, else 'char', 'binary' or 'bit'.
 */

const text: Codec = { decode: (value) => value, encode: requireText }

const double: Codec = {
  decode: Number,
  encode(value) {
    if (typeof value !== 'number') return refuse(`expected a number, got ${typeName(value)}`)
    return Number.isFinite(value) ? doubleText(value) : refuse(`expected a number, got ${value}`)
  },
}

/** A FLOAT is read as the double it is, 0.10000000149011612; the shortest number that is stored as the same is 0.1. */
const float: Codec = {
  decode(value) {
    const exact = Number(value)
    for (let digits = 6; digits < 9; digits++) {
      const shorter = Number(exact.toPrecision(digits))
      if (Math.fround(shorter) === exact) return shorter
    }
    return Number(exact.toPrecision(9))
  },
  encode: double.encode,
}

const timestampText = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/

/** TIMESTAMP is printed in UTC, as the session is; DATETIME has no zone and is taken to be UTC. */
const timestamp: Codec = {
  decode(value) {
    const m = timestampText.exec(value)
    const [year, month, day] = m ? m.slice(1, 4).map(Number) : []
    const date = new Date(0)
    date.setUTCFullYear(year ?? 0, (month ?? 0) - 1, day)
    if (!m || date.getUTCMonth() + 1 !== month || date.getUTCDate() !== day) {
      return refuse('the stored time is no date of the calendar, such as a zero date: declare the column as "text"')
    }
    date.setUTCHours(Number(m[4]), Number(m[5]), Number(m[6]), Number((m[7] ?? '').padEnd(3, '0').slice(0, 3)))
    return date
  },
  encode(value) {
    const iso = requireValidDate(value).toISOString()
    if (iso.length > 24) return refuse('the Date is outside the years 0 to 9999')
    return iso.slice(0, 23).replace('T', ' ')
  },
}

/** TINYINT(1) and BIT(1); as for the database, all but 0 is true. */
const boolean: Codec = {
  decode: (value) => !/^-?0*$/.test(value),
  encode: (value) => (requireBoolean(value) ? '1' : '0'),
}

const bytes: Codec = {
  decode: (value) => new Uint8Array(Buffer.from(value, 'hex')),
  encode: (value) => hexOf(requireBytes(value)),
}

const codecs: Readonly<Record<ColumnKind, Codec>> = {
  ...commonCodecs,
  text,
  double,
  timestamp,
  boolean,
  bytes,
  other: text,
}

/** What an assignment would take for something else, or cut, without a word; the rest is for the database to refuse. */
function fitOf(column: ColumnInfo): ((value: string) => string) | undefined {
  const matching = (pattern: RegExp, expected: string) => (value: string) =>
    pattern.test(value) ? value : refuse(`expected ${expected}`)
  // As an unsigned number a negative one would be a huge one that may even fit.
  if (column.castType === 'bit') return matching(/^\d+$/, 'a whole number that is not negative')
  switch (column.kind) {
    case 'integer':
    case 'bigint':
      return matching(/^[+-]?\d+$/, 'a whole number')
    case 'date':
      return matching(/^\d{4}-\d\d-\d\d$/, "a date as 'YYYY-MM-DD'")
    case 'time':
      return matching(/^-?\d{1,3}:\d\d(:\d\d(\.\d{1,6})?)?$/, "a time as 'HH:MM:SS'")
    case 'text':
      return textFit(column)
    case 'other':
      // unhex() makes NULL of anything else.
      return column.castType === 'binary'
        ? matching(/^(?:[0-9a-f]{2})*$/i, 'the hex digits of stored bytes')
        : undefined
    default:
      return undefined
  }
}

function textFit({ type }: ColumnInfo): ((value: string) => string) | undefined {
  const [shortType, isVarying, max] = /^(var)?char\((\d+)\)/.exec(type) ?? []
  if (shortType !== undefined) {
    return (value) => {
      // Blanks at the end of a char(20) are not stored.
      requireLength(isVarying ? value : value.replace(/ +$/, ''), Number(max), shortType)
      return value
    }
  }
  const [list] = /^(?:enum|set)\(.*\)/s.exec(type) ?? []
  if (list === undefined) return undefined
  const labels = new Set([...list.matchAll(/'((?:[^']|'')*)'/g)].map(([, label]) => label!.replaceAll("''", "'")))
  // A number that is no label would be a place in the list, or the bits of a set.
  return (value) => (/^\s*[+-]?\d+$/.test(value) && !labels.has(value) ? refuse(`the text is none of ${list}`) : value)
}

export function codec(column: ColumnInfo, declared: ColumnKind): Codec | undefined {
  if (!isFitting(declared, column.kind)) return undefined
  const found = declared === 'double' && column.castType === 'float' ? float : codecs[declared]
  const requireFit = fitOf(column)
  return requireFit ? { decode: found.decode, encode: (value) => requireFit(found.encode(value)) } : found
}

/** The bytes of a BIT column's number, as drivers give them and take them. */
export const bitBytes = {
  from({ type }: ColumnInfo, text: string): Buffer {
    const bytes = Math.ceil(Number(/\d+/.exec(type)?.[0] ?? 1) / 8)
    return Buffer.from(
      BigInt(text)
        .toString(16)
        .padStart(2 * bytes, '0'),
      'hex',
    )
  },
  to: (bytes: Uint8Array): string => BigInt(`0x0${hexOf(bytes)}`).toString(),
}

/** The exact text of a stored value, in utf8mb4: what is read, what keys are and what guards compare. */
export function textOf(column: ColumnInfo, value: Sql): Sql {
  switch (column.castType) {
    case 'char':
      return sql`convert(${value} using utf8mb4)`
    case 'binary':
      return sql`hex(${value})`
    case 'bit':
      return sql`cast(cast(${value} as unsigned) as char)`
    case 'float':
    case 'double':
      // FLOAT prints six digits, and DOUBLE(M, D) only D: as a plain double all of them.
      return sql`cast(cast(${value} as double) as char)`
    default:
      return sql`cast(${value} as char)`
  }
}

/** A key's or unique value's text as a value of its column, so that comparing them uses the column's index and collation. */
export function typed(column: ColumnInfo, value: Sql): Sql {
  switch (column.castType) {
    case 'char':
      return sql`convert(${value} using ${sql.raw(column.charset ?? 'utf8mb4')}) collate ${sql.raw(column.collation ?? 'utf8mb4_bin')}`
    case 'binary':
      return sql`unhex(${value})`
    case 'bit':
      return sql`cast(${value} as unsigned)`
    case 'json':
      return sql`cast(${value} as char)`
    default:
      return sql`cast(${value} as ${sql.raw(column.castType)})`
  }
}

/** A new value's text, ready to be assigned: the assignment, not a cast, decides what fits. */
export function assigned(column: ColumnInfo, value: Sql): Sql {
  switch (column.kind) {
    case 'date':
    case 'timestamp':
      // The pinned mode lets zero dates pass, so that those which are there survive. New ones become what no mode accepts.
      return assignable(column, sql`case when ${value} like '%-00%' then 'zero date' else ${value} end`)
    default:
      return restored(column, value)
  }
}

/** The exact text of a value that the column held before: zero dates as well. */
export function restored(column: ColumnInfo, value: Sql): Sql {
  return column.castType === 'binary' || column.castType === 'bit' ? typed(column, value) : assignable(column, value)
}

const shortBlob = /^(?:tiny|medium)?(?:text|blob)/

/** A value that an assignment takes as it is, or refuses. */
export function assignable(column: ColumnInfo, value: Sql): Sql {
  // MariaDB copies a column into a TEXT or BLOB column that is too short by cutting the length's own bytes: 300 letters become
  // 44 in a TINYTEXT. What is computed, it measures.
  if (shortBlob.test(column.type)) return sql`concat(${value})`
  // And it takes NULL for a TIMESTAMP that cannot hold it to be the current time; a text that is no time is refused.
  return column.type.startsWith('timestamp') && !column.isNullable ? sql`coalesce(${value}, 'NULL')` : value
}

const numeric = new Set(['signed', 'unsigned', 'decimal', 'double'])

/** A condition's right-hand side. Its text comes from a definition, so it may have more digits than the column. */
export function conditionValue(column: ColumnInfo, value: string): Sql {
  if (column.castType === 'char' || column.castType === 'json') return sql`${value}`
  if (!numeric.has(column.castType.replace(/\(.*/, ''))) return typed(column, sql`${value}`)
  if (/^[+-]?\d{1,18}$/.test(value)) return sql`cast(${value} as signed)`
  if (/^[+-]?\d{1,65}$/.test(value)) return sql`cast(${value} as decimal(65, 0))`
  if (/^[+-]?\d{0,35}\.\d{0,30}$/.test(value)) return sql`cast(${value} as decimal(65, 30))`
  return sql`cast(${value} as double)`
}

/** not (`slug` <=> 'a') */
export const isDistinct = (column: ColumnInfo, value: string): Sql =>
  sql`not (${sql.id(column.name)} <=> ${conditionValue(column, value)})`
