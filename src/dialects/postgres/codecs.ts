import type { Codec } from '../dialect.js'
import type { ColumnInfo, ColumnKind } from '../table.js'
import {
  commonCodecs,
  doubleText,
  encodeJson,
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

/** PostgreSQL stores no NUL in any text. */
function requireNoNul(text: string): string {
  return text.includes('\0') ? refuse('the text has a NUL character, which PostgreSQL cannot hold') : text
}

const text: Codec = { decode: (value) => value, encode: (value) => requireNoNul(requireText(value)) }

const double: Codec = {
  decode: Number,
  encode: (value) =>
    typeof value === 'number' ? doubleText(value) : refuse(`expected a number, got ${typeName(value)}`),
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

/** jsonb refuses these escapes; json would keep them and fail on the first use. */
const json: Codec = {
  decode: commonCodecs.json.decode,
  encode(value) {
    const encoded = encodeJson(value)
    return /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/.test(encoded)
      ? refuse('the JSON has a NUL character or a lone surrogate, which PostgreSQL cannot hold')
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

/** Not of domains and arrays, whose types have names of their own. */
const limitedText = /^character( varying)?\((\d+)\)$/

export function codec(column: ColumnInfo, declared: ColumnKind): Codec | undefined {
  if (!isFitting(declared, column.kind)) return undefined
  const { decode, encode } = codecs[declared]
  const [, isVarying, max] = limitedText.exec(column.type) ?? []
  if (max === undefined) return codecs[declared]
  return {
    decode,
    encode(value) {
      const encoded = encode(value)
      // Blanks at the end of a char(20) are padding.
      requireLength(isVarying ? encoded : encoded.replace(/ +$/, ''), Number(max), column.type)
      return encoded
    },
  }
}
