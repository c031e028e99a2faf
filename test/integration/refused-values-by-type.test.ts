import type { DataSource } from 'typeorm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { backfill } from '../../src/adapters/typeorm/index.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { reverseOf } from '../../src/backfill/definition/reverse-of.js'
import { type Backfill, type ColumnWord, defineBackfill, sql } from '../../src/index.js'
import { readFailures } from '../../src/runs/read-status.js'
import { runInForeground } from '../../src/runs/run-in-foreground.js'
import { codeOf, portTo, runBackfill, withQueryRunner } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import {
  contractTest,
  contractTestOn,
  type DatabaseName,
  describeContract,
  type TestDatabase,
  typeormTestOn,
} from '../support/databases.js'

/*
 * A value that its column cannot hold is never cut, clamped, taken for another one or turned into NULL. Either rowshift knows, and
 * lists the row, or the database refuses, and nothing of the batch is kept.
 */

type End = 'listed' | 'refused'

interface BadValue {
  readonly type: string
  readonly word: ColumnWord
  /** What the column holds. */
  readonly good: unknown
  readonly value: unknown
  readonly end: End
}

const column = (type: string, word: ColumnWord, good: unknown, bad: Partial<Record<End, readonly unknown[]>>) =>
  (['listed', 'refused'] as const).flatMap((end) =>
    (bad[end] ?? []).map((value): BadValue => ({ type, word, good, value, end })),
  )

const loneSurrogate = 'a\ud800b'
const uuid = '123e4567-e89b-12d3-a456-426655440000'
const badJson = [[Number.NaN], { a: 1n }, () => 1]

const onAll: readonly BadValue[] = [
  ...column('varchar(3)', 'text', 'abc', { listed: ['abcdef', 'abc ', '😀😀😀😀', loneSurrogate, 5, null, ['abc']] }),
  ...column('int', 'integer', 7, {
    listed: [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '7', true, new Date(0), null],
  }),
  ...column('int', 'bigint', 7n, { listed: [1.5, '7.5', 'seven', 2 ** 53] }),
  ...column('decimal(10, 2)', 'decimal', '1.50', { listed: ['abc', '', 'Infinity', Number.NaN, '1,5', null, true] }),
  ...column('double precision', 'double', 0.5, { listed: ['0.5', null, 1n] }),
  ...column('boolean', 'boolean', true, { listed: [1, 'true', null] }),
  ...column('date', 'date', '2024-02-29', { listed: ['29.02.2024', 'today', new Date(Number.NaN), 20240229] }),
  ...column('time', 'time', '12:00:00', { listed: ['noon', '12', 12] }),
]

const onOne: Readonly<Record<DatabaseName, readonly BadValue[]>> = {
  postgres: [
    ...column('varchar(3)', 'text', 'abc', { listed: ['a\0b'] }),
    ...column('char(3)', 'text', 'ab ', { listed: ['abcd'] }),
    ...column('varchar(3)[]', 'text', '{abc}', { refused: ['{abcdef}', '{abc', 'abc'] }),
    ...column('numeric(5, 2)[]', 'text', '{1.50}', { refused: ['{12345.6}', '{abc}'] }),
    ...column('int[]', 'text', '{1}', { refused: ['{1,x}', '1', '[1]'] }),
    ...column('int', 'text', '7', { refused: ['abc', '', '7.5', '2147483648', '7 apples'] }),
    ...column('int', 'bigint', 7n, { refused: [2147483648n, -2147483649n] }),
    ...column('int', 'double', 7, { refused: [7.5, Number.NaN, 1e21] }),
    ...column('smallint', 'integer', 7, { refused: [32768, -32769] }),
    ...column('bigint', 'bigint', 7n, { refused: [2n ** 63n, -(2n ** 63n) - 1n] }),
    ...column('decimal(5, 2)', 'decimal', '1.50', { refused: ['1000', '-99999.9', '1e300'] }),
    ...column('real', 'double', 0.5, { refused: [1e300] }),
    ...column('date', 'date', '2024-02-29', { refused: ['2023-02-29', '2024-13-01', '0000-00-00', '2024-00-10'] }),
    ...column('timestamptz', 'timestamp', new Date(0), {
      listed: [new Date(Number.NaN), new Date('-000001-01-01T00:00:00Z'), '2024-01-01', 0],
    }),
    ...column('timestamp', 'text', '2024-01-01 00:00:00', { refused: ['2024-02-30 00:00:00', 'soon', ''] }),
    ...column('time', 'time', '12:00:00', { refused: ['25:00:00', '12:60:00'] }),
    ...column('interval', 'text', '1 day', { refused: ['a while'] }),
    ...column('uuid', 'uuid', uuid, { listed: ['123e4567', ''] }),
    ...column('uuid', 'text', uuid, { refused: ['123e4567', ''] }),
    ...column('mood', 'text', 'glad', { refused: ['GLAD', '', '1', 'glad '] }),
    ...column('code', 'text', 'abc', { refused: ['abcd', ''] }),
    ...column('bit(3)', 'text', '101', { refused: ['1010', '10', '102'] }),
    ...column('varbit(3)', 'text', '10', { refused: ['1010'] }),
    ...column('jsonb', 'json', {}, { listed: [...badJson, '\0', { a: loneSurrogate }, { [loneSurrogate]: 1 }] }),
    ...column('json', 'json', {}, { listed: [...badJson, '\0', loneSurrogate] }),
    ...column('jsonb', 'text', '{}', { refused: ['{"a":', '', "{'a': 1}"] }),
    ...column('bytea', 'bytes', Uint8Array.of(1), { listed: ['\\x01', [1], null] }),
    ...column('inet', 'text', '10.0.0.1', { refused: ['10.0.0.256', ''] }),
    ...column('int4range', 'text', '[1,2)', { refused: ['[2,1)', '1-2'] }),
    ...column('point', 'text', '(1,2)', { refused: ['(1', 'here'] }),
    ...column('xml', 'text', '<a/>', { refused: ['<a>'] }),
  ],
  mariadb: [
    ...column('char(3)', 'text', 'ab ', { listed: ['abcd'] }),
    // Cut to the last byte of its length, it would be 144 bytes.
    ...column('tinytext', 'text', 'abc', { refused: ['ž'.repeat(200)] }),
    ...column('text', 'text', 'abc', { refused: ['a'.repeat(100_000)] }),
    ...column('tinyblob', 'bytes', Uint8Array.of(1), { refused: [new Uint8Array(300)] }),
    ...column('varchar(9) character set latin1', 'text', 'é', { refused: ['漢', '😀', 'Łódź'] }),
    ...column('varchar(9) character set utf8mb3', 'text', '漢', { refused: ['😀'] }),
    ...column('int', 'text', '7', { listed: ['abc', '', '7.5', '7 apples', '1e2', '0x10'], refused: ['2147483648'] }),
    ...column('int', 'bigint', 7n, { refused: [2147483648n, -2147483649n] }),
    ...column('int', 'double', 7, { listed: [7.5, Number.NaN] }),
    ...column('int', 'decimal', '7', { listed: ['7.5', '7.4'] }),
    ...column('int unsigned', 'integer', 7, { refused: [-1, 4294967296] }),
    ...column('tinyint', 'integer', 7, { refused: [128, -129] }),
    ...column('bigint', 'bigint', 7n, { refused: [2n ** 63n, -(2n ** 63n) - 1n] }),
    ...column('bigint unsigned', 'bigint', 7n, { refused: [2n ** 64n, -1n] }),
    ...column('year', 'integer', 2024, { refused: [3000, 1900, -1] }),
    ...column('bit(4)', 'integer', 7, { listed: [-1], refused: [16] }),
    ...column('decimal(5, 2)', 'decimal', '1.50', { refused: ['1000', '-99999.9', '1e300'] }),
    ...column('decimal(5, 2)', 'text', '1.50', { refused: ['abc', '', '1.5x'] }),
    ...column('double', 'double', 0.5, { listed: [Number.NaN, Number.POSITIVE_INFINITY] }),
    ...column('float', 'double', 0.5, { refused: [1e300] }),
    ...column('date', 'date', '2024-02-29', {
      refused: ['2023-02-29', '2024-13-01', '0000-00-00', '2024-00-10', '2024-02-00'],
    }),
    ...column('date', 'text', '2024-02-29', { listed: ['2024-02-29 12:00:00', 'soon', '20240229'] }),
    ...column('datetime(3)', 'timestamp', new Date(0), {
      listed: [new Date(Number.NaN), new Date('+010000-01-01T00:00:00Z'), '2024-01-01'],
    }),
    ...column('datetime', 'text', '2024-01-01 00:00:00', {
      refused: ['2024-02-30 00:00:00', '2024-01-01 25:00:00', 'soon', '', '2024-01-01 00:00:00 and more'],
    }),
    ...column('datetime', 'text', '2024-01-01 00:00:00', { refused: ['0000-00-00 00:00:00', '2024-00-01 00:00:00'] }),
    ...column('timestamp null', 'timestamp', new Date(1000), {
      refused: [new Date('2039-01-01T00:00:00Z'), new Date(-1000)],
    }),
    ...column('timestamp', 'text', '2024-01-01 00:00:00', { refused: ['0000-00-00 00:00:00', ''] }),
    ...column('time', 'time', '12:00:00', { refused: ['900:00:00', '12:60:00'] }),
    ...column('time', 'text', '12:00:00', { listed: ['2024-01-01 12:00:00', 'noon', '12'] }),
    ...column('uuid', 'uuid', uuid, { listed: ['123e4567', ''] }),
    ...column('inet6', 'text', '::1', { refused: ['::g', ''] }),
    // A number would be a place in the list, or the bits of the set.
    ...column("enum('a', 'b')", 'text', 'a', { listed: ['1', '2', '0', ' 1'], refused: ['c', '', 'a,b'] }),
    ...column("enum('10', '2', 'it''s')", 'text', '2', { listed: ['1', '3'] }),
    ...column("set('a', 'b')", 'text', 'a,b', { listed: ['3', '0'], refused: ['c', 'a,c', 'a, b'] }),
    ...column('varbinary(3)', 'bytes', Uint8Array.of(1), { listed: ['010203'], refused: [Uint8Array.of(1, 2, 3, 4)] }),
    ...column('binary(3)', 'bytes', Uint8Array.of(1, 2, 3), { refused: [Uint8Array.of(1, 2, 3, 4)] }),
    ...column('json', 'json', {}, { listed: badJson }),
    ...column('json', 'text', '{}', { refused: ['{"a":', '', "{'a': 1}"] }),
    ...column('point', 'text', '000000000101000000000000000000F03F0000000000000040', {
      listed: ['POINT(1 2)', '0'],
      refused: ['', '00'],
    }),
  ],
  sqlite: [
    ...column('int', 'text', '7', { listed: ['abc', '', '7.5', '7 apples', '1e2'] }),
    ...column('int', 'double', 7, { listed: [7.5] }),
    ...column('bigint', 'bigint', 7n, { listed: [2n ** 63n, -(2n ** 63n) - 1n] }),
    ...column('decimal(30, 20)', 'decimal', '1.50', { listed: ['1.12345678901234567890', '1e999'] }),
    ...column('double', 'double', 0.5, { listed: [Number.NaN] }),
    ...column('boolean', 'text', '1', { listed: ['2', 'true', ''] }),
    ...column('date', 'date', '2024-02-29', { listed: ['2023-02-29', '2024-13-01', '0000-00-00'] }),
    ...column('datetime', 'timestamp', new Date(0), {
      listed: [new Date(Number.NaN), new Date('+010000-01-01T00:00:00Z')],
    }),
    ...column('datetime', 'text', '2024-01-01 00:00:00', { listed: ['2024-02-30 00:00:00', 'soon'] }),
    ...column('time', 'time', '12:00:00', { listed: ['25:00:00', '12:60:00'] }),
    ...column('json', 'json', {}, { listed: badJson }),
    ...column('json', 'text', '{}', { listed: ['{"a":', '', "{'a': 1}"] }),
    ...column('blob', 'bytes', Uint8Array.of(1), { listed: ['01', [1]] }),
    ...column('string', 'text', 'abc', { listed: ['007', '1.0'] }),
  ],
}

const before: Readonly<Record<DatabaseName, readonly string[]>> = {
  postgres: [`create type mood as enum ('glad', 'sad')`, `create domain code as varchar(3) check (value <> '')`],
  mariadb: [],
  sqlite: [],
}

/** Writes the bad value to the second of three rows. */
function writing(table: string, { word, value, good }: BadValue): Backfill {
  const define = defineBackfill as unknown as (options: object) => Backfill
  return define({
    name: table,
    table,
    select: { id: 'integer' },
    write: { v: word, done: 'integer' },
    where: { done: null },
    transform: (row: { id: number }) => ({ v: row.id === 2 ? value : good, done: 1 }),
  })
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 30 ? `${value.slice(0, 9)}…` : value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString()
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (typeof value !== 'object' || value === null) return String(value)
  const plain = (_: string, item: unknown) => (['bigint', 'number'].includes(typeof item) ? String(item) : item)
  return JSON.stringify(value, plain)
}

/** Of an application that lets MariaDB cut and clamp. */
async function connectCarelessly(database: TestDatabase): Promise<DataSource> {
  const dataSource = await database.connect()
  if (database.name !== 'mariadb') return dataSource
  const { pool } = dataSource.driver as unknown as {
    pool: { on(event: 'connection', listener: (connection: { query(text: string): void }) => void): void }
  }
  const setMode = `set sql_mode = ''`
  pool.on('connection', (connection) => connection.query(setMode))
  // For the one that is open already.
  await dataSource.query(setMode)
  return dataSource
}

describeContract((target) => {
  let database: TestDatabase
  let dataSource: DataSource
  beforeAll(async () => {
    database = await target.createDatabase()
    dataSource = await connectCarelessly(database)
    for (const statement of before[target.name]) await dataSource.query(statement)
  })
  afterAll(() => database.drop())

  for (const [i, bad] of [...onAll, ...onOne[target.name]].entries()) {
    const { type, word, value, end } = bad
    const by = end === 'listed' ? 'rowshift' : 'the database'
    test(`lists a row for ${shown(value)} in ${type} as ${word}, refused by ${by}`, async () => {
      const table = `t${i}`
      await dataSource.query(`create table ${table} (id int not null primary key, v ${type}, done int)`)
      await dataSource.query(`insert into ${table} (id) values (1), (2), (3)`)
      const stored = async (): Promise<readonly string[]> => {
        const rows = await dataSource.query(
          `select case when v is null then 'nothing' else 'something' end as v, done from ${table} order by id`,
        )
        return rows.map((row: { v: string; done: unknown }) => `${row.v}, ${row.done}`)
      }
      // MariaDB's TIMESTAMP is not NULL unless it is told to be.
      const [untouched] = await stored()
      const result = await runBackfill(dataSource, writing(table, bad))
      expect(result).toMatchObject({ status: 'failed', code: 'ROWS_FAILED', counts: { written: 2, failures: 1 } })
      const { failures } = await readFailures(portTo(dataSource), table, { limit: 10 })
      const reason =
        end === 'listed' ? { code: 'INVALID_VALUE', message: expect.stringMatching(/^"v": /) } : { code: 'ROW_REFUSED' }
      expect(failures).toMatchObject([{ key: '["2"]', ...reason }])
      expect(await stored()).toEqual(['something, 1', untouched, 'something, 1'])
    })
  }
})

contractTestOn(['postgres', 'mariadb'], 'keeps nothing of a computed value that does not fit', async (database) => {
  const dataSource = await connectCarelessly(database)
  await dataSource.query('create table t (id int primary key, long_text text, n bigint, short varchar(3), tiny int)')
  const types = bySql(database.name, { sqlite: [], postgres: [], mariadb: ['tinytext', 'tinyblob', 'mediumtext'] })
  for (const [i, type] of types.entries()) await dataSource.query(`alter table t add blob${i} ${type}`)
  await dataSource.query(`insert into t (id, long_text, n) values (1, 'abc', 7), (2, '${'a'.repeat(300)}', 3000000000)`)
  const set: [string, string][] = [
    ['short', 'long_text'],
    ['tiny', 'n'],
    ...types.slice(0, 2).map((_, i): [string, string] => [`blob${i}`, 'long_text']),
  ]
  for (const [to, from] of set) {
    const copy = defineBackfill.sql({ name: `t.${to}`, table: 't', set: { [to]: sql`${sql.id(from)}` } })
    expect([to, await runBackfill(dataSource, copy)]).toMatchObject([to, { status: 'failed', code: 'ROWS_FAILED' }])
    const { failures } = await readFailures(portTo(dataSource), `t.${to}`, { limit: 10 })
    expect([to, failures]).toMatchObject([to, [{ key: '["2"]', code: 'ROW_REFUSED' }]])
    const written: { id: unknown }[] = await dataSource.query(`select id from t where ${to} is not null`)
    expect([to, written.map(({ id }) => Number(id))]).toEqual([to, [1]])
  }
})

typeormTestOn(
  ['postgres', 'mariadb'],
  'keeps values that do not fit out of a table in an enclosing transaction',
  async (database) => {
    const dataSource = await connectCarelessly(database)
    await dataSource.query('create table t (id int primary key, v smallint)')
    await dataSource.query('insert into t (id) values (1), (2)')
    const tooLarge = defineBackfill({
      name: 't.v',
      table: 't',
      select: { id: 'integer' },
      write: { v: 'integer' },
      where: { v: null },
      transform: (row) => ({ v: row.id * 20_000 }),
    })
    await withQueryRunner(dataSource, async (queryRunner) => {
      await queryRunner.startTransaction()
      expect(await codeOf(backfill(queryRunner, tooLarge))).toBe('ROWS_FAILED')
      await queryRunner.rollbackTransaction()
    })
    const [{ n }] = await dataSource.query('select count(*) as n from t where v is not null')
    expect(Number(n)).toBe(0)
  },
)

contractTestOn(
  ['postgres', 'mariadb'],
  'rounds decimals and times to their column as every INSERT does',
  async (database) => {
    const dataSource = await connectCarelessly(database)
    const moment = bySql(database.name, { sqlite: '', postgres: 'timestamp(0)', mariadb: 'datetime' })
    const columns = `price decimal(10, 2), at ${moment}`
    await dataSource.query(`create table t (id int primary key, ${columns})`)
    await dataSource.query(`create table by_insert (id int primary key, ${columns})`)
    await dataSource.query(`insert into by_insert values (1, '1.005', '2024-01-01 12:00:00.700')`)
    await dataSource.query('insert into t (id) values (1)')
    const finer = defineBackfill({
      name: 't.finer',
      table: 't',
      select: { id: 'integer' },
      write: { price: 'decimal', at: 'timestamp' },
      where: { price: null },
      transform: () => ({ price: '1.005', at: new Date('2024-01-01T12:00:00.700Z') }),
    })
    expect(await runBackfill(dataSource, finer)).toMatchObject({ status: 'completed' })
    expect(await dataSource.query('select * from t')).toEqual(await dataSource.query('select * from by_insert'))
  },
)

contractTest('takes back the columns that a row names, and no others', async (database) => {
  const dataSource = await database.connect()
  await dataSource.query('create table t (id int not null primary key, a varchar(9), b varchar(9), done int)')
  await dataSource.query(
    `insert into t values (1, 'a1', 'b1', 1), (2, 'a2', null, 1), (3, null, 'b3', 1), (4, 'a4', 'b4', 1), (5, 'a5', 'b5', 1)`,
  )
  // What a row does not name stays, and what it names as null becomes NULL. The key may be named, but not changed.
  const before = [
    { done: null, a: 'x' },
    { done: null, b: 'x' },
    { done: null, id: 3 },
    { done: null, a: null, b: 'x' },
    { done: null, id: 50 },
  ]
  const definition = defineBackfill({
    name: 't.done',
    table: 't',
    select: { id: 'integer', a: 'text?', b: 'text?' },
    write: { done: 'integer' },
    where: { done: null },
    transform: () => ({ done: 1 }),
    reverse: (row) => before[row.id - 1],
  })
  const back = reverseOf(definitionOf(definition))
  if (back === 'not-needed') throw new Error('it has a reverse')
  const result = await runInForeground({ database: portTo(dataSource), definition: back })
  expect(result).toMatchObject({ status: 'failed', counts: { written: 4, failures: 1 } })
  const { failures } = await readFailures(portTo(dataSource), back.name, { limit: 10 })
  expect(failures).toMatchObject([{ key: '["5"]', code: 'INVALID_VALUE', message: expect.stringContaining('the key') }])
  expect((await dataSource.query('select * from t order by id')).map((row: object) => Object.values(row))).toEqual([
    [1, 'x', 'b1', null],
    [2, 'a2', 'x', null],
    [3, null, 'b3', null],
    [4, null, 'x', null],
    [5, 'a5', 'b5', 1],
  ])
})
