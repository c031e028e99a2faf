import { expect } from 'vitest'
import type { Session } from '../../src/adapters/database.js'
import type { UpdateRow } from '../../src/dialects/dialect.js'
import type { Cell, Script } from '../../src/dialects/script.js'
import { sqlite } from '../../src/dialects/sqlite/index.js'
import { column, inTransaction, planOf, rowsOf, tableInfo, testSqlite } from './sqlite-sessions.js'

/** SQL of values that resemble each other, in all types that SQLite stores. */
const values: readonly string[] = [
  'null',
  '0',
  '1',
  '-1',
  '2',
  '9007199254740992',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '0.0',
  '1.0',
  '1.5',
  '0.1',
  '0.1 + 0.2',
  '1e20',
  '9223372036854775807.0',
  '5e-324',
  '9e999',
  '-9e999',
  "''",
  "' '",
  "'0'",
  "'1'",
  "'1.0'",
  "' 1'",
  "'1 '",
  "'1e0'",
  "'0x1'",
  "'n1'",
  "'Bob'",
  "'bob'",
  "'bob '",
  "'Bob' || char(0)",
  "char(0) || 'Bob'",
  "'1' || char(0)",
  "'Zoë' || char(0) || char(128512)",
  "'Zoe' || char(776)",
  'char(1)',
  "char(1) || 'x31'",
  "char(1) || 't1'",
  "char(1) || 'n1'",
  "char(1) || 'x' || char(0) || '1'",
  "'2026-11-21 04:06:00.123'",
  `'{"a":1}'`,
  "x''",
  "x'00'",
  "x'31'",
  "x'426F62'",
  "x'626f62'",
  "x'0178'",
]

const types = [
  'text',
  'text collate nocase',
  'varchar(20) collate rtrim',
  'integer',
  'bigint',
  'real',
  'numeric',
  'decimal(10, 2)',
  'boolean',
  'datetime',
  'json',
  'jsonb',
  'string',
  'blob',
  '',
]

/** What is stored, told by SQLite itself and by nothing of ours. */
const truth = `typeof(v) || ' ' || case when typeof(v) in ('text', 'blob') then hex(v) else quote(v) end`

for (const type of types) {
  testSqlite(`tells all stored values of a column "${type}" apart by their text and by the guard`, async (test) => {
    await test.app(`create table t (id integer primary key, v ${type}, w)`)
    for (const value of values) await test.app(`insert into t (v) values (${value})`)
    const session = await test.open()
    const info = await tableInfo(session, 't')
    const plan = planOf(info, ['v'])
    const stored = (await rowsOf(session, `select ${truth} from t order by id`)).map(([cell]) => String(cell))
    const page = await rowsOf(
      session,
      sqlite.readPage(plan, { after: undefined, upTo: ['1000'], limit: 1000 }, 'plain'),
    )
    const texts = page.map((row) => row[1] as string | null)
    expect(texts).toHaveLength(values.length)

    // The same text for the same value, and for no other.
    for (let a = 0; a < values.length; a++) {
      for (let b = 0; b < a; b++) {
        expect(texts[a] === texts[b], `${values[a]} and ${values[b]}`).toBe(stored[a] === stored[b])
      }
    }

    // Each row guarded by the text of each other: written exactly where the same is stored.
    function* writeEach(): Script<void> {
      for (let read = 0; read < values.length; read++) {
        const rows = values.map((_, now): UpdateRow => [String(now + 1), texts[read]!, 'written'])
        const { unwritten } = yield* sqlite.updateRows(plan, [column(info, 'w')], rows)
        const left = new Set(unwritten as readonly number[])
        values.forEach((value, now) => {
          expect(!left.has(now), `read ${values[read]}, now ${value}`).toBe(stored[read] === stored[now])
        })
        expect(new Set(yield* sqlite.lockGuarded(plan, rows))).toEqual(
          new Set(values.flatMap((_, now) => (stored[read] === stored[now] ? [now] : []))),
        )
      }
    }
    await session.run(inTransaction(writeEach()))
  })
}

testSqlite('gives back every double and every integer exactly', async (test) => {
  const bits = new DataView(new ArrayBuffer(8))
  const doubles = Array.from({ length: 2000 }, () => {
    bits.setUint32(0, Math.random() * 2 ** 32)
    bits.setUint32(4, Math.random() * 2 ** 32)
    return bits.getFloat64(0)
  }).filter((value) => !Number.isNaN(value))
  doubles.push(0.1 + 0.2, Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53, -(2 ** 63), Infinity, -Infinity, 1e21, 123456.7)
  const integers = [0n, 1n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]

  await test.app('create table t (id integer primary key, d double, n numeric, i bigint)')
  const size = Math.max(doubles.length, integers.length)
  await test.app(
    `with recursive s (i) as (select 1 union all select i + 1 from s where i < ${size}) insert into t (id) select i from s`,
  )
  const session = await test.open()
  const info = await tableInfo(session, 't')
  const columns = ['d', 'n', 'i'].map((name) => column(info, name))
  const [double, numeric, integer] = [
    sqlite.codec(columns[0]!, 'double')!,
    sqlite.codec(columns[1]!, 'double')!,
    sqlite.codec(columns[2]!, 'bigint')!,
  ]
  const rows = doubles.map(
    (value, i): UpdateRow => [
      ...[String(i + 1), null, null, null],
      double.encode(value),
      // A NUMERIC column is no place for infinity.
      Number.isFinite(value) ? numeric.encode(value) : null,
      integers[i] === undefined ? null : integer.encode(integers[i]),
    ],
  )
  const plan = planOf(info, ['d', 'n', 'i'])
  const outcome = await session.run(inTransaction(sqlite.updateRows(plan, columns, rows)))
  expect(outcome).toEqual({ unwritten: [], stillMatching: undefined })

  const page = await rowsOf(session, sqlite.readPage(plan, { after: undefined, upTo: ['9999'], limit: 9999 }, 'plain'))
  expect(page.map((row) => double.decode(String(row[1])))).toEqual(doubles.map((value) => (value === 0 ? 0 : value)))
  for (const [i, value] of doubles.entries()) {
    if (Number.isFinite(value)) expect(numeric.decode(String(page[i]![2]))).toBe(value === 0 ? 0 : value)
  }
  expect(page.slice(0, integers.length).map((row) => integer.decode(String(row[3])))).toEqual(integers)
  // Read without a change, the rows are written again by what was read.
  const again = page.map(
    (row): UpdateRow => [...(row as (string | null)[]).slice(0, -1), ...rows[Number(row[0]) - 1]!.slice(4)],
  )
  const second = await session.run(inTransaction(sqlite.updateRows(plan, columns, again)))
  expect(second.unwritten).toEqual([])
})

/** What the application finds after a text was written. */
async function writeAndRead(session: Session, name: string, texts: readonly string[]): Promise<readonly Cell[]> {
  const info = await tableInfo(session, 't')
  const rows = texts.map((text, i): UpdateRow => [String(i + 1), null, text])
  await session.run(inTransaction(sqlite.updateRows(planOf(info, [name]), [column(info, name)], rows)))
  return (await rowsOf(session, `select typeof(${name}) || ' ' || hex(${name}) from t order by id`)).map(
    ([cell]) => cell!,
  )
}

testSqlite('writes texts of any length and character', async (test) => {
  const texts = [
    '',
    'a\0b',
    '\0',
    '\u0001x31',
    '😀 Zoë',
    `quotes ' " \` and \\`,
    '9223372036854775807',
    '007',
    'x'.repeat(3_000_000),
  ]
  await test.app('create table t (id integer primary key, v text)')
  for (const _ of texts) await test.app('insert into t default values')
  const session = await test.open()
  expect(await writeAndRead(session, 'v', texts)).toEqual(
    texts.map((text) => `text ${Buffer.from(text).toString('hex').toUpperCase()}`),
  )
})

testSqlite('writes what the column is declared as', async (test) => {
  await test.app('create table t (id integer primary key, b blob, j jsonb, f boolean, x, r real)')
  await test.app('insert into t default values')
  const session = await test.open()
  const hex = (text: string) => Buffer.from(text).toString('hex').toUpperCase()
  expect(await writeAndRead(session, 'b', ['00FF31'])).toEqual(['blob 00FF31'])
  expect(await writeAndRead(session, 'f', ['1'])).toEqual([`integer ${hex('1')}`])
  expect(await writeAndRead(session, 'x', ['5'])).toEqual([`text ${hex('5')}`])
  expect(await writeAndRead(session, 'r', ['5'])).toEqual([`real ${hex('5.0')}`])
  const [json] = await writeAndRead(session, 'j', ['{"a":[1,"ß"]}'])
  expect(String(json)).toMatch(/^blob /)
  expect(await rowsOf(session, 'select json(j) from t')).toEqual([['{"a":[1,"ß"]}']])
  const page = await rowsOf(
    session,
    sqlite.readPage(planOf(await tableInfo(session, 't'), ['j']), { after: undefined, upTo: ['1'], limit: 1 }, 'plain'),
  )
  expect(page).toEqual([['1', '{"a":[1,"ß"]}', 1]])
})
