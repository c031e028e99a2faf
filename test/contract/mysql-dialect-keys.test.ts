import { expect, onTestFinished } from 'vitest'
import type { Session } from '../../src/adapters/database.js'
import type { Key } from '../../src/dialects/dialect.js'
import { mysql } from '../../src/dialects/mysql/index.js'
import { sql } from '../../src/dialects/sql.js'
import type { TableInfo } from '../../src/dialects/table.js'
import { codeOf, errorOf, explain, type MysqlTest, planOf, rowsOf, tableInfo, testMysql } from './mysql-sessions.js'

/** Key types: the column, and values in the order of their index. */
const kinds: readonly { readonly type: string; readonly values: readonly string[] }[] = [
  { type: 'tinyint(1)', values: ['-128', '0', '1', '127'] },
  { type: 'bigint', values: ['-9223372036854775808', '-9007199254740993', '9007199254740993', '9223372036854775807'] },
  { type: 'bigint unsigned', values: ['0', '9007199254740993', '18446744073709551614', '18446744073709551615'] },
  { type: 'int(6) unsigned zerofill', values: ['000000', '000007', '123456', '4294967295'] },
  {
    type: 'decimal(40, 10)',
    values: ['-3.0000000001', '0.0000000000', '0.0000000001', '123456789012345678901234567890.1234567890'],
  },
  { type: 'varchar(20) character set latin1', values: ['A', 'b', "o'\\%", 'Ärger', '€ 5'] },
  { type: 'varchar(20) character set utf8mb4 collate utf8mb4_bin', values: ['A', 'B', 'a', 'ž', '漢', '😀'] },
  { type: 'varchar(20) character set utf8mb4 collate utf8mb4_unicode_ci', values: ['a', 'B', 'ç', 'D', 'ž'] },
  { type: 'char(5) character set ascii', values: ['a', 'B', 'c 1'] },
  { type: 'varchar(20) character set utf8mb4 collate utf8mb4_nopad_bin', values: ['', 'a', 'a\t', 'a ', 'a  ', 'ab'] },
  { type: 'binary(4)', values: ['00000000', '00FF0000', '5C270A00', 'FFFFFFFF'] },
  { type: 'varbinary(20)', values: ['00', '0000', '41', '61', 'FF'] },
  { type: 'date', values: ['0000-00-00', '1000-01-01', '2024-00-00', '2024-02-29', '9999-12-31'] },
  { type: 'datetime', values: ['0000-00-00 00:00:00', '2024-03-31 02:30:00', '9999-12-31 23:59:59'] },
  {
    type: 'datetime(6)',
    values: ['2024-01-01 00:00:00.000001', '2024-01-01 00:00:00.000002', '2024-01-01 00:00:00.999999'],
  },
  // One hour happens twice in most of Europe: these are 2024-10-27 02:30 before and after.
  { type: 'timestamp(3)', values: ['2024-10-27 00:30:00.000', '2024-10-27 01:30:00.000', '2024-10-27 01:30:00.001'] },
  { type: 'time(3)', values: ['-12:30:00.500', '00:00:00.000', '00:00:00.001', '838:59:59.000'] },
  { type: 'year', values: ['0000', '1970', '2000', '2024'] },
  {
    type: 'uuid',
    values: [
      '00000000-0000-0000-0000-000000000001',
      '123e4567-e89b-12d3-a456-426655440000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
    ],
  },
  { type: 'inet6', values: ['::', '::1', '2001:db8::ff00:42:8329'] },
]

const isBinary = (type: string) => type.includes('binary')

async function fill(test: MysqlTest, session: Session, type: string, values: readonly string[]): Promise<TableInfo> {
  await test.app('drop table if exists k')
  await test.app(`create table k (k ${type} not null primary key, note text) engine = InnoDB`)
  for (const value of [...values].reverse()) {
    const parameter = isBinary(type) ? 'unhex(?)' : '?'
    await session.run(
      (function* () {
        yield { label: 'test', text: `insert into k values (${parameter}, 'x')`, parameters: [value] }
      })(),
    )
  }
  return tableInfo(session, 'k')
}

for (const { type, values } of kinds) {
  testMysql(`pages over a key of type ${type}, exactly`, async (test) => {
    const session = await test.open()
    const info = await fill(test, session, type, values)
    const plan = planOf(info, ['note'])
    const keys = values.map((value): Key => [value])
    expect(await rowsOf(session, mysql.lastKey(info))).toEqual([keys.at(-1)])

    const seen: string[] = []
    let after: Key | undefined
    for (;;) {
      const range = { after, upTo: keys.at(-1)!, limit: 1 }
      const page = await rowsOf(session, mysql.readPage(plan, range, 'plain'))
      const [end] = await rowsOf(session, mysql.pageEnd(info, range))
      expect(end?.map(String)).toEqual(page[0] && [page[0][0], '1'])
      if (!page[0]) break
      seen.push(String(page[0][0]))
      after = [String(page[0][0])]
    }
    expect(seen).toEqual(values)

    const inside = { after: keys[0], upTo: keys.at(-2)!, limit: 100 }
    expect(await rowsOf(session, mysql.readPage(plan, inside, 'plain'))).toEqual(
      values.slice(1, -1).map((value) => [value, 'x', '1']),
    )
    expect(await rowsOf(session, mysql.readKeys(plan, [...keys].reverse(), 'plain'))).toEqual(
      values.map((value) => [value, 'x', '1']),
    )
    const rows = keys.map((key) => [...key, 'x', 'y'])
    const outcome = await session.run(mysql.updateRows(plan, plan.read, rows))
    expect(outcome).toEqual({ unwritten: [], stillMatching: undefined })
  })
}

testMysql('reads a page as a range of the key and finds rows by the key, for every type', async (test) => {
  const session = await test.open()
  for (const { type, values } of kinds) {
    const info = await fill(test, session, type, values)
    const plan = planOf(info, ['note'], sql`note is not null`)
    const keys = values.map((value): Key => [value])
    const range = { after: keys[0], upTo: keys.at(-1)!, limit: 2 }
    const byRange = { type: 'range', key: 'PRIMARY', table: 'k' }
    expect([type, await explain(session, mysql.readPage(plan, range, 'plain'))]).toMatchObject([type, [byRange]])
    const [, end] = await explain(session, mysql.pageEnd(info, range))
    expect([type, end]).toMatchObject([type, byRange])
    expect([type, await explain(session, mysql.readKeys(plan, keys, 'plain'))]).toMatchObject([
      type,
      [{ table: 'rs_v' }, { table: 'k', type: 'eq_ref', key: 'PRIMARY' }],
    ])
  }
})

testMysql('reads a composite key without a gap, a repetition or a scan', async (test) => {
  await test.app(`create table comp (a int, b varchar(20) character set latin1, c datetime(6), v int, primary key (a, b, c))
    engine = InnoDB`)
  await test.app(`insert into comp select seq div 400, concat('b', seq div 20), '2024-01-01' + interval seq microsecond, 0
    from seq_1_to_4000`)
  const session = await test.open()
  const info = await tableInfo(session, 'comp')
  const plan = planOf(info, ['v'])
  const all = await rowsOf(session, 'select cast(a as char), b, cast(c as char) from comp order by a, b, c')
  const [last] = await rowsOf(session, mysql.lastKey(info))
  const upTo = last!.map(String)

  const seen: Key[] = []
  let after: Key | undefined
  for (;;) {
    const range = { after, upTo, limit: 700 }
    const page = await rowsOf(session, mysql.readPage(plan, range, 'plain'))
    const [end] = await rowsOf(session, mysql.pageEnd(info, range))
    if (page.length === 0) break
    seen.push(...page.map((row) => row.slice(0, 3).map(String)))
    after = seen.at(-1)!
    expect(end?.map(String)).toEqual([...after, String(page.length)])
  }
  expect(seen).toEqual(all)

  await rowsOf(session, 'flush status')
  const range = { after: seen[1000]!, upTo: seen[3000]!, limit: 50 }
  expect(await rowsOf(session, mysql.readPage(plan, range, 'plain'))).toHaveLength(50)
  const status = await rowsOf(session, "show session status like 'Handler_read%'")
  const touched = status.reduce((sum, [, count]) => sum + Number(count), 0)
  expect(touched).toBeLessThan(60)
})

testMysql('keeps to the key where the statistics favour another index', async (test) => {
  await test.app('create table t (id int primary key, slug varchar(20), key (slug)) engine = InnoDB')
  await test.app("insert into t select seq, if(seq > 4990, null, concat('s', seq)) from seq_1_to_5000")
  await test.app('analyze table t')
  const session = await test.open()
  const info = await tableInfo(session, 't')
  const plan = planOf(info, ['slug'], sql`slug is null`)
  const [access] = await explain(session, mysql.readPage(plan, { after: ['10'], upTo: ['5000'], limit: 100 }, 'plain'))
  expect(access).toMatchObject({ type: 'range', key: 'PRIMARY' })
  expect(access?.extra).not.toContain('filesort')
})

testMysql('reads descending keys', async (test) => {
  await test.app('create table t (id int, v int, primary key (id desc)) engine = InnoDB')
  await test.app('insert into t select seq, seq from seq_1_to_50')
  const session = await test.open()
  const info = await tableInfo(session, 't')
  const page = mysql.readPage(planOf(info, ['v']), { after: ['10'], upTo: ['40'], limit: 3 }, 'plain')
  expect((await rowsOf(session, page)).map((row) => row[0])).toEqual(['11', '12', '13'])
  expect((await explain(session, page))[0]?.extra).not.toContain('filesort')
})

testMysql('shows tokens of matching rows only, and counts the keys looked at', async (test) => {
  await test.app('create table city (id int primary key, name varchar(20), slug varchar(20)) engine = InnoDB')
  await test.app("insert into city values (1, 'a', null), (2, 'b', 'b'), (3, null, null)")
  const session = await test.open()
  const info = await tableInfo(session, 'city')
  const plan = planOf(info, ['name', 'slug'], sql`${sql.id('city', 'slug')} is null`)
  const range = { after: undefined, upTo: ['3'], limit: 10 }
  const rows = [
    ['1', 'a', null, '1'],
    ['2', null, null, '0'],
    ['3', null, null, '1'],
  ]
  expect(await rowsOf(session, mysql.readPage(plan, range, 'plain'))).toEqual(rows)
  expect(await rowsOf(session, mysql.readPage(plan, range, 'current'))).toEqual(rows)
  expect(await rowsOf(session, mysql.readKeys(plan, [['3'], ['7'], ['1']], 'plain'))).toEqual([rows[0], rows[2]])
})

testMysql('reads the newest rows and locks them inside an older snapshot', async (test) => {
  await test.app('create table t (id int primary key, v int) engine = InnoDB')
  await test.app('insert into t values (1, 1), (2, 2), (3, 3)')
  const enclosing = await test.open(null)
  await rowsOf(enclosing, 'start transaction')
  await rowsOf(enclosing, 'select * from t')
  await test.app('update t set v = 100 where id = 1')
  await enclosing.run(mysql.pinEnclosing())
  const info = await tableInfo(enclosing, 't')
  const plan = planOf(info, ['v'])
  const range = { after: undefined, upTo: ['2'], limit: 10 }
  expect((await rowsOf(enclosing, mysql.readPage(plan, range, 'plain')))[0]).toEqual(['1', '1', '1'])
  expect((await rowsOf(enclosing, mysql.readPage(plan, range, 'current')))[0]).toEqual(['1', '100', '1'])
  expect(await rowsOf(enclosing, mysql.readKeys(plan, [['1']], 'plain'))).toEqual([['1', '1', '1']])
  expect(await rowsOf(enclosing, mysql.readKeys(plan, [['1']], 'current'))).toEqual([['1', '100', '1']])
  const writer = await test.open({ lockTimeoutMs: 1_000, statementTimeoutMs: 60_000, idleTimeoutMs: 10_000 })
  const error = await errorOf(rowsOf(writer, 'update t set v = 0 where id = 2'))
  expect(mysql.classifyError(error).class).toBe('transient')
})

testMysql('finds kinds, lengths, character sets, generated columns and the key', async (test) => {
  await test.app(`create table t (id bigint unsigned auto_increment, tenant int not null, code varchar(20) character set latin1 not null,
    flag tinyint(1) not null, bits bit(1), mask bit(9), price decimal(10, 2), f float, d double, day date, at datetime(3),
    ts timestamp null default current_timestamp on update current_timestamp, t time, y year, j json, e enum('a', 'b'),
    b varbinary(3), g point, u uuid, ip inet6, twice int as (flag * 2) stored, more int default (1 + 1),
    primary key (id), unique key by_code (tenant, code), unique key by_prefix (code(3)), unique key by_price (price), key (day))
    engine = InnoDB`)
  const session = await test.open()
  const info = await tableInfo(session, 't')
  expect(info.key.map(({ name, castType }) => [name, castType])).toEqual([['id', 'unsigned']])
  expect(info.key[0]).toBe(info.columns.get('id'))
  expect(info.keyIndex).toBe('PRIMARY')
  expect(info.uniqueIndexes.map(({ columns }) => columns)).toEqual([['price'], ['id'], ['tenant', 'code']])
  expect([...info.columns.values()].map(({ name, kind }) => [name, kind])).toEqual([
    ...[
      ['id', 'bigint'],
      ['tenant', 'integer'],
      ['code', 'text'],
      ['flag', 'integer'],
      ['bits', 'boolean'],
      ['mask', 'bigint'],
    ],
    ...[
      ['price', 'decimal'],
      ['f', 'double'],
      ['d', 'double'],
      ['day', 'date'],
      ['at', 'timestamp'],
      ['ts', 'timestamp'],
    ],
    ...[
      ['t', 'time'],
      ['y', 'integer'],
      ['j', 'text'],
      ['e', 'text'],
      ['b', 'bytes'],
      ['g', 'other'],
      ['u', 'uuid'],
    ],
    ...[
      ['ip', 'other'],
      ['twice', 'integer'],
      ['more', 'integer'],
    ],
  ])
  expect(info.columns.get('code')).toMatchObject({
    type: 'varchar(20) character set latin1 collate latin1_swedish_ci',
    isNullable: false,
    charset: 'latin1',
    collation: 'latin1_swedish_ci',
  })
  expect([...info.columns.values()].filter((column) => column.isGenerated).map(({ name }) => name)).toEqual(['twice'])
  expect(info.columns.get('price')?.isNullable).toBe(true)
})

testMysql('takes a unique index where there is no primary key', async (test) => {
  await test.app(`create table t (a int not null, b int not null, e enum('x') not null, unique key by_enum (e), unique key both_of (a, b))
    engine = InnoDB`)
  const session = await test.open()
  const info = await tableInfo(session, 't')
  expect(info).toMatchObject({ keyIndex: 'both_of', key: [{ name: 'a' }, { name: 'b' }] })
  expect(await rowsOf(session, mysql.lastKey(info))).toEqual([])
  expect(await session.run(mysql.estimateRows(info.table))).toBe(0)
})

testMysql('reads and writes a table of another database', async (test) => {
  const session = await test.open()
  const [row] = await rowsOf(session, "select concat(database(), '_other')")
  const other = String(row?.[0])
  await test.app(`create database ${other}`)
  onTestFinished(async () => {
    const cleaner = await test.open(null)
    await rowsOf(cleaner, `drop database ${other}`)
  })
  await test.app(`create table ${other}.t (id int primary key, v varchar(9)) engine = InnoDB`)
  await test.app(`insert into ${other}.t values (1, 'a'), (2, 'b')`)
  const info = await session.run(mysql.introspect({ schema: other, name: 't' }))
  const plan = planOf(info, ['v'], sql`${sql.id('t', 'v')} = 'b'`)
  const page = mysql.readPage(plan, { after: ['1'], upTo: ['2'], limit: 10 }, 'plain')
  expect(await rowsOf(session, page)).toEqual([['2', 'b', '1']])
  expect((await session.run(mysql.updateRows(plan, plan.read, [['2', 'b', 'c']]))).unwritten).toEqual([])
  const range = { after: undefined, upTo: ['2'] }
  const outcome = await session.run(
    mysql.updateRange({ ...plan, where: undefined }, [[plan.read[0]!, sql`'d'`]], range),
  )
  expect(outcome.written).toBe(2)
})

testMysql('reads a partitioned table', async (test) => {
  await test.app(`create table t (id int, at date, v int, primary key (id, at)) engine = InnoDB
    partition by hash (id) partitions 4`)
  await test.app("insert into t select seq, '2024-01-01', seq from seq_1_to_100")
  const session = await test.open()
  const info = await tableInfo(session, 't')
  const page = mysql.readPage(
    planOf(info, ['v']),
    { after: ['10', '2024-01-01'], upTo: ['90', '2024-01-01'], limit: 5 },
    'plain',
  )
  expect((await rowsOf(session, page)).map((row) => row.at(-1))).toEqual(['1', '1', '1', '1', '1'])
  expect((await rowsOf(session, page)).map((row) => row[0])).toEqual(['11', '12', '13', '14', '15'])
  expect(await session.run(mysql.estimateRows(info.table))).toBeGreaterThan(0)
})

testMysql('refuses tables it could not page or protect', async (test) => {
  const refused = async (name: string, ddl: string) => {
    await test.app(ddl)
    return codeOf(test.open().then((session) => tableInfo(session, name)))
  }
  const keyed = (name: string, type: string) =>
    refused(name, `create table ${name} (k ${type} not null primary key) engine = InnoDB`)
  await test.app('create table base (id int primary key) engine = InnoDB')
  expect(await refused('v', 'create view v as select * from base')).toBe('NOT_A_TABLE')
  expect(await refused('s', 'create sequence s')).toBe('NOT_A_TABLE')
  expect(await refused('h', 'create table h (id int primary key) with system versioning engine = InnoDB')).toBe(
    'NOT_A_TABLE',
  )
  expect(await refused('m', 'create table m (id int primary key) engine = MyISAM')).toBe('ENGINE_WITHOUT_TRANSACTIONS')
  expect(await refused('a', 'create table a (id int primary key) engine = Aria')).toBe('ENGINE_WITHOUT_TRANSACTIONS')
  expect(await refused('mem', 'create table mem (id int primary key) engine = MEMORY')).toBe(
    'ENGINE_WITHOUT_TRANSACTIONS',
  )
  expect(await refused('none', 'create table none (id int, key (id)) engine = InnoDB')).toBe('KEY_NOT_UNIQUE')
  expect(await refused('nul', 'create table nul (id int unique) engine = InnoDB')).toBe('KEY_NULLABLE')
  expect(await refused('pre', 'create table pre (a varchar(90) not null, unique key (a(3))) engine = InnoDB')).toBe(
    'KEY_NOT_UNIQUE',
  )
  expect(await refused('hash', 'create table hash (a text not null unique) engine = InnoDB')).toBe('KEY_NOT_UNIQUE')
  expect(await refused('mixed', 'create table mixed (a int, b int, primary key (a, b desc)) engine = InnoDB')).toBe(
    'KEY_UNSUPPORTED',
  )
  expect(
    await refused(
      'ign',
      'create table ign (e bit(8) primary key, a int not null, unique key by_a (a) ignored) engine = InnoDB',
    ),
  ).toBe('KEY_UNSUPPORTED')
  expect(await keyed('k_enum', "enum('a')")).toBe('KEY_UNSUPPORTED')
  expect(await keyed('k_set', "set('a')")).toBe('KEY_UNSUPPORTED')
  expect(await keyed('k_bit', 'bit(8)')).toBe('KEY_UNSUPPORTED')
  expect(await keyed('k_float', 'float')).toBe('KEY_UNSUPPORTED')
  expect(await keyed('k_double', 'double')).toBe('KEY_UNSUPPORTED')
  const session = await test.open()
  expect(await codeOf(tableInfo(session, 'BASE'))).toBe('TABLE_NOT_FOUND')
  expect(await codeOf(tableInfo(session, 'nowhere'))).toBe('TABLE_NOT_FOUND')
})
