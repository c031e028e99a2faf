import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Session } from '../../src/adapters/database.js'
import { driveScript } from '../../src/adapters/drive-script.js'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import type { UpdateOutcome, UpdateRow } from '../../src/dialects/dialect.js'
import { mysql } from '../../src/dialects/mysql/index.js'
import { type Sql, type Statement, sql } from '../../src/dialects/sql.js'
import type { ColumnKind, TableInfo } from '../../src/dialects/table.js'
import {
  column,
  errorOf,
  explain,
  type MysqlTest,
  one,
  planOf,
  recorded,
  rowsOf,
  tableInfo,
  testMysql,
  testMysql2,
} from './mysql-sessions.js'

const done: UpdateOutcome = { unwritten: [], stillMatching: undefined }
const impatient = { ...batchLimits, lockTimeoutMs: 1_000 }

/** Writes a column of row 1 as the pipeline would: token as read, new text. */
async function write(session: Session, info: TableInfo, name: string, text: string | null): Promise<UpdateOutcome> {
  const plan = planOf(info, [name])
  const [row] = await rowsOf(session, mysql.readKeys(plan, [['1']], 'plain'))
  const token = row?.[1]
  const cells: UpdateRow = ['1', token === null ? null : String(token), text]
  return session.run(mysql.updateRows(plan, [column(info, name)], [cells]))
}

/** The token of a column of row 1. */
async function read(session: Session, info: TableInfo, name: string): Promise<unknown> {
  const [row] = await rowsOf(session, mysql.readKeys(planOf(info, [name]), [['1']], 'plain'))
  return row?.[1]
}

const everything = `create table everything (id int primary key, t tinyint, s smallint unsigned, n int, l bigint, u bigint unsigned,
  price decimal(10, 2), f float, d double, dd double(10, 2), flag tinyint(1), b1 bit(1), b9 bit(9), b64 bit(64), v varchar(5), c char(5),
  latin varchar(20) character set latin1, bin varchar(20) character set utf8mb4 collate utf8mb4_bin, txt longtext,
  day date, at datetime(3), stamp timestamp(6) null, clock time(3), y year, doc json, e enum('a', 'b'), st set('x', 'y'),
  raw varbinary(9), fixed binary(4), blo longblob, g geometry, uid uuid, ip inet6) engine = InnoDB default character set utf8mb4`

async function openEverything(test: MysqlTest): Promise<{ session: Session; info: TableInfo }> {
  await test.app(everything)
  await test.app('insert into everything (id) values (1)')
  const session = await test.open()
  return { session, info: await tableInfo(session, 'everything') }
}

testMysql('writes a value of every type and reads it back by its declared kind', async (test) => {
  const { session, info } = await openEverything(test)
  const emoji = 'é漢😀 \0\b\n\r\t\x1a"\'\\`%_?:1 \u2028 \ufeff'
  const values: readonly (readonly [string, ColumnKind, unknown])[] = [
    ...([
      ['t', 'integer', -128],
      ['s', 'integer', 65535],
      ['n', 'integer', -2147483648],
    ] as const),
    ...([
      ['l', 'bigint', -9223372036854775808n],
      ['u', 'bigint', 18446744073709551615n],
      ['n', 'bigint', 7n],
    ] as const),
    ...([
      ['price', 'decimal', '12345678.90'],
      ['f', 'double', 0.1],
      ['f', 'double', 16777216],
      ['d', 'double', 0.1 + 0.2],
    ] as const),
    ...([
      ['d', 'double', 1.7976931348623157e308],
      ['d', 'double', 5e-324],
      ['dd', 'double', 12.35],
      ['n', 'decimal', '8'],
    ] as const),
    ...([
      ['flag', 'boolean', true],
      ['flag', 'boolean', false],
      ['b1', 'boolean', true],
      ['b1', 'boolean', false],
    ] as const),
    ...([
      ['b9', 'integer', 511],
      ['b64', 'bigint', 18446744073709551615n],
      ['flag', 'integer', 2],
    ] as const),
    ...([
      ['v', 'text', 'a😀ž '],
      ['c', 'text', 'ab'],
      ['latin', 'text', 'Ärger € ž'],
      ['txt', 'text', emoji],
    ] as const),
    ...([
      ['txt', 'text', 'ž'.repeat(100_000)],
      ['txt', 'text', ''],
      ['txt', 'text', 'null'],
      ['txt', 'text', '[]'],
    ] as const),
    ...([
      ['day', 'date', '2024-02-29'],
      ['clock', 'time', '-13:37:00.500'],
      ['y', 'integer', 2024],
      ['e', 'text', 'b'],
    ] as const),
    ...([
      ['at', 'timestamp', new Date('2024-03-31T02:30:00.123Z')],
      ['stamp', 'timestamp', new Date('2024-10-27T01:30:00.999Z')],
    ] as const),
    ...([
      ['at', 'timestamp', new Date('0099-01-01T00:00:00.000Z')],
      ['st', 'text', 'x,y'],
      ['at', 'text', '2024-01-01 00:00:00.001'],
    ] as const),
    ...([
      ['doc', 'json', { a: [1, null, '😀\0'] }],
      ['doc', 'json', null],
      ['doc', 'json', 'null'],
    ] as const),
    ...([
      ['raw', 'bytes', Uint8Array.of(0, 255, 39, 92)],
      ['raw', 'bytes', new Uint8Array()],
      ['fixed', 'bytes', Uint8Array.of(1, 2, 3, 0)],
    ] as const),
    ...([
      ['blo', 'bytes', new Uint8Array(100_000).fill(200)],
      ['uid', 'uuid', '123e4567-e89b-12d3-a456-426655440000'],
      ['ip', 'text', '::1'],
    ] as const),
  ]
  for (const [name, kind, value] of values) {
    const codec = mysql.codec(column(info, name), kind)!
    expect([name, await write(session, info, name, codec.encode(value))]).toEqual([name, done])
    expect([name, codec.decode(String(await read(session, info, name)))]).toEqual([name, value])
    // Its own token holds: the guard of a second write sees the row as unchanged.
    expect([name, await write(session, info, name, codec.encode(value))]).toEqual([name, done])
    expect([name, await write(session, info, name, null)]).toEqual([name, done])
    expect([name, await read(session, info, name)]).toEqual([name, null])
  }
})

testMysql('sends NULL as a list, since JSON null was a text on early versions of MySQL', async (test) => {
  await cities(test, 1)
  const session = await test.open()
  const info = await tableInfo(session, 'city')
  const update = mysql.updateRows(planOf(info, ['slug']), [column(info, 'slug')], [['10', null, null]])
  const { text, parameters } = update.next().value as Statement
  expect(parameters).toEqual([Buffer.from('[["10",[],[]]]')])
  expect(text).toContain('json_table(convert(? using utf8mb4), ')
})

testMysql('carries geometry as the bytes it is stored in', async (test) => {
  const { session, info } = await openEverything(test)
  await test.app("update everything set g = st_geomfromtext('point(1 2)') where id = 1")
  const token = String(await read(session, info, 'g'))
  expect(await write(session, info, 'g', null)).toEqual(done)
  expect(await write(session, info, 'g', token)).toEqual(done)
  expect(await rowsOf(session, 'select st_astext(g) from everything')).toEqual([['POINT(1 2)']])
})

testMysql('refuses what does not fit, and writes nothing of it', async (test) => {
  const { session, info } = await openEverything(test)
  await test.app(`create table strict (id int primary key, n int not null, v varchar(3) not null, stamp timestamp not null default '2020-01-01',
    small decimal(5, 2), constraint few check (n < 100)) engine = InnoDB`)
  await test.app("insert into strict (id, n, v) values (1, 1, 'abc')")
  const strict = await tableInfo(session, 'strict')
  const before = await test.app('select * from strict')
  const refused = async (table: TableInfo, name: string, text: string | null) =>
    mysql.classifyError(await errorOf(write(session, table, name, text)))
  const cases: readonly (readonly [TableInfo, string, string | null])[] = [
    ...([
      [info, 't', '128'],
      [info, 't', 'abc'],
      [info, 'n', '12abc'],
      [info, 'n', ''],
      [info, 'u', '-1'],
    ] as const),
    ...([
      [info, 'l', '9223372036854775808'],
      [info, 'price', '123456789'],
      [info, 'price', 'x'],
      [info, 'f', '1e39'],
    ] as const),
    ...([
      [info, 'd', 'NaN'],
      [info, 'b9', '512'],
      [info, 'b64', '18446744073709551616'],
      [info, 'v', 'abcdef'],
    ] as const),
    ...([
      [info, 'latin', '漢'],
      [info, 'day', '2024-02-30'],
      [info, 'day', 'soon'],
      [info, 'at', '2024-13-01 00:00:00'],
    ] as const),
    ...([
      [info, 'day', '0000-00-00'],
      [info, 'day', '2024-00-10'],
      [info, 'at', '0000-00-00 00:00:00'],
    ] as const),
    ...([
      [info, 'stamp', '1969-01-01 00:00:00'],
      [info, 'clock', '99999:00:00'],
      [info, 'y', '1800'],
      [info, 'e', 'c'],
    ] as const),
    ...([
      [info, 'st', 'z'],
      [info, 'doc', '{'],
      [info, 'raw', '00112233445566778899'],
      [info, 'uid', 'x'],
      [info, 'g', '00'],
    ] as const),
    ...([
      [strict, 'n', null],
      [strict, 'v', null],
      [strict, 'stamp', null],
      [strict, 'n', '100'],
      [strict, 'small', '1234'],
    ] as const),
  ]
  for (const [table, name, text] of cases) {
    expect([name, text, await refused(table, name, text)]).toMatchObject([name, text, { class: 'row' }])
  }
  expect(await test.app('select * from strict')).toEqual(before)
  expect(await read(session, info, 'day')).toBeNull()
})

testMysql('sees every change to a value that is equal by comparison', async (test) => {
  const { session, info } = await openEverything(test)
  const changes: readonly (readonly [string, string, string])[] = [
    ['v', "'Bob'", "'bob'"],
    ['v', "'Bob'", "'Bob '"],
    ['v', "'e'", "'é'"],
    ['bin', "'Bob'", "'Bob '"],
    ['latin', "'Bob'", "'bob '"],
    ['txt', "''", "' '"],
    ['f', '0.1', '0.10000001'],
    ['f', '16777216', '16777218'],
    ['d', '0.3', '0.1e0 + 0.2e0'],
    ['price', '1.00', '1.01'],
    ['u', '18446744073709551614', '18446744073709551615'],
    ['b64', "b'0'", "b'1'"],
    ['at', "'2024-01-01 00:00:00.001'", "'2024-01-01 00:00:00.002'"],
    ['clock', "'24:00:00'", "'24:00:00.001'"],
    ['doc', `'{"a":1}'`, `'{"a": 1}'`],
    ['e', "'a'", "'b'"],
    ['raw', "x'00'", "x'0000'"],
    ['txt', "''", 'null'],
    ['txt', 'null', "'null'"],
    ['day', "'2024-01-01'", "'0000-00-00'"],
  ]
  for (const [name, before, after] of changes) {
    await test.app(`update everything set ${name} = ${before}`)
    const plan = planOf(info, [name, 'n'])
    const [seen] = await rowsOf(session, mysql.readPage(plan, { after: undefined, upTo: ['1'], limit: 10 }, 'plain'))
    await test.app(`update everything set ${name} = ${after}`)
    const rows = [[...['1', ...seen!.slice(1, -1)], '5'] as UpdateRow]
    const outcome = await session.run(mysql.updateRows(plan, [column(info, 'n')], rows))
    expect([name, after, outcome.unwritten]).toEqual([name, after, 'unknown'])
    expect([name, after, await session.run(mysql.lockGuarded(plan, rows))]).toEqual([name, after, []])
    await test.app(`update everything set ${name} = ${before}`)
    expect([name, before, await session.run(mysql.lockGuarded(plan, rows))]).toEqual([name, before, [0]])
    expect([name, before, await session.run(mysql.updateRows(plan, [column(info, 'n')], rows))]).toEqual([
      name,
      before,
      done,
    ])
    await test.app('update everything set n = null')
  }
})

testMysql('leaves zero dates alone, and lets them be read', async (test) => {
  await test.app("set @@session.sql_mode = ''")
  await test.app(
    'create table old (id int primary key, day date not null, at datetime not null, slug varchar(9)) engine = InnoDB',
  )
  const plain = await test.open(null)
  await rowsOf(plain, "set session sql_mode = 'ALLOW_INVALID_DATES'")
  await rowsOf(
    plain,
    "insert into old values (1, '0000-00-00', '0000-00-00 00:00:00', null), (2, '2024-02-31', '2024-00-00', null)",
  )
  const session = await test.open()
  const info = await tableInfo(session, 'old')
  const plan = planOf(info, ['day', 'at', 'slug'], sql`${sql.id('slug')} is null`)
  const page = await rowsOf(session, mysql.readPage(plan, { after: undefined, upTo: ['2'], limit: 10 }, 'plain'))
  expect(page).toEqual([
    ['1', '0000-00-00', '0000-00-00 00:00:00', null, '1'],
    ['2', '2024-02-31', '2024-00-00 00:00:00', null, '1'],
  ])
  expect(mysql.codec(column(info, 'day'), 'date')?.decode('0000-00-00')).toBe('0000-00-00')
  const timestamp = mysql.codec(column(info, 'at'), 'timestamp')
  for (const text of ['0000-00-00 00:00:00', '2024-00-00 00:00:00', '2024-02-31 00:00:00']) {
    expect(() => timestamp?.decode(text)).toThrow('declare the column as "text"')
  }
  const rows = page.map((row) => [...row.slice(0, -1), 's'] as UpdateRow)
  expect(await session.run(mysql.updateRows(plan, [column(info, 'slug')], rows))).toEqual(done)
  expect(await rowsOf(session, 'select * from old')).toEqual([
    ['1', '0000-00-00', '0000-00-00 00:00:00', 's'],
    ['2', '2024-02-31', '2024-00-00 00:00:00', 's'],
  ])
  const zero = sql`${sql.id('day')} = ${mysql.conditionValue(column(info, 'day'), '0000-00-00')}`
  expect(await rowsOf(session, mysql.readKeys(planOf(info, [], zero), [['1'], ['2']], 'plain'))).toEqual([
    ['1', '1'],
    ['2', '0'],
  ])
})

testMysql('compares conditions as numbers, dates and bytes are, by the collation of texts', async (test) => {
  const { session, info } = await openEverything(test)
  await test.app(`update everything set n = 2, u = 3, price = 12.34, d = 0.1, f = 0.1, v = 'Bob', latin = 'é', day = '2024-01-02',
    raw = x'00ff', b9 = 5, doc = '1', flag = 1, e = 'a' where id = 1`)
  const matches = async (condition: Sql) =>
    (await rowsOf(session, mysql.readKeys(planOf(info, [], condition), [['1']], 'plain')))[0]?.at(-1) === '1'
  const compare = (name: string, operator: string, text: string) =>
    matches(sql`${sql.id(name)} ${sql.raw(operator)} ${mysql.conditionValue(column(info, name), text)}`)
  expect(await compare('n', '>=', '1.5')).toBe(true)
  expect(await compare('n', '>=', '2.5')).toBe(false)
  expect(await compare('n', '<', '1e1')).toBe(true)
  expect(await compare('u', '>', '-1')).toBe(true)
  expect(await compare('u', '<', '18446744073709551615')).toBe(true)
  expect(await compare('price', '=', '12.340')).toBe(true)
  expect(await compare('price', '=', '12.344')).toBe(false)
  expect(await compare('d', '=', '0.1')).toBe(true)
  expect(await compare('f', '=', '0.1')).toBe(true)
  expect(await compare('v', '=', 'bob')).toBe(true)
  expect(await compare('latin', '=', 'É')).toBe(true)
  expect(await compare('e', '=', 'a')).toBe(true)
  expect(await compare('day', '<', '2024-01-10')).toBe(true)
  expect(await compare('raw', '=', '00ff')).toBe(true)
  expect(await compare('b9', '=', '5')).toBe(true)
  expect(await compare('flag', '=', '1')).toBe(true)
  const differs = (name: string, text: string) => matches(mysql.isDistinct(column(info, name), text))
  expect(await differs('n', '2')).toBe(false)
  expect(await differs('n', '3')).toBe(true)
  expect(await differs('s', '3')).toBe(true)
})

testMysql('accepts the words that fit a type, and no others', async (test) => {
  const { info } = await openEverything(test)
  const fits = (name: string, kind: ColumnKind) => mysql.codec(column(info, name), kind) !== undefined
  expect(fits('flag', 'boolean') && fits('b1', 'boolean') && fits('n', 'boolean') && fits('doc', 'json')).toBe(true)
  expect(fits('v', 'boolean') || fits('raw', 'text') || fits('day', 'timestamp') || fits('txt', 'bytes')).toBe(false)
  for (const { name, kind } of info.columns.values()) expect([name, fits(name, kind)]).toEqual([name, true])
  const refuses = (name: string, kind: ColumnKind, value: unknown) =>
    expect(() => mysql.codec(column(info, name), kind)?.encode(value)).toThrow(TypeError)
  refuses('d', 'double', Number.NaN)
  refuses('d', 'double', Number.POSITIVE_INFINITY)
  refuses('txt', 'text', '\ud800')
  refuses('at', 'timestamp', new Date('+010000-01-01T00:00:00Z'))
  refuses('at', 'timestamp', new Date(Number.NaN))
  refuses('b9', 'integer', -1)
})

async function cities(test: MysqlTest, rows: number): Promise<void> {
  await test.app(`create table city (id int primary key, name varchar(50) character set latin1, slug varchar(50), n int not null default 0,
    unique key by_slug (slug)) engine = InnoDB`)
  await test.app(`insert into city (id, name) select seq * 10, concat('City ', seq) from seq_1_to_${rows}`)
  await test.app('analyze table city')
}

const noSlug = sql`${sql.id('slug')} is null`

testMysql('finds rows and taken values by their index, whatever the size of the batch', async (test) => {
  await cities(test, 3_000)
  await test.app(`create table lat (code varchar(20) character set latin1 primary key, v int) engine = InnoDB`)
  await test.app("insert into lat select concat('c', seq), 0 from seq_1_to_3000")
  const session = await test.open()
  const byKey = [{ table: 'rs_v' }, { type: 'eq_ref', key: 'PRIMARY' }]
  for (const count of [1, 2_000]) {
    const info = await tableInfo(session, 'city')
    const plan = planOf(info, ['name', 'slug'], noSlug)
    const rows = Array.from({ length: count }, (_, i) => [String((i + 1) * 10), `City ${i + 1}`, null, `city-${i + 1}`])
    const update = recorded(mysql.updateRows(plan, [column(info, 'slug')], rows), 'update-rows')
    await rowsOf(session, 'start transaction')
    expect(await session.run(update.script)).toEqual(done)
    expect(await explain(session, update.statements[0]!)).toMatchObject(byKey)
    const lock = recorded(mysql.lockGuarded(plan, rows), 'lock-guarded')
    await session.run(lock.script)
    expect(await explain(session, lock.statements[0]!)).toMatchObject(byKey)
    await rowsOf(session, 'rollback')

    const taken = rows.map((row) => ({ key: [row[0]!], text: row[3]! }))
    const ask = recorded(mysql.takenValues(info, column(info, 'slug'), taken), 'taken-values')
    await session.run(ask.script)
    expect(await explain(session, ask.statements[0]!)).toMatchObject([
      { table: 'rs_v' },
      { type: 'eq_ref', key: 'by_slug' },
    ])

    const latin = await tableInfo(session, 'lat')
    const codes = Array.from({ length: count }, (_, i) => [`c${i + 1}`, '0', '1'])
    const latinUpdate = recorded(mysql.updateRows(planOf(latin, ['v']), [column(latin, 'v')], codes), 'update-rows')
    expect(await session.run(latinUpdate.script)).toEqual(done)
    expect(await explain(session, latinUpdate.statements[0]!)).toMatchObject(byKey)
    await test.app('update lat set v = 0')
  }
})

testMysql('lets others insert, read and write beside an open batch', async (test) => {
  await cities(test, 200)
  await test.app('create table lat (code varchar(20) character set latin1 primary key, v int) engine = InnoDB')
  await test.app("insert into lat select concat('c', lpad(seq * 10, 4, '0')), 0 from seq_1_to_200")
  const [batch, other] = [await test.open(), await test.open(impatient)]
  const info = await tableInfo(batch, 'city')
  const latin = await tableInfo(batch, 'lat')
  await batch.run(mysql.begin(batchLimits))
  // Row 45 does not exist: its gap must stay free as well.
  const rows = [
    ['40', 'City 4', 'city-4'],
    ['45', 'x', 'y'],
    ['50', 'City 5', 'city-5'],
  ]
  await batch.run(mysql.updateRows(planOf(info, ['name'], noSlug), [column(info, 'slug')], rows))
  await batch.run(
    mysql.updateRows(
      planOf(latin, ['v']),
      [column(latin, 'v')],
      [
        ['c0040', '0', '1'],
        ['c0045', '0', '1'],
        ['c0050', '0', '1'],
      ],
    ),
  )
  await rowsOf(other, "insert into city (id, name) values (41, 'new'), (45, 'new'), (5000, 'new')")
  await rowsOf(other, "insert into lat values ('c0041', 7), ('c0045', 7), ('c9999', 7)")
  await rowsOf(other, 'update city set n = 1 where id in (30, 60)')
  await rowsOf(other, "update lat set v = 2 where code in ('c0030', 'c0060')")
  expect(mysql.classifyError(await errorOf(rowsOf(other, 'update city set n = 1 where id = 40'))).class).toBe(
    'transient',
  )
  await batch.run(mysql.commit())
  expect(await test.app('select count(*) as n from city where slug is not null')).toEqual([{ n: '2' }])
})

testMysql('says when rows were not written, and which can be', async (test) => {
  await cities(test, 5)
  const session = await test.open()
  const info = await tableInfo(session, 'city')
  const plan = planOf(info, ['name', 'slug'], noSlug)
  const rows = [1, 2, 3, 4, 5].map((i) => [String(i * 10), `City ${i}`, null, `city-${i}`])
  await test.app("update city set name = 'CITY 2' where id = 20")
  await test.app('delete from city where id = 30')
  await test.app("update city set slug = 'own' where id = 40")
  await session.run(mysql.begin(batchLimits))
  expect(await session.run(mysql.updateRows(plan, [column(info, 'slug')], rows))).toEqual({
    unwritten: 'unknown',
    stillMatching: undefined,
  })
  await session.run(mysql.rollback())
  await session.run(mysql.begin(batchLimits))
  const guarded = await session.run(mysql.lockGuarded(plan, rows))
  expect([...guarded].sort()).toEqual([0, 4])
  const written = rows.filter((_, i) => guarded.includes(i))
  expect(await session.run(mysql.updateRows(plan, [column(info, 'slug')], written))).toEqual(done)
  await session.run(mysql.commit())
  expect(await rowsOf(session, 'select id, slug from city order by id')).toEqual([
    ...[
      ['10', 'city-1'],
      ['20', null],
      ['40', 'own'],
      ['50', 'city-5'],
    ],
  ])
})

testMysql('writes only the columns it is given', async (test) => {
  await cities(test, 1)
  await test.app("update city set n = 7, slug = 'mine'")
  const session = await test.open()
  const info = await tableInfo(session, 'city')
  const plan = planOf(info, ['name', 'slug', 'n'])
  await session.run(mysql.updateRows(plan, [column(info, 'name')], [['10', 'City 1', 'mine', '7', 'new']]))
  expect(await rowsOf(session, 'select * from city')).toEqual([['10', 'new', 'mine', '7']])
})

testMysql2('counts unchanged rows as written, also with -FOUND_ROWS', async (test) => {
  await cities(test, 3)
  await test.app("update city set slug = concat('city-', id)")
  const session = await test.open(batchLimits, { extra: { flags: ['-FOUND_ROWS'] } })
  const info = await tableInfo(session, 'city')
  const rows = [10, 20, 30].map((id) => [String(id), `City ${id / 10}`, `city-${id}`])
  expect(await session.run(mysql.updateRows(planOf(info, ['name']), [column(info, 'slug')], rows))).toEqual(done)
})

testMysql('notices a written row that still matches as stored, among strangers that match', async (test) => {
  await cities(test, 50)
  await test.app(`create trigger keep before update on city for each row
    if new.id = 70 then set new.slug = null; end if`)
  const session = await test.open()
  const info = await tableInfo(session, 'city')
  const plan = planOf(info, ['name'], noSlug)
  const row = (i: number) => [String(i * 10), `City ${i}`, `city-${i}`]
  const write = (...numbers: number[]) => session.run(mysql.updateRows(plan, [column(info, 'slug')], numbers.map(row)))
  // Between 10 and 500 other rows match still; they are none of this batch.
  expect(await write(1, 2, 50)).toEqual(done)
  expect(await write(3, 4, 5)).toEqual(done)
  expect(await write(6, 7, 8)).toEqual({ unwritten: [], stillMatching: ['70'] })
  expect(await write(9, 7, 49)).toEqual({ unwritten: [], stillMatching: ['70'] })
  expect(
    await session.run(mysql.updateRows({ ...plan, endsWithWrite: false }, [column(info, 'slug')], [row(7)])),
  ).toEqual(done)
})

testMysql('writes by a cut, locked snapshot of others inside a transaction of somebody else', async (test) => {
  await cities(test, 3)
  const session = await test.open(null)
  await rowsOf(session, 'start transaction')
  await rowsOf(session, 'select * from city')
  await test.app("update city set name = 'renamed' where id = 20")
  await session.run(mysql.pinEnclosing())
  const info = await tableInfo(session, 'city')
  const plan = planOf(info, ['name'], noSlug)
  const range = { after: undefined, upTo: ['30'], limit: 10 }
  const old = await rowsOf(session, mysql.readPage(plan, range, 'plain'))
  const rowsFrom = (page: typeof old) => page.map((row) => [row[0], row[1], `s-${row[0]}`] as UpdateRow)
  const outcome = await session.run(mysql.updateRows(plan, [column(info, 'slug')], rowsFrom(old).slice(1, 2)))
  expect(outcome.unwritten).toBe('unknown')
  const fresh = await rowsOf(session, mysql.readPage(plan, range, 'current'))
  expect(await session.run(mysql.updateRows(plan, [column(info, 'slug')], rowsFrom(fresh)))).toEqual(done)
  await rowsOf(session, 'commit')
  expect(await test.app('select name, slug from city where id = 20')).toEqual([{ name: 'renamed', slug: 's-20' }])
})

testMysql('writes a key range by expressions', async (test) => {
  await cities(test, 10)
  const session = await test.open()
  const info = await tableInfo(session, 'city')
  const plan = planOf(info, [], noSlug)
  const set = [[column(info, 'slug'), sql`lower(${sql.id('name')})`]] as const
  const update = recorded(mysql.updateRange(plan, set, { after: ['20'], upTo: ['50'] }), 'update-range')
  await session.run(mysql.begin(batchLimits))
  expect(await session.run(update.script)).toEqual({ written: 3, stillMatching: undefined })
  await session.run(mysql.commit())
  expect(await explain(session, update.statements[0]!)).toMatchObject([{ type: 'range', key: 'PRIMARY' }])
  expect(await rowsOf(session, 'select id, slug from city where slug is not null')).toEqual([
    ...[
      ['30', 'city 3'],
      ['40', 'city 4'],
      ['50', 'city 5'],
    ],
  ])
})

testMysql('computes all values of a key range from the row as it was', async (test) => {
  await test.app(
    'create table t (id int primary key, a int, b int, c varchar(9), stamp timestamp not null) engine = InnoDB',
  )
  await test.app(
    "insert into t values (1, 1, 2, 'x', '2024-01-01'), (2, 3, 4, null, '2024-01-01'), (3, 5, 6, 'z', '2024-01-01')",
  )
  const session = await test.open()
  const info = await tableInfo(session, 't')
  const [a, b, c] = ['a', 'b', 'c'].map((name) => column(info, name))
  const set = [
    [a!, sql`b`],
    [b!, sql`a + 1`],
    [c!, sql`${'new'}`],
  ] as const
  const outcome = await session.run(mysql.updateRange(planOf(info, []), set, { after: undefined, upTo: ['2'] }))
  expect(outcome).toEqual({ written: 2, stillMatching: undefined })
  expect(await rowsOf(session, 'select id, a, b, c from t')).toEqual([
    ...[
      ['1', '2', '2', 'new'],
      ['2', '4', '4', 'new'],
      ['3', '5', '6', 'z'],
    ],
  ])
  const noTime = mysql.updateRange(planOf(info, []), [[column(info, 'stamp'), sql`null`]], {
    after: undefined,
    upTo: ['2'],
  })
  expect(mysql.classifyError(await errorOf(session.run(noTime))).class).toBe('row')
})

testMysql('tells a row of a key range that still matches from one that came meanwhile', async (test) => {
  await test.app('create table t (id int primary key, n int) engine = InnoDB')
  await test.app('insert into t select seq * 10, 2 from seq_1_to_10')
  const session = await test.open()
  const info = await tableInfo(session, 't')
  const plan = planOf(info, [], sql`n > 0`)
  const range = { after: ['20'], upTo: ['80'] }
  /** Sets `n`, while another connection adds a row after each statement that writes. */
  const run = async (value: Sql, newcomers: number[]) => {
    await session.run(mysql.begin(batchLimits))
    try {
      return await driveScript(mysql.updateRange(plan, [[column(info, 'n'), value]], range), async (statement) => {
        const result = await session.run(one(statement))
        const id = statement.label === 'update-range' ? newcomers.shift() : undefined
        if (id !== undefined) await test.app(`insert into t values (${id}, 2)`)
        return result
      })
    } finally {
      await session.run(mysql.rollback())
      await test.app('delete from t where id % 10 <> 0')
    }
  }
  expect(await run(sql`n - 1`, [])).toEqual({ written: 6, stillMatching: ['30'] })
  expect(await run(sql`0`, [])).toEqual({ written: 6, stillMatching: undefined })
  expect(await run(sql`0`, [35])).toEqual({ written: 7, stillMatching: undefined })
  expect(await run(sql`0`, [35, 36])).toEqual({ written: 7, stillMatching: undefined })
  expect(await run(sql`n - 1`, [35])).toEqual({ written: 7, stillMatching: ['30'] })
})

testMysql('knows which values other rows hold, under the collation of the column', async (test) => {
  await cities(test, 4)
  await test.app("update city set slug = 'Sao-Tome' where id = 10")
  await test.app("update city set slug = 'b' where id = 20")
  const session = await test.open()
  const info = await tableInfo(session, 'city')
  const ask = (...values: [string, string][]) =>
    session.run(
      mysql.takenValues(
        info,
        column(info, 'slug'),
        values.map(([key, text]) => ({ key: [key], text })),
      ),
    )
  const answer = await ask(
    ['30', 'são-tomé'],
    ['30', 'free'],
    ['10', 'sao-tome'],
    ['30', 'b '],
    ['20', 'b'],
    ['30', 'x'.repeat(300)],
  )
  expect([...answer].sort()).toEqual([0, 3])
  expect(await ask(['30', 'free'])).toEqual([])
})

testMysql('lets two workers claim different shards, and a conflicting name only once', async (test) => {
  const names = { schema: undefined, prefix: 'rs_' }
  const { state } = mysql
  const [a, b] = [await test.open(), await test.open()]
  expect(await a.run(state.version(names))).toBeUndefined()
  expect(await Promise.all([a.run(state.create(names)), b.run(state.create(names))])).toEqual(['created', 'created'])
  expect(await b.run(state.create(names))).toBe('created')
  expect(await a.run(state.version(names))).toBe(1)

  const run = (name: string) => ({
    ...{
      name,
      status: 'running',
      table: 'city',
      definitionHash: 'd',
      tableHash: 't',
      estimatedRows: 7,
    },
  })
  const first = await a.run(state.insertRun(names, run('city.slug')))
  expect(first).toMatchObject({
    name: 'city.slug',
    status: 'running',
    estimatedRows: 7,
    reason: undefined,
    startedAt: undefined,
  })
  expect(first.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  expect(Math.abs(Date.parse(first.createdAt) - Date.now())).toBeLessThan(60_000)
  expect((await b.run(state.insertRun(names, run('city.slug')))).id).toBe(first.id)
  expect((await b.run(state.insertRun(names, run('CITY.slug')))).id).not.toBe(first.id)
  expect(await a.run(state.latestRuns(names))).toHaveLength(2)

  for (const shard of [1, 2]) {
    const upperKey = JSON.stringify([`漢😀'\\${shard}`])
    await a.run(
      one(
        state.insertShard(names, {
          runId: first.id,
          shard,
          status: 'open',
          lowerKey: undefined,
          upperKey,
          leaseMs: 400,
        }),
      ),
    )
  }
  await a.run(mysql.begin(batchLimits))
  await b.run(mysql.begin(batchLimits))
  const mine = (await a.run(state.freeShard(names, first.id)))!
  const theirs = (await b.run(state.freeShard(names, first.id)))!
  expect([mine.shard, theirs.shard]).toEqual([1, 2])
  expect(mine.upperKey).toBe(JSON.stringify(["漢😀'\\1"]))
  await a.run(one(state.claimShard(names, mine, 'claim-a', 'worker', 60_000)))
  await a.run(mysql.commit())
  await b.run(mysql.rollback())

  const held = (await a.run(state.lockShard(names, first.id, 1)))!
  expect(held).toMatchObject({ claim: 'claim-a', isLeased: true, seq: 1, epoch: 1, leaseMs: 60_000 })
  const hold = { runId: first.id, shard: 1, claim: 'claim-a', seq: 1 }
  const fence = state.fence(names, hold, {
    batch: 'b',
    cursorKey: '["7"]',
    upperKey: undefined,
    add: { scanned: 3, written: 2 },
  })
  expect((await a.run(one(fence))).affected).toBe(1)
  expect((await b.run(one(fence))).affected).toBe(0)
  expect((await a.run(one(state.heartbeat(names, hold)))).affected).toBe(1)
  expect((await a.run(state.shards(names, first.id)))[0]).toMatchObject({
    ...{ cursorKey: '["7"]', batch: 'b', seq: 2 },
    counters: { scanned: 3, written: 2, skipped: 0 },
  })

  const short = (await a.run(state.lockShard(names, first.id, 2)))!
  await a.run(one(state.claimShard(names, short, 'claim-b', 'worker', 60_000)))
  expect(await a.run(state.freeShard(names, first.id))).toBeUndefined()
  await test.app('update rs_checkpoint set lease_ms = 300 where shard = 2')
  await a.run(one(state.heartbeat(names, { runId: first.id, shard: 2, claim: 'claim-b', seq: 1 })))
  await sleep(500)
  expect((await a.run(state.freeShard(names, first.id)))?.shard).toBe(2)
  const leases = (await a.run(state.shards(names, first.id))).map(({ isLeased }) => isLeased)
  expect(leases).toEqual([true, false])

  const failures = ['a', 'a ', 'A'].map((key) => ({
    ...{
      key: JSON.stringify([key]),
      shard: 1,
      state: 'failed' as const,
      code: 'ROW_REFUSED',
      step: 'write' as const,
      message: 'm',
      attempts: 1,
    },
  }))
  await a.run(state.putFailures(names, first.id, failures))
  await a.run(state.putFailures(names, first.id, failures.slice(0, 1)))
  expect(await a.run(state.countFailures(names, first.id))).toEqual({ conflict: 0, failed: 3 })
  expect(
    await a.run(
      state.moveRun(names, first.id, { from: 'running', to: 'completed', isActive: false, isFinished: true }),
    ),
  ).toBe(true)
  expect(
    await a.run(
      state.moveRun(names, first.id, { from: 'running', to: 'completed', isActive: false, isFinished: true }),
    ),
  ).toBe(false)
  expect((await a.run(state.latestRun(names, 'city.slug')))?.finishedAt).toMatch(/Z$/)
})

testMysql('tells the keys of created rows without RETURNING, in their order, or says that it cannot', async (test) => {
  await test.app('create table made (id int auto_increment primary key, name varchar(20) not null) engine = InnoDB')
  await test.app("create table coded (code varchar(36) default 'x' primary key, name varchar(20)) engine = InnoDB")
  const session = await test.open()
  await rowsOf(session, 'set session auto_increment_increment = 5, auto_increment_offset = 2')
  const asMysql = async (table: string) => ({ ...(await tableInfo(session, table)), returnsInserted: false })
  const insert = async (table: string, columns: readonly string[], rows: readonly (readonly string[])[]) => {
    const info = await asMysql(table)
    const options = { unlessTaken: undefined, returnsKeys: true }
    const { keys } = await session.run(
      mysql.insertRows(
        info,
        columns.map((name) => column(info, name)),
        rows,
        options,
      ),
    )
    return keys.map(([key]) => key)
  }
  const keys = await insert('made', ['name'], [['a'], ['b'], ['c']])
  expect(await rowsOf(session, 'select cast(id as char), name from made order by name')).toEqual([
    [keys[0], 'a'],
    [keys[1], 'b'],
    [keys[2], 'c'],
  ])
  expect(Number(keys[1]) - Number(keys[0])).toBe(5)
  expect(
    await insert(
      'made',
      ['id', 'name'],
      [
        ['900', 'd'],
        ['0', 'e'],
        ['800', 'f'],
      ],
    ),
  ).toEqual(['900', '0', '800'])
  await expect(insert('coded', ['name'], [['a']])).rejects.toMatchObject({ code: 'INVALID_DEFINITION' })
})
