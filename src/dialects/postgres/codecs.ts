import type { Codec } from '../dialect.js'
import type { ColumnInfo, ColumnKind } from '../table.js'
import {
  commonCodecs,
  encodeJson,
  hexOf,
  isFitting,
  refuse,
  requireBoolean,
  requireBytes,
  requireText,
  requireValidDate,
  typeName,
} from '../values.js'

/** PostgreSQL stores no NUL in any text. */
function requireNoNul(text: string): string {
  return text.includes('\0') ? refuse('the text has a NUL character, which PostgreSQL cannot hold') : text
}

const text: Codec = { decode: (value) => value, encode: (value) => requireNoNul(requireText(value)) }

const double: Codec = {
  decode: Number,
  encode: (value) => (typeof value === 'number' ? String(value) : refuse(`expected a number, got ${typeName(value)}`)),
}

const decimal: Codec = {
  decode: (value) => value,
  // numeric holds NaN, and so may its text.
  encode: (value) => (value === 'NaN' ? value : commonCodecs.decimal.encode(value)),
}

// Printed in UTC: '2026-11-21 04:06:00.123456+00', and without the zone for timestamp without time zone.
const timestampText = /^(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:\+00(?::00)?)?$/

const timestamp: Codec = {
  decode(value) {
    const m = timestampText.exec(value)
    if (!m) return refuse('the stored time is before year 1 or infinite: declare the column as "text"')
    const date = new Date(Date.UTC(2000, Number(m[2]) - 1, Number(m[3]), Number(m[4]), Number(m[5]), Number(m[6])))
    date.setUTCFullYear(Number(m[1]), Number(m[2]) - 1, Number(m[3]))
    date.setUTCMilliseconds(Number((m[7] ?? '').padEnd(3, '0').slice(0, 3)))
    return date
  },
  encode(value) {
    const iso = requireValidDate(value).toISOString()
    if (iso.startsWith('-')) return refuse('the Date is before year 1: declare the column as "text"')
    return iso.startsWith('+') ? iso.slice(1) : iso
  },
}

const boolean: Codec = { decode: (value) => value === 'true', encode: (value) => String(requireBoolean(value)) }

const bytes: Codec = {
  decode: (value) => new Uint8Array(Buffer.from(value.slice(2), 'hex')),
  encode: (value) => `\\x${hexOf(requireBytes(value))}`,
}

/** jsonb refuses an escaped NUL; json would keep it and fail on the first use. */
const json: Codec = {
  decode: commonCodecs.json.decode,
  encode(value) {
    const encoded = encodeJson(value)
    return /(?<!\\)(?:\\\\)*\\u0000/.test(encoded)
      ? refuse('the JSON has a NUL character, which PostgreSQL cannot hold')
      : encoded
  },
}

const codecs: Readonly<Record<ColumnKind, Codec>> = {
  ...commonCodecs,
  text,
  double,
  decimal,
  timestamp,
  boolean,
  bytes,
  json,
  other: text,
}

export function codec(column: ColumnInfo, declared: ColumnKind): Codec | undefined {
  return isFitting(declared, column.kind) ? codecs[declared] : undefined
}
