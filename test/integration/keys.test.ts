import { DataSource, EntitySchema } from 'typeorm'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import {
  contractTest,
  contractTestOn,
  type DatabaseName,
  describeContract,
  type TestDatabase,
  typeormTest,
} from '../support/databases.js'
import { createRows, type Keyed, plain, quote, requireEachRowOnce, type Table } from '../support/keyed-table.js'

/*
 * Pages follow the key. For every kind of key: each row is met exactly once when the run is interrupted after every batch, so
 * that each page starts from a stored cursor, and each row is found again by its key when it changed between read and write.
 */

interface KeyKind extends Keyed {
  readonly title: string
  readonly on: readonly DatabaseName[]
  /** What is run before the table is created. */
  readonly before?: string
}

const everywhere: readonly DatabaseName[] = ['sqlite', 'postgres', 'mariadb']

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i)
/** Numbers below `count` in an order that is neither that of the key nor its reverse. */
const shuffled = (count: number): readonly number[] => range(count).map((i) => (i * 7 + 3) % count)
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Keys that a careless quoting, trimming, folding or rounding would confuse. */
const texts = [
  'a',
  'B',
  'b2',
  'C',
  'ä',
  'é',
  'Z',
  'z9',
  '',
  '10',
  '9',
  "it's",
  'say "x"',
  '😀',
  '漢',
  '%_',
  '$1',
  '[]',
  'null',
]

const uuids = range(10).map((i) => `${(i * 7 + 3) % 10}${'0123456789'[i]}3e4567-e89b-12d3-a456-42665544000${i}`)

/** Of every version to 7 and every other variant, not only those that a standard has given a meaning: databases sort some by other bytes. */
const strangeUuids = range(64).map((i) => {
  const scattered = (n: number) => (Math.imul(i + n, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')
  const [variant, version] = [(2 * (i % 8)).toString(16), i >> 3]
  return `${scattered(1)}-${scattered(2).slice(4)}-${version}a1b-${variant}c2d-${scattered(3)}${scattered(4).slice(4)}`
})

const kinds: readonly KeyKind[] = [
  {
    title: 'int',
    on: everywhere,
    key: 'id int not null primary key',
    rows: shuffled(13).map((i) => String(i * 100 - 600)),
  },
  {
    title: 'bigint beyond 2^53',
    on: everywhere,
    key: 'id bigint not null primary key',
    // Neighbours that are the same number as a double.
    rows: [
      ...shuffled(11).map((i) => String(9007199254740992n + BigInt(i))),
      '9223372036854775807',
      '-9223372036854775808',
      '-9007199254740993',
      '10',
      '9',
    ],
  },
  {
    title: 'bigint unsigned beyond 2^63',
    on: ['mariadb'],
    key: 'id bigint unsigned not null primary key',
    rows: [...shuffled(11).map((i) => String(18446744073709551615n - BigInt(i))), '0', '9223372036854775808'],
  },
  { title: 'uuid', on: ['postgres', 'mariadb'], key: 'id uuid not null primary key', rows: uuids.map(quoted) },
  {
    title: 'uuid of any version and variant',
    on: ['postgres', 'mariadb'],
    key: 'id uuid not null primary key',
    rows: strangeUuids.map(quoted),
  },
  {
    title: 'uuid as char(36)',
    on: ['mariadb', 'postgres'],
    key: 'id char(36) not null primary key',
    rows: uuids.map(quoted),
  },
  {
    title: 'uuid as binary(16)',
    on: ['mariadb'],
    key: 'id binary(16) not null primary key',
    rows: uuids.map((uuid) => `unhex('${uuid.replaceAll('-', '')}')`),
  },
  { title: 'uuid as text', on: ['sqlite'], key: 'id varchar(36) not null primary key', rows: uuids.map(quoted) },
  ...['C', 'en-US-x-icu', 'sv-SE-x-icu'].map(
    (collation): KeyKind => ({
      title: `text collate "${collation}"`,
      on: ['postgres'],
      key: `id text collate "${collation}" not null primary key`,
      rows: [...texts, 'a ', ' a', 'A', 'aa', 'back\\slash', 'tab\t'].map((text) => quoted(text)),
    }),
  ),
  {
    // 'a' and 'A' would be one key.
    title: 'text under a collation that ignores case and accents',
    on: ['postgres'],
    before: `create collation loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false)`,
    key: 'id text collate loose not null primary key',
    rows: texts.filter((text) => text !== 'ä').map(quoted),
  },
  { title: 'char(8), padded', on: ['postgres'], key: 'id char(8) not null primary key', rows: texts.map(quoted) },
  {
    title: 'varchar that ignores case',
    on: ['mariadb'],
    key: 'id varchar(20) collate utf8mb4_unicode_ci not null primary key',
    rows: [...texts.filter((text) => text !== 'ä'), 'back\\\\slash'].map(quoted),
  },
  {
    title: 'varchar by bytes, with blanks at the end',
    on: ['mariadb'],
    key: 'id varchar(20) collate utf8mb4_nopad_bin not null primary key',
    rows: [...texts, 'a ', 'a  ', 'A', ' a', 'back\\\\slash', 'tab\\t'].map(quoted),
  },
  {
    title: 'latin1 varchar',
    on: ['mariadb'],
    key: 'id varchar(20) character set latin1 not null primary key',
    rows: [...texts.filter((text) => !/[😀漢ä]/u.test(text)), 'ö', 'ß', '€', 'back\\\\slash'].map(quoted),
  },
  {
    title: 'text by bytes, with blanks at the end',
    on: ['sqlite'],
    key: 'id text not null primary key',
    rows: [...texts, 'a ', 'a  ', 'A', ' a', 'back\\slash', 'tab\t'].map(quoted),
  },
  {
    title: 'text collate nocase',
    on: ['sqlite'],
    key: 'id text collate nocase not null primary key',
    rows: texts.map(quoted),
  },
  {
    title: 'varchar without rowid',
    on: ['sqlite'],
    key: 'id varchar(20) not null primary key',
    end: ' without rowid',
    rows: texts.map(quoted),
  },
  {
    title: 'timestamptz with microseconds',
    on: ['postgres'],
    key: 'id timestamptz not null primary key',
    rows: [
      ...shuffled(12).map((i) => `'2024-10-27 00:59:59.9999${String(i + 88)}+00'`),
      "'2024-10-27 02:30:00+02'",
      "'2024-10-27 02:30:00+01'",
      "'0044-03-15 12:00:00+00 BC'",
      "'infinity'",
      "'-infinity'",
    ],
  },
  {
    title: 'datetime(6)',
    on: ['mariadb'],
    key: 'id datetime(6) not null primary key',
    rows: [
      ...shuffled(12).map((i) => `'2024-10-27 02:59:59.9999${String(i + 88)}'`),
      "'2024-10-27 02:30:00'",
      "'1000-01-01 00:00:00'",
      "'9999-12-31 23:59:59.999999'",
    ],
  },
  {
    title: 'datetime as TypeORM writes it',
    on: ['sqlite'],
    key: 'id datetime not null primary key',
    rows: shuffled(12).map((i) => `'2024-10-27 02:30:00.${String(i + 100)}'`),
  },
  {
    title: 'date',
    on: everywhere,
    key: 'id date not null primary key',
    rows: shuffled(12).map((i) => `'2024-02-${i + 18}'`),
  },
  {
    title: 'numeric without a scale, and so with many',
    on: ['postgres'],
    key: 'id numeric not null primary key',
    rows: [
      ...['1.00', '1.01', '2.0', '10', '9.999', '-1.000', '0.0', '1e-20', "'NaN'", "'Infinity'", "'-Infinity'"],
      '12345678901234567890123456789.123456789',
      '12345678901234567890123456789.123456788',
    ],
  },
  {
    title: 'decimal(38, 10)',
    on: ['mariadb'],
    key: 'id decimal(38, 10) not null primary key',
    rows: [
      ...['1.00', '1.01', '2', '10', '9.999', '-1', '0', '0.0000000001'],
      '1234567890123456789012345678.1234567890',
      '1234567890123456789012345678.1234567891',
    ],
  },
  {
    title: 'decimal',
    on: ['sqlite'],
    key: 'id decimal(20, 4) not null primary key',
    rows: ['1.00', '1.01', '2', '10', '9.999', '-1', '0', '0.0001', '123456789.5', '1e20', '0.1 + 0.2'],
  },
  {
    title: 'bytes',
    on: everywhere,
    key: 'id bytes not null primary key',
    rows: ['00', '0000', '00ff', 'ff', 'ff00', '27', '5c', '5c27', '0a', '61', '6120', '80', 'c328', ''],
  },
  {
    // By the order of the labels: 'low' < 'mid' < 'high'.
    title: 'enum',
    on: ['postgres'],
    before: `create type size as enum (${shuffled(12)
      .map((i) => `'s${i}'`)
      .join(', ')})`,
    key: 'id size not null primary key',
    rows: range(12).map((i) => `'s${i}'`),
  },
  {
    title: 'domain over varchar',
    on: ['postgres'],
    before: 'create domain code as varchar(20) check (length(value) < 20)',
    key: 'id code not null primary key',
    rows: texts.map(quoted),
  },
  {
    title: 'inet',
    on: ['postgres'],
    key: 'id inet not null primary key',
    rows: shuffled(12).map((i) => `'10.0.${i}.1/16'`),
  },
  { title: 'boolean', on: everywhere, key: 'id boolean not null primary key', rows: ['true', 'false'] },
  {
    title: 'two columns',
    on: everywhere,
    key: 'tenant int not null, code varchar(20) not null, primary key (tenant, code)',
    rows: range(4).flatMap((tenant) => ['a', 'B', 'é', 'z'].map((text) => `${tenant + 8}, ${quoted(text)}`)),
  },
  {
    title: 'three columns of mixed types',
    on: everywhere,
    key: 'code varchar(20) not null, id bigint not null, at timestamp(6) not null, primary key (code, id, at)',
    rows: ['b', 'o\'"', 'é'].flatMap((code) =>
      ['9007199254740993', '9007199254740992', '7'].flatMap((id) =>
        [1, 0].map((i) => `${quoted(code)}, ${id}, '2024-10-27 01:30:00.00000${i}'`),
      ),
    ),
  },
  {
    title: 'two columns in another order than the table has them',
    on: everywhere,
    key: 'a int not null, b int not null, primary key (b, a)',
    rows: shuffled(15).map((i) => `${i % 4}, ${i % 5}`),
  },
  {
    title: 'a unique index where there is no primary key',
    on: everywhere,
    key: 'id int not null unique, other int default 0',
    rows: shuffled(12).map((i) => `${i}, null`),
  },
]

/** What differs in the spelling of keys. */
function spelled(name: DatabaseName, kind: KeyKind): Keyed {
  if (kind.title !== 'bytes') return kind
  const [type, value] = bySql<[string, (hex: string) => string]>(name, {
    sqlite: ['blob', (hex) => `x'${hex}'`],
    postgres: ['bytea', (hex) => `'\\x${hex}'`],
    mariadb: ['varbinary(20)', (hex) => `x'${hex}'`],
  })
  return { ...kind, key: kind.key.replace('bytes', type), rows: kind.rows.map(value) }
}

describeContract((target) => {
  let database: TestDatabase
  let dataSource: DataSource
  beforeAll(async () => {
    database = await target.createDatabase()
    dataSource = await database.connect()
  })
  afterAll(() => database.drop())

  for (const [i, kind] of kinds.filter(({ on }) => on.includes(target.name)).entries()) {
    test(`meets every row once by a key of ${kind.title}`, async () => {
      if (kind.before) await dataSource.query(kind.before)
      const table = plain(`k${i}`)
      const keyed = spelled(target.name, kind)
      await createRows(dataSource, table, keyed)
      await requireEachRowOnce(dataSource, table, keyed.rows.length)
    })
  }
})

/** A zone whose clocks went back an hour at 2024-10-27 01:00 UTC; the tables of MariaDB's zones are empty at first. */
async function createBerlin(dataSource: DataSource): Promise<void> {
  const [found] = await dataSource.query(`select 1 from mysql.time_zone_name where name = 'Europe/Berlin'`)
  if (found) return
  const { insertId } = await dataSource.query(`insert into mysql.time_zone (use_leap_seconds) values ('N')`)
  await dataSource.query(
    `insert into mysql.time_zone_transition_type values (${insertId}, 0, 3600, 0, 'CET'), (${insertId}, 1, 7200, 1, 'CEST')`,
  )
  const at = (time: string) => Date.parse(time) / 1000
  await dataSource.query(
    `insert into mysql.time_zone_transition values (${insertId}, ${at('2024-03-31T01:00Z')}, 1), (${insertId}, ${at('2024-10-27T01:00Z')}, 0)`,
  )
  await dataSource.query(`insert into mysql.time_zone_name values ('Europe/Berlin', ${insertId})`)
}

/** A data source of an application that lives in Berlin, and reads dates as 27/10/2024. */
async function connectFromBerlin(database: TestDatabase): Promise<DataSource> {
  if (database.name === 'postgres') {
    return database.connect({ extra: { options: '-c timezone=Europe/Berlin -c datestyle=SQL,DMY' } })
  }
  const dataSource = await database.connect()
  await createBerlin(dataSource)
  const { pool } = dataSource.driver as unknown as {
    pool: { on(event: 'connection', listener: (connection: { query(text: string): void }) => void): void }
  }
  const setZone = `set time_zone = 'Europe/Berlin'`
  pool.on('connection', (connection) => connection.query(setZone))
  // For the one that is open already.
  await dataSource.query(setZone)
  return dataSource
}

contractTestOn(['postgres', 'mariadb'], 'meets every row once in the hour that happens twice', async (database) => {
  const app = await database.connect()
  const [type, zone] = bySql(database.name, {
    sqlite: [],
    postgres: ['timestamptz', '+00'],
    mariadb: ['timestamp(6)', ''],
  })
  // 02:30 in Berlin, twice; without the zone their order is another one.
  const times = ['00:30', '01:30', '00:45', '01:15', '00:15', '01:45', '00:59', '01:00', '00:00', '02:00', '23:30']
  const rows = times.map((time) => `'2024-10-27 ${time}:00.123456${zone}'`)
  await createRows(app, plain('k'), { key: `id ${type} not null primary key`, rows })
  const dataSource = await connectFromBerlin(database)
  const local = bySql(database.name, {
    sqlite: '',
    postgres: `select to_char(id, 'HH24:MI') as at from k order by k.id`,
    mariadb: `select date_format(id, '%H:%i') as at from k order by k.id`,
  })
  expect((await dataSource.query(local)).map((row: { at: string }) => row.at).join(' ')).toBe(
    '02:00 02:15 02:30 02:45 02:59 02:00 02:15 02:30 02:45 03:00 00:30',
  )
  await requireEachRowOnce(dataSource, plain('k'), rows.length, [app])
})

/** Names that a careless quoting would end early, fold to lower case, or take for a placeholder. */
const odd = { source: 'select', target: 'theTarget', passes: 'Pässe "?" `$1` :a \\' } as const
const oddTable = 'Order "of" `all`? $1'
const oddKey = (name: DatabaseName) => {
  const columns = ['createdAt', `it's "h`].map((column) => quote(name, column))
  return `${columns.map((column) => `${column} int not null`).join(', ')}, primary key (${columns.join(', ')})`
}
const oddRows = shuffled(12).map((i) => `${i % 3}, ${i % 4}`)

contractTest('takes every name as it is written', async (database) => {
  const dataSource = await database.connect()
  const quoted = quote(database.name, oddTable)
  const table: Table = { name: `"${oddTable.replaceAll('"', '""')}"`, quoted, ...odd }
  await createRows(dataSource, table, { key: oddKey(database.name), rows: oddRows })
  await requireEachRowOnce(dataSource, table, oddRows.length)
})

const otherDatabase = (database: TestDatabase) => `${new URL(database.url, 'file:').pathname.slice(1)}_other`

/** Creates a schema, which is a database of its own on MariaDB. */
async function createSchema(database: TestDatabase, dataSource: DataSource, schema: string): Promise<void> {
  await dataSource.query(`create schema ${quote(database.name, schema)}`)
  if (database.name !== 'mariadb') return
  onTestFinished(async () => {
    const admin = await new DataSource(database.dataSourceOptions()).initialize()
    await admin.query(`drop database ${quote(database.name, schema)}`).finally(() => admin.destroy())
  })
}

contractTest('reads and writes tables of other schemas and databases', async (database) => {
  const dataSource = await database.connect()
  const schema = bySql(database.name, { sqlite: 'main', postgres: 'Other "Schema"', mariadb: otherDatabase(database) })
  if (database.name !== 'sqlite') {
    await createSchema(database, dataSource, schema)
    // The same name where unqualified names lead must not be taken for it.
    await dataSource.query('create table k (id int primary key, source int)')
  }
  const quoted = `${quote(database.name, schema)}.${quote(database.name, 'k')}`
  const table: Table = { ...plain('k'), name: `"${schema.replaceAll('"', '""')}".k`, quoted }
  await createRows(dataSource, table, { key: 'id int not null primary key', rows: shuffled(12).map(String) })
  await requireEachRowOnce(dataSource, table, 12)
})

class Order {
  id!: number
  source!: number
  target!: number | null
}

typeormTest('follows an entity to its table, schema and database', async (database) => {
  const name = bySql(database.name, { sqlite: undefined, postgres: 'sales', mariadb: otherDatabase(database) })
  const quoted = [name, 'theOrders'].flatMap((part) => (part ? quote(database.name, part) : [])).join('.')
  const where = bySql(database.name, { sqlite: {}, postgres: { schema: name }, mariadb: { database: name } })
  const entity = new EntitySchema<Order>({
    name: 'Order',
    target: Order,
    tableName: 'theOrders',
    ...where,
    columns: {
      id: { type: 'int', primary: true, name: 'orderId' },
      source: { type: 'int' },
      target: { type: 'int', name: 'group', nullable: true },
    },
  })
  const dataSource = await database.connect({ entities: [entity] })
  if (name) await createSchema(database, dataSource, name)
  const table: Table = { name: 'unused', quoted, source: 'source', target: 'group', passes: 'passes' }
  const key = `${quote(database.name, 'orderId')} int not null primary key`
  await createRows(dataSource, table, { key, rows: shuffled(12).map(String) })
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      name: 'order.group',
      table: Order,
      select: { id: true, source: true },
      write: { target: true },
      where: { target: null },
      batchRows: 5,
      transform: (row) => ({ target: row.id * 10 + row.source }),
    }),
  )
  expect(result).toMatchObject({ status: 'completed', counts: { written: 12 } })
  const orders = await dataSource.getRepository(Order).find({ order: { id: 'asc' } })
  expect(orders.map((order) => order.target)).toEqual(orders.map(({ id }) => id * 10 + 1))
})
