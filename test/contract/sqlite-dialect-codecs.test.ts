import { expect, test } from 'vitest'
import { sqlite } from '../../src/dialects/sqlite/index.js'
import type { ColumnInfo, ColumnKind } from '../../src/dialects/table.js'
import { column, tableInfo, testSqlite } from './sqlite-sessions.js'

const affinities: Partial<Record<ColumnKind, string>> = {
  text: 'TEXT',
  bytes: 'BLOB',
  double: 'REAL',
  integer: 'INTEGER',
  bigint: 'INTEGER',
}

const columnOf = (kind: ColumnKind, type: string = kind, castType = affinities[kind] ?? 'NUMERIC'): ColumnInfo => ({
  name: 'c',
  kind,
  type,
  castType,
  isNullable: true,
  isGenerated: false,
})

function codecOf(stored: ColumnKind | ColumnInfo, declared: ColumnKind) {
  const codec = sqlite.codec(typeof stored === 'string' ? columnOf(stored) : stored, declared)
  if (!codec) throw new Error('no codec')
  return codec
}

const refused: readonly (readonly [
  stored: ColumnKind | ColumnInfo,
  declared: ColumnKind,
  values: readonly unknown[],
])[] = [
  ['integer', 'integer', [1.5, Number.NaN, Infinity, 2 ** 53, '1', null, undefined, true]],
  ['bigint', 'bigint', [2n ** 63n, -(2n ** 63n) - 1n, '1.5', '9223372036854775808', 1.5]],
  ['integer', 'double', [1.5, 1e20, Infinity, Number.NaN]],
  ['integer', 'decimal', ['1.5', '1e3', '9223372036854775808']],
  ['integer', 'text', ['abc', '', '1.0', ' 1', '0x1']],
  ['double', 'double', [Number.NaN, '1', 1n]],
  ['double', 'text', ['abc', '', 'NaN', 'Infinity', '1e400']],
  ['decimal', 'decimal', ['abc', Number.NaN, '1234567890.12345678901', '1e400', '1e-400', '123456789012345678901']],
  ['decimal', 'bigint', [2n ** 64n + 1n]],
  ['decimal', 'text', ['abc', '1.234567890123456789']],
  ['boolean', 'boolean', [1, 0, 'true', null]],
  ['boolean', 'text', ['true', '2', '']],
  ['text', 'text', ['lone \ud800', 1, null]],
  [columnOf('text', 'varchar(3)'), 'text', ['abcd', '😀😀😀😀']],
  [columnOf('text', 'varchar (3)'), 'uuid', ['123e4567-e89b-12d3-a456-426655440000']],
  ['uuid', 'uuid', ['123', 5]],
  // Digits alone would be stored as a number.
  ['uuid', 'uuid', ['12345678123456781234567812345678']],
  [
    'date',
    'date',
    [
      '2024-02-30',
      '2023-02-29',
      '2024-13-01',
      '2024-00-10',
      '24-01-01',
      '2024-01-01 BC',
      '-2024-01-01',
      new Date(Number.NaN),
      '12024-01-01',
    ],
  ],
  ['date', 'text', ['2024-02-30', 'today', '']],
  ['time', 'time', ['24:00', '12:60', '12:00:60', '1:00', '12:00+02', 'noon']],
  [
    'timestamp',
    'timestamp',
    [new Date(Number.NaN), '2024-01-01', new Date(Date.UTC(12000, 0)), new Date(-62_198_755_200_000)],
  ],
  ['timestamp', 'text', ['2024-02-30 00:00:00', 'now', '']],
  ['json', 'json', [undefined, () => 1, { a: Number.NaN }, { a: 1n }]],
  ['json', 'text', ['{bad', '']],
  ['bytes', 'bytes', ['abc', [1], null]],
  [columnOf('other', 'string'), 'text', ['007', '1.0', '1e5', ' 7', '+7', '.5', '12345678901234567890']],
]

for (const [stored, declared, values] of refused) {
  const type = typeof stored === 'string' ? stored : stored.type
  test(`sqlite: a "${declared}" for a column of type ${type} refuses what the column would change`, () => {
    for (const value of values) {
      let message: string | undefined
      try {
        codecOf(stored, declared).encode(value)
      } catch (error) {
        message = (error as Error).message
      }
      expect(message, String(value)).toBeDefined()
      // A reason without contents.
      if (typeof value === 'string' && value.length > 4) expect(message).not.toContain(value)
    }
  })
}

const unreadable: readonly (readonly [
  stored: ColumnKind | ColumnInfo,
  declared: ColumnKind,
  texts: readonly string[],
])[] = [
  ['integer', 'integer', ['abc', '1.5', '9007199254740993', '\u0001x31']],
  ['integer', 'bigint', ['abc', '1.5', '1.0e+20', '\u0001x31']],
  ['integer', 'boolean', ['2', '-1', 'true']],
  ['double', 'double', ['abc', '\u0001x31']],
  ['decimal', 'decimal', ['abc', '9.0e+999', '\u0001x31']],
  ['text', 'text', ['\u0001x31']],
  ['date', 'date', ['2024-02-30', '2024-01-01 00:00:00', '20240101', 'soon']],
  ['time', 'time', ['25:00', 'soon']],
  ['timestamp', 'timestamp', ['2024-02-30 00:00:00', '2460000.5', 'soon', '9999999999999999']],
  ['json', 'json', ['{"secret": bad', '\u0001x31']],
  ['bytes', 'bytes', ['\u0001tabc', '\u0001n5']],
]

for (const [stored, declared, texts] of unreadable) {
  test(`sqlite: a "${declared}" cannot be read from other values in a column of type ${String(stored)}`, () => {
    for (const text of texts) {
      let message: string | undefined
      try {
        codecOf(stored, declared).decode(text)
      } catch (error) {
        message = (error as Error).message
      }
      expect(message, text).toBeDefined()
      if (text.length > 4) expect(message).not.toContain(text)
    }
  })
}

test('sqlite: reads values in all forms in which they are found', () => {
  const at = (text: string) => (codecOf('timestamp', 'timestamp').decode(text) as Date).toISOString()
  expect(at('2026-11-21 04:06:00.123')).toBe('2026-11-21T04:06:00.123Z')
  expect(at('2026-11-21 04:06:00')).toBe('2026-11-21T04:06:00.000Z')
  expect(at('2026-11-21 04:06')).toBe('2026-11-21T04:06:00.000Z')
  expect(at('2026-11-21')).toBe('2026-11-21T00:00:00.000Z')
  expect(at('2026-11-21T04:06:00.123456Z')).toBe('2026-11-21T04:06:00.123Z')
  expect(at('2026-11-21T04:06:00.1+02:00')).toBe('2026-11-21T02:06:00.100Z')
  expect(at('1763697960123')).toBe(new Date(1763697960123).toISOString())
  expect(at('-1')).toBe('1969-12-31T23:59:59.999Z')
  expect(at('0001-01-01 00:00:00')).toBe('0001-01-01T00:00:00.000Z')
  const decimal = codecOf('decimal', 'decimal')
  for (const [text, plain] of [
    ['12.5', '12.5'],
    ['1.0e+20', '100000000000000000000'],
    ['-1.5e-07', '-0.00000015'],
    ['1.25e+01', '12.5'],
    ['9007199254740993', '9007199254740993'],
  ]) {
    expect(decimal.decode(text!)).toBe(plain)
  }
  expect(codecOf('integer', 'boolean').decode('1')).toBe(true)
  expect(codecOf('boolean', 'boolean').decode('0')).toBe(false)
  expect(codecOf('integer', 'bigint').decode('9223372036854775807')).toBe(2n ** 63n - 1n)
  expect(codecOf('double', 'double').decode('9.0e+999')).toBe(Infinity)
  expect(codecOf('double', 'double').decode('4.9406564584124654e-324')).toBe(5e-324)
  expect(codecOf('text', 'text').decode('\u0001t\u0001x')).toBe('\u0001x')
  expect(codecOf('other', 'text').decode('\u0001n1.0')).toBe('1.0')
  expect(codecOf('bytes', 'bytes').decode('00FF')).toEqual(new Uint8Array([0, 255]))
  expect(codecOf('json', 'json').decode('12')).toBe(12)
  expect(codecOf('text', 'json').decode('{"a":[null]}')).toEqual({ a: [null] })
  expect(codecOf('date', 'date').decode('2024-02-29')).toBe('2024-02-29')
})

test('sqlite: encodes values as the column stores them', () => {
  expect(codecOf('timestamp', 'timestamp').encode(new Date('2026-11-21T04:06:00.120Z'))).toBe('2026-11-21 04:06:00.120')
  expect(codecOf('boolean', 'boolean').encode(true)).toBe('1')
  expect(codecOf('integer', 'boolean').encode(false)).toBe('0')
  expect(codecOf('double', 'double').encode(-Infinity)).toBe('-9e999')
  expect(codecOf('bytes', 'bytes').encode(Buffer.from([0, 171]))).toBe('00AB')
  expect(codecOf('decimal', 'decimal').encode('12.50')).toBe('12.50')
  expect(codecOf('decimal', 'decimal').encode('0.1')).toBe('0.1')
  expect(codecOf('decimal', 'bigint').encode(2n ** 63n - 1n)).toBe('9223372036854775807')
  expect(codecOf('date', 'date').encode('0001-01-01')).toBe('0001-01-01')
  expect(codecOf('time', 'time').encode('23:59:59.123')).toBe('23:59:59.123')
  expect(codecOf(columnOf('text', 'varchar(3)'), 'text').encode('😀😀😀')).toBe('😀😀😀')
  expect(codecOf(columnOf('other', 'string'), 'text').encode('7')).toBe('7')
  expect(codecOf(columnOf('other', '', 'BLOB'), 'text').encode('007')).toBe('007')
  expect(codecOf('json', 'json').encode({ a: [1, null] })).toBe('{"a":[1,null]}')
  expect(sqlite.codec(columnOf('text'), 'integer')).toBeUndefined()
  expect(sqlite.codec(columnOf('bytes'), 'text')).toBeUndefined()
})

/** What TypeORM's own column types become, and others that are met. */
const kinds: readonly (readonly [type: string, kind: ColumnKind, castType: string])[] = [
  ['int', 'integer', 'INTEGER'],
  ['integer', 'integer', 'INTEGER'],
  ['INT2', 'integer', 'INTEGER'],
  ['tinyint', 'integer', 'INTEGER'],
  ['smallint', 'integer', 'INTEGER'],
  ['mediumint', 'integer', 'INTEGER'],
  ['bigint', 'bigint', 'INTEGER'],
  ['int8', 'bigint', 'INTEGER'],
  ['unsigned big int', 'bigint', 'INTEGER'],
  ['point', 'integer', 'INTEGER'],
  ['character(20)', 'text', 'TEXT'],
  ['varchar(255)', 'text', 'TEXT'],
  ['varying character(255)', 'text', 'TEXT'],
  ['nchar(55)', 'text', 'TEXT'],
  ['native character(70)', 'text', 'TEXT'],
  ['nvarchar(100)', 'text', 'TEXT'],
  ['text', 'text', 'TEXT'],
  ['clob', 'text', 'TEXT'],
  ['blob', 'bytes', 'BLOB'],
  ['real', 'double', 'REAL'],
  ['double', 'double', 'REAL'],
  ['double precision', 'double', 'REAL'],
  ['float', 'double', 'REAL'],
  ['numeric', 'decimal', 'NUMERIC'],
  ['decimal(10,5)', 'decimal', 'NUMERIC'],
  ['boolean', 'boolean', 'NUMERIC'],
  ['date', 'date', 'NUMERIC'],
  ['time', 'time', 'NUMERIC'],
  ['datetime', 'timestamp', 'NUMERIC'],
  ['datetime(6)', 'timestamp', 'NUMERIC'],
  ['TIMESTAMP', 'timestamp', 'NUMERIC'],
  ['json', 'json', 'NUMERIC'],
  ['jsonb', 'json', 'NUMERIC'],
  ['uuid', 'uuid', 'NUMERIC'],
  ['string', 'other', 'NUMERIC'],
  ['any', 'other', 'NUMERIC'],
  ['', 'other', 'BLOB'],
]

testSqlite('takes declared types at their word', async (test) => {
  const columns = kinds.map(([type], i) => `c${i} ${type}`)
  await test.app(`create table t (id integer primary key, ${columns.join(', ')}, n text not null,
    v integer generated always as (id + 1) virtual, s integer generated always as (id + 1) stored)`)
  await test.app('create table strictly (id integer primary key, a any, i int, t text) strict')
  const session = await test.open()
  const info = await tableInfo(session, 't')
  for (const [i, [type, kind, castType]] of kinds.entries()) {
    expect(column(info, `c${i}`)).toEqual({
      name: `c${i}`,
      type: type.toLowerCase(),
      kind,
      castType,
      isNullable: true,
      isGenerated: false,
    })
  }
  expect(column(info, 'n').isNullable).toBe(false)
  expect(column(info, 'id').isNullable).toBe(false)
  expect([column(info, 'v').isGenerated, column(info, 's').isGenerated]).toEqual([true, true])
  const strictly = await tableInfo(session, 'strictly')
  expect(column(strictly, 'a')).toMatchObject({ kind: 'other', castType: 'BLOB' })
  expect(column(strictly, 'i')).toMatchObject({ kind: 'integer' })
})
