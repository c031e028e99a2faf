import { type DataSource, EntitySchema } from 'typeorm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DataSourceLike } from '../../src/adapters/typeorm/data-source.js'
import { databaseOf } from '../../src/adapters/typeorm/database.js'
import { type Backfill, defineBackfill, type ErrorCode, sql } from '../../src/index.js'
import { codeOf, runBackfill } from '../support/backfills.js'
import {
  contractTest,
  contractTestOn,
  type DatabaseName,
  describeContract,
  type TestDatabase,
  typeormTest,
} from '../support/databases.js'

/*
 * What could not be paged, guarded or written is refused before any row of it is read, with a code of its own.
 */

interface Refusal {
  readonly title: string
  readonly on: readonly DatabaseName[]
  /** `t` stands for the table's name. */
  readonly create: readonly string[]
  readonly code: ErrorCode
  readonly backfill?: (table: string) => Backfill
}

const everywhere: readonly DatabaseName[] = ['sqlite', 'postgres', 'mariadb']
const servers: readonly DatabaseName[] = ['postgres', 'mariadb']

/** Reads `v` and writes `w`, which every table has. */
const common = (table: string): Backfill =>
  defineBackfill({
    name: table,
    table,
    select: { v: 'integer' },
    write: { w: 'integer' },
    transform: (row) => ({ w: row.v }),
  })

const keyed = (key: string) => [`create table t (${key}, v int, w int)`]
const keyUnsupported = (title: string, on: readonly DatabaseName[], create: readonly string[]): Refusal => ({
  title,
  on,
  create,
  code: 'KEY_UNSUPPORTED',
})

const refusals: readonly Refusal[] = [
  { title: 'a table without a unique index', on: everywhere, create: keyed('id int not null'), code: 'KEY_NOT_UNIQUE' },
  { title: 'a unique index that may hold NULL', on: everywhere, create: keyed('id int unique'), code: 'KEY_NULLABLE' },
  {
    title: 'a unique index of which one column may be NULL',
    on: everywhere,
    create: [...keyed('a int not null, b int'), 'create unique index u_t on t (a, b)'],
    code: 'KEY_NULLABLE',
  },
  {
    title: 'a unique index on some of the rows',
    on: ['sqlite', 'postgres'],
    create: [...keyed('id int not null'), 'create unique index u_t on t (id) where id > 0'],
    code: 'KEY_NOT_UNIQUE',
  },
  {
    title: 'a unique index on an expression',
    on: ['sqlite', 'postgres'],
    create: [...keyed('id int not null'), 'create unique index u_t on t (abs(id))'],
    code: 'KEY_NOT_UNIQUE',
  },
  {
    title: 'a unique index on the first letters',
    on: ['mariadb'],
    create: ['create table t (id varchar(20) not null, v int, w int, unique (id(3)))'],
    code: 'KEY_NOT_UNIQUE',
  },
  {
    title: 'a unique constraint that is checked at the end',
    on: ['postgres'],
    create: keyed('id int not null unique deferrable initially deferred'),
    code: 'KEY_NOT_UNIQUE',
  },
  {
    title: 'a unique index under another collation than the column',
    on: ['postgres'],
    create: [...keyed('id text not null'), 'create unique index u_t on t (id collate "C")'],
    code: 'KEY_NOT_UNIQUE',
  },
  {
    title: 'a unique index of mixed directions',
    on: ['postgres'],
    create: [...keyed('a int not null, b int not null'), 'create unique index u_t on t (a, b desc)'],
    code: 'KEY_NOT_UNIQUE',
  },
  {
    title: 'a unique index in another order than that of the column',
    on: ['postgres'],
    create: [...keyed('id varchar(20) not null'), 'create unique index u_t on t (id varchar_pattern_ops)'],
    code: 'KEY_NOT_UNIQUE',
  },
  {
    title: 'a unique index that was not built to its end',
    on: ['postgres'],
    create: [
      ...keyed('id int not null'),
      'create unique index u_t on t (id)',
      `update pg_index set indisvalid = false where indexrelid = 'u_t'::regclass`,
    ],
    code: 'KEY_NOT_UNIQUE',
  },
  keyUnsupported('a float key', ['mariadb'], keyed('id float not null primary key')),
  keyUnsupported('a float key', ['postgres'], keyed('id real not null primary key')),
  keyUnsupported('a double key', servers, keyed('id double precision not null primary key')),
  keyUnsupported('a real key', ['sqlite'], keyed('id real not null primary key')),
  keyUnsupported('an interval key', ['postgres'], keyed('id interval not null primary key')),
  keyUnsupported('a jsonb key', ['postgres'], keyed('id jsonb not null primary key')),
  keyUnsupported(
    'a key with a float in it',
    servers,
    keyed('a int not null, b float not null, primary key (a, b)').map(endKey),
  ),
  keyUnsupported('an ENUM key', ['mariadb'], keyed("id enum('b', 'a') not null primary key")),
  keyUnsupported('a SET key', ['mariadb'], keyed("id set('b', 'a') not null primary key")),
  keyUnsupported('a BIT key', ['mariadb'], keyed('id bit(8) not null primary key')),
  keyUnsupported(
    'a key of mixed directions',
    ['mariadb'],
    ['create table t (a int, b int, v int, w int, primary key (a, b desc))'],
  ),
  keyUnsupported('an untyped key', ['sqlite'], keyed('id not null primary key')),
  keyUnsupported(
    'a key whose index has another collation',
    ['sqlite'],
    ['create table t (id text not null, v int, w int, primary key (id collate nocase))'],
  ),
  {
    // SQLite keeps NULLs in a primary key, for compatibility with its own old versions.
    title: 'a primary key that may hold NULL',
    on: ['sqlite'],
    create: keyed('id text primary key'),
    code: 'KEY_NULLABLE',
  },
  {
    title: 'a view',
    on: everywhere,
    create: [
      'create table base_t (id int not null primary key, v int, w int)',
      'create view t as select * from base_t',
    ],
    code: 'NOT_A_TABLE',
  },
  {
    title: 'a materialized view',
    on: ['postgres'],
    create: ['create materialized view t as select 1 as id, 2 as v, 3 as w', 'create unique index u_t on t (id)'],
    code: 'NOT_A_TABLE',
  },
  {
    title: 'a parent of other tables by inheritance',
    on: ['postgres'],
    create: [...keyed('id int not null primary key'), 'create table child_t () inherits (t)'],
    code: 'NOT_A_TABLE',
  },
  {
    title: 'a foreign table',
    on: ['postgres'],
    create: [
      'create extension file_fdw',
      'create server files_t foreign data wrapper file_fdw',
      `create foreign table t (id int not null, v int, w int) server files_t options (program 'true')`,
    ],
    code: 'NOT_A_TABLE',
  },
  {
    title: 'a virtual table',
    on: ['sqlite'],
    create: ['create virtual table t using fts5 (v, w)'],
    code: 'NOT_A_TABLE',
  },
  {
    title: 'a MyISAM table',
    on: ['mariadb'],
    create: ['create table t (id int not null primary key, v int, w int) engine = MyISAM'],
    code: 'ENGINE_WITHOUT_TRANSACTIONS',
  },
  { title: 'a table that is not there', on: everywhere, create: [], code: 'TABLE_NOT_FOUND' },
]

/** The columns come before the constraint. */
function endKey(create: string): string {
  return create.replace(/, primary key \(a, b\), v int, w int/, ', v int, w int, primary key (a, b)')
}

const rowLabels = ['last-key', 'read-page', 'page-end', 'look-at-page', 'read-keys', 'update-rows', 'update-range']

/** Runs a definition that is to be refused; returns the code, and fails if a row was looked at. */
async function refusalOf(dataSource: DataSource, backfill: Backfill): Promise<ErrorCode | undefined> {
  const labels: string[] = []
  const code = await codeOf(
    runBackfill(dataSource, backfill, { hooks: { before: ({ label }) => void labels.push(label) } }),
  )
  expect(labels.filter((label) => rowLabels.includes(label) || label === 'insert-run')).toEqual([])
  return code
}

describeContract((target) => {
  let database: TestDatabase
  let dataSource: DataSource
  beforeAll(async () => {
    database = await target.createDatabase()
    dataSource = await database.connect()
  })
  afterAll(() => database.drop())

  for (const [i, { title, on, create, code }] of refusals.entries()) {
    if (!on.includes(target.name)) continue
    test(`refuses ${title}`, async () => {
      const table = `t${i}`
      for (const statement of create) await dataSource.query(statement.replace(/\bt\b|(?<=_)t\b/g, table))
      expect(await refusalOf(dataSource, common(table))).toBe(code)
    })
  }
})

const createItems = (dataSource: DataSource, name: DatabaseName) =>
  dataSource.query(
    `create table item (id int not null primary key, name varchar(20), slug varchar(20), price decimal(10, 2), doc ${name === 'mariadb' ? 'text' : 'json'},
      raw ${bytesType(name)}, at ${name === 'postgres' ? 'timestamptz' : 'datetime'}, n int, total int generated always as (n * 2) stored)`,
  )
const bytesType = (name: DatabaseName) => (name === 'postgres' ? 'bytea' : 'blob')

/** A definition whose declarations are checked against the table only. */
const declared = (options: object): Backfill =>
  (defineBackfill as unknown as (options: object) => Backfill)({
    name: 'item.any',
    table: 'item',
    select: { name: 'text?' },
    write: { slug: 'text' },
    transform: () => undefined,
    ...options,
  })

contractTest('refuses columns that are not there, in every place that names one', async (database) => {
  const dataSource = await database.connect()
  await createItems(dataSource, database.name)
  const refused = [
    declared({ select: { nmae: 'text' } }),
    declared({ select: { Name: 'text' } }),
    declared({ write: { slgu: 'text' } }),
    defineBackfill.sql({ name: 'item.set', table: 'item', set: { slgu: sql`name` } }),
    defineBackfill.sql({ name: 'item.where', table: 'item', set: { slug: 'x' }, where: { slgu: null } }),
  ]
  for (const [i, backfill] of refused.entries()) {
    expect([i, await refusalOf(dataSource, backfill)]).toEqual([i, 'COLUMN_NOT_FOUND'])
  }
})

contractTest('refuses to write the key and what the database computes', async (database) => {
  const dataSource = await database.connect()
  await createItems(dataSource, database.name)
  const setting = (set: Record<string, number>) => defineBackfill.sql({ name: 'item.set', table: 'item', set })
  expect(await refusalOf(dataSource, declared({ write: { id: 'integer' } }))).toBe('KEY_WRITTEN')
  expect(await refusalOf(dataSource, setting({ id: 1 }))).toBe('KEY_WRITTEN')
  expect(await refusalOf(dataSource, declared({ write: { total: 'integer' } }))).toBe('COLUMN_NOT_WRITABLE')
  expect(await refusalOf(dataSource, setting({ total: 1 }))).toBe('COLUMN_NOT_WRITABLE')
  // What is computed may be read.
  expect(await codeOf(runBackfill(dataSource, declared({ select: { total: 'integer?' } })))).toBeUndefined()
})

contractTestOn(['postgres'], 'refuses to write identity columns that are always generated', async (database) => {
  const dataSource = await database.connect()
  await dataSource.query(
    'create table item (id int primary key, v int, a int generated always as identity, d int generated by default as identity)',
  )
  expect(await refusalOf(dataSource, declared({ select: { v: 'integer' }, write: { a: 'integer' } }))).toBe(
    'COLUMN_NOT_WRITABLE',
  )
  const allowed = declared({ select: { v: 'integer' }, write: { d: 'integer' } })
  expect(await codeOf(runBackfill(dataSource, allowed))).toBeUndefined()
})

contractTest('refuses declarations that do not fit the column', async (database) => {
  const dataSource = await database.connect()
  await createItems(dataSource, database.name)
  const misfits = {
    name: ['integer', 'bigint', 'decimal', 'double', 'boolean', 'bytes'],
    price: ['boolean', 'timestamp', 'date', 'time', 'json', 'bytes', 'uuid'],
    raw: ['text', 'json', 'integer', 'uuid', 'timestamp'],
    at: ['date', 'time', 'integer', 'json', 'bytes', 'boolean'],
    n: ['timestamp', 'json', 'bytes', 'uuid', 'date'],
  }
  for (const [column, words] of Object.entries(misfits)) {
    for (const word of words) {
      const code = await refusalOf(dataSource, declared({ select: { [column]: word } }))
      expect([column, word, code]).toEqual([column, word, 'COLUMN_TYPE_MISMATCH'])
    }
  }
})

contractTest('refuses constants that are no value of their column', async (database) => {
  const dataSource = await database.connect()
  await createItems(dataSource, database.name)
  const setting = (set: Record<string, string | number | Date>) =>
    defineBackfill.sql({ name: 'item.set', table: 'item', set })
  const constants = [
    setting({ n: 'seven' }),
    setting({ n: 1.5 }),
    setting({ name: 'a name that is longer than twenty' }),
    setting({ at: 'soon' }),
    declared({ where: { name: 'a name that is longer than twenty' } }),
    declared({ where: { slug: ['ok', 'a\ud800'] } }),
  ]
  for (const [i, backfill] of constants.entries()) {
    expect([i, await refusalOf(dataSource, backfill)]).toEqual([i, 'INVALID_DEFINITION'])
  }
  expect(await codeOf(runBackfill(dataSource, setting({ n: 7, name: 'short' })))).toBeUndefined()
})

class Item {
  id!: number
  name!: string
  slug!: string | null
}
class Stranger extends Item {}

typeormTest(
  'refuses entities of another data source, and properties that an entity does not have',
  async (database) => {
    const item = new EntitySchema<Item>({
      name: 'Item',
      target: Item,
      columns: {
        id: { type: 'int', primary: true },
        name: { type: 'varchar' },
        slug: { type: 'varchar', nullable: true, name: 'stub' },
      },
    })
    const dataSource = await database.connect({ entities: [item], synchronize: true })
    const over = (options: object) =>
      declared({ table: Item, select: { name: true }, write: { slug: true }, ...options })
    expect(await refusalOf(dataSource, over({ table: Stranger }))).toBe('ENTITY_NOT_FOUND')
    expect(await refusalOf(dataSource, over({ select: { title: true } }))).toBe('COLUMN_NOT_FOUND')
    expect(await refusalOf(dataSource, over({ write: { id: true } }))).toBe('KEY_WRITTEN')
    expect(await codeOf(runBackfill(dataSource, over({})))).toBeUndefined()
    await dataSource.query('drop table item')
    expect(await refusalOf(dataSource, over({ name: 'item.gone' }))).toBe('TABLE_NOT_FOUND')
  },
)

contractTestOn(['postgres'], 'refuses a table whose rows are hidden from the role', async (database) => {
  const admin = await database.connect()
  const role = new URL(database.url).pathname.slice(1)
  await admin.query(`create role ${role}`)
  try {
    await admin.query('create table item (id int primary key, v int, w int)')
    await admin.query(`alter table item enable row level security`)
    await admin.query(`grant all on item to ${role}; grant create, usage on schema public to ${role}`)
    const dataSource = await database.connect({ extra: { options: `-c role=${role}` } })
    expect(await refusalOf(dataSource, common('item'))).toBe('ROW_SECURITY_ACTIVE')
    // An owner sees all rows, unless he is told not to.
    await admin.query(`alter table item owner to ${role}`)
    expect(await codeOf(runBackfill(dataSource, common('item')))).toBeUndefined()
    await admin.query('alter table item force row level security')
    expect(await refusalOf(dataSource, common('item'))).toBe('ROW_SECURITY_ACTIVE')
    // Nothing is hidden from a superuser.
    expect(await codeOf(runBackfill(admin, common('item')))).toBeUndefined()
    await dataSource.destroy()
  } finally {
    await admin.query(`drop owned by ${role}`)
    await admin.query(`drop role ${role}`)
  }
})

test('typeorm: refuses a driver that it has no dialect for', async () => {
  for (const type of ['oracle', 'mssql', 'cockroachdb', 'aurora-postgres', 'spanner', 'mongodb', 'sap', 'expo']) {
    const dataSource = { options: { type }, isInitialized: true } as unknown as DataSourceLike
    expect([type, await codeOf(() => databaseOf(dataSource))]).toEqual([type, 'UNSUPPORTED_DATABASE'])
  }
})
