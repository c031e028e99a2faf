import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import type { Backfill } from '../../src/backfill/definition/define-backfill.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { defineBackfill, sql } from '../../src/index.js'
import { dryRun } from '../../src/runs/plan/dry-run.js'
import { planRun } from '../../src/runs/plan/plan-run.js'
import { codeOf, portTo, runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { createCities, readCities } from '../support/city-table.js'
import { contractTest, contractTestOn, type DatabaseName } from '../support/databases.js'
import type { StatementHooks } from '../support/observed-database.js'

const never = new AbortController().signal

function citySlug(options: { readonly failAt?: readonly number[]; readonly batchRows?: number } = {}) {
  return defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    batchRows: options.batchRows ?? 100,
    transform(row, { key: [id] }) {
      if (options.failAt?.includes(Number(id))) throw new Error('no slug for it')
      return Number(id) === 3 ? undefined : { slug: row.name.toLowerCase() }
    },
  })
}

const plan = (dataSource: DataSource, backfill: Backfill, sampleRows = 20, hooks: StatementHooks = {}) =>
  planRun(portTo(dataSource, hooks), definitionOf(backfill), { sampleRows })

const tryBatch = (dataSource: DataSource, backfill: Backfill, hooks: StatementHooks = {}) =>
  dryRun(portTo(dataSource, hooks), definitionOf(backfill), { abort: never })

/** All that a plan could have left behind: rows, tables and other things of the schema. */
async function dump(dataSource: DataSource, name: DatabaseName) {
  const schema = await dataSource.query(
    bySql(name, {
      sqlite: 'select type, name, sql from sqlite_master order by name',
      postgres: `select relname, relkind::text from pg_class where relnamespace = 'public'::regnamespace order by relname`,
      mariadb: 'select table_name from information_schema.tables where table_schema = database() order by table_name',
    }),
  )
  return { schema, cities: await readCities(dataSource) }
}

contractTest('a plan shows table, key, rows, queries and a sample, and writes nothing', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 1_500)
  await dataSource.query(`update city set slug = 'kept' where id > 1200`)
  const before = await dump(dataSource, database.name)

  const report = await plan(dataSource, citySlug({ failAt: [4] }), 5)
  expect(report).toMatchObject({
    backfill: 'city.slug',
    table: 'city',
    rows: { matching: 1_200, estimated: 1_500, isCounted: true, keysLooked: 1_500 },
    key: { columns: [{ name: 'id' }] },
    reads: [{ name: 'name' }, { name: 'slug' }],
    writes: [{ name: 'slug' }],
    effects: { indexes: [], triggers: [], foreignKeys: [] },
    time: { measured: 'read-and-transform', rowsPerSecond: expect.any(Number) },
    volume: { journalBytes: null },
    undo: 'irreversible',
  })
  expect(report.queries.map(({ purpose, isByIndex }) => ({ purpose, isByIndex }))).toEqual([
    { purpose: 'page', isByIndex: true },
    { purpose: 'write', isByIndex: true },
  ])
  for (const { explain } of report.queries) expect(explain.join('\n')).toMatch(/city/)
  const row = (id: number, after: Record<string, string>, failure: unknown = null) => ({
    key: [String(id)],
    before: { name: `City ${id}`, slug: null },
    after,
    creates: [],
    isRemoved: false,
    failure,
  })
  expect(report.sample).toEqual([
    row(1, { slug: 'city 1' }),
    row(2, { slug: 'city 2' }),
    row(3, {}),
    row(4, {}, { code: 'TRANSFORM_FAILED', message: expect.stringMatching(/^Error at /) }),
    row(5, { slug: 'city 5' }),
  ])
  expect(await dump(dataSource, database.name)).toEqual(before)
})

contractTest(
  'a plan tells how much log and journal a run takes, how long it takes, and what it locks',
  async (database) => {
    const dataSource = await database.connect()
    const rows = 2_000
    await createCities(dataSource, database.name, rows)
    await dataSource.query(
      bySql(database.name, { sqlite: 'analyze', postgres: 'analyze city', mariadb: 'analyze table city' }),
    )
    const journaled = defineBackfill({
      name: 'city.journaled',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
      journal: true,
      transform: ({ name }) => ({ slug: `slug of ${name}` }),
    })
    const report = await plan(dataSource, journaled)
    const { volume, time } = report
    // A row of the table has some thirty bytes, an entry of the journal its old and new values besides what each entry has.
    expect(volume.logBytes).toBeGreaterThan(20 * rows)
    expect(volume.logBytes).toBeLessThan(1_000 * rows)
    expect(volume.journalBytes).toBeGreaterThan(80 * rows)
    expect(volume.journalBytes).toBeLessThan(200 * rows)
    expect(time.seconds * time.rowsPerSecond!).toBeCloseTo(rows)
    expect(report).toMatchObject({
      key: { index: expect.any(String) },
      locksWholeDatabase: database.name === 'sqlite',
      undo: 'journal',
    })
    // Half of the rows, half of the journal.
    await dataSource.query(`update city set slug = 'kept' where id > 1000`)
    const half = await plan(dataSource, journaled)
    expect(half.volume.journalBytes! / volume.journalBytes!).toBeCloseTo(0.5, 1)
  },
)

contractTest('a plan tries values that the database computes and rolls them back', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 30)
  const before = await dump(dataSource, database.name)
  const lowered = defineBackfill.sql({
    name: 'city.lower',
    table: 'city',
    where: { slug: null },
    set: { slug: sql`lower(name)`, touched: sql`touched` },
  })
  const report = await plan(dataSource, lowered, 2)
  expect(report).toMatchObject({ rows: { matching: 30 }, time: { measured: 'batch-rolled-back' } })
  expect(report.queries.map(({ isByIndex }) => isByIndex)).toEqual([true, true])
  expect(report.sample).toEqual([
    {
      key: ['1'],
      before: { slug: null, touched: '0' },
      after: { slug: 'city 1' },
      creates: [],
      isRemoved: false,
      failure: null,
    },
    {
      key: ['2'],
      before: { slug: null, touched: '0' },
      after: { slug: 'city 2' },
      creates: [],
      isRemoved: false,
      failure: null,
    },
  ])
  expect(await tryBatch(dataSource, lowered)).toMatchObject({ scanned: 30, written: 30, failures: [] })
  expect(await dump(dataSource, database.name)).toEqual(before)
})

contractTest('a plan names indexes, triggers and foreign keys of the written columns only', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 3)
  const statements = bySql(database.name, {
    sqlite: [
      `create trigger on_slug after update of slug on city begin select 1; end`,
      `create trigger on_name after update of name on city begin select 1; end`,
      `create trigger on_insert after insert on city begin select 1; end`,
    ],
    postgres: [
      `create function nothing() returns trigger language plpgsql as $$ begin return null; end $$`,
      `create trigger on_slug after update of slug on city for each row execute function nothing()`,
      `create trigger on_name after update of name on city for each row execute function nothing()`,
      `create trigger on_insert after insert on city for each row execute function nothing()`,
    ],
    mariadb: [
      `create trigger on_slug after update on city for each row set @ignored = 1`,
      `create trigger on_insert after insert on city for each row set @ignored = 1`,
    ],
  })
  for (const statement of [
    'create index city_name on city (name)',
    'create unique index city_slug on city (slug)',
    'create index city_both on city (touched, slug)',
    `create table street (id integer primary key not null, city ${bySql(database.name, { sqlite: 'text', postgres: 'text', mariadb: 'varchar(200)' })},
      constraint street_city foreign key (city) references city (slug))`,
    ...statements,
  ])
    await dataSource.query(statement)
  const { effects } = await plan(dataSource, citySlug())
  expect(effects).toEqual({
    indexes: ['city_both', 'city_slug'],
    triggers: ['on_slug'],
    foreignKeys: [bySql(database.name, { sqlite: 'street.city', postgres: 'street_city', mariadb: 'street_city' })],
  })
})

contractTest('a plan of a large table counts the first 100,000 keys and says that it estimates', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 1_000)
  for (let rows = 1_000; rows < 128_000; rows *= 2)
    await dataSource.query(`insert into city (id, name) select id + ${rows}, name from city`)
  await dataSource.query(`update city set slug = 'kept' where id > 50000`)
  const pages: string[] = []
  const { rows } = await plan(dataSource, citySlug(), 1, {
    after: ({ label }, { rows: found }) => {
      if (label === 'read-page') pages.push(`${found.length}`)
    },
  })
  expect(rows).toMatchObject({ isCounted: false, keysLooked: 100_000 })
  expect(rows.matching / rows.estimated).toBeCloseTo(0.5)
  // Ten pages of keys, and the sample.
  expect(pages).toHaveLength(11)
})

contractTestOn(
  ['postgres'],
  'knows the size of a large table by its statistics, partitioned or not',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 10)
    await dataSource.query('create table town (id bigint primary key, name text, slug text) partition by range (id)')
    await dataSource.query('create table town_a partition of town for values from (0) to (10)')
    await dataSource.query('create table town_b partition of town for values from (10) to (20)')
    await dataSource.query('insert into town (id, name) select id, name from city')
    // More than anybody would count.
    await dataSource.query(`update pg_class set reltuples = 3000000 where relname in ('city', 'town_a', 'town_b')`)
    const { dialect, connect } = portTo(dataSource)
    const session = await connect()
    try {
      const estimates = ['city', 'town'].map((name) => session.run(dialect.estimateRows({ schema: undefined, name })))
      expect(await Promise.all(estimates)).toEqual([3_000_000, 6_000_000])
    } finally {
      await session.release()
    }
  },
)

/** Makes an index unusable between its choice and its use. */
const withoutRange: Readonly<Record<'postgres' | 'mariadb', string>> = {
  postgres: `update pg_index set indisvalid = false where indexrelid = 'place_pkey'::regclass`,
  mariadb: 'alter table place drop primary key, add primary key (b, a)',
}

contractTestOn(
  ['postgres', 'mariadb'],
  'a page that would be no index range is refused, in the plan and in the run',
  async (database) => {
    const dataSource = await database.connect()
    await dataSource.query(
      'create table place (a integer not null, b integer not null, slug varchar(20), primary key (a, b))',
    )
    const values = Array.from({ length: 2_000 }, (_, i) => `(${Math.floor(i / 50)}, ${i % 50})`).join(', ')
    await dataSource.query(`insert into place (a, b) values ${values}`)
    const backfill = defineBackfill({
      name: 'place.slug',
      table: 'place',
      select: { a: 'integer' },
      write: { slug: 'text' },
      where: { slug: null },
      transform: (row) => ({ slug: `s${row.a}` }),
    })
    const inject: StatementHooks['inject'] = ({ label }, when) =>
      label === 'probe-page' && when === 'after' ? withoutRange[database.name as 'postgres'] : undefined
    const restore = async () => {
      if (database.name === 'mariadb')
        await dataSource.query('alter table place drop primary key, add primary key (a, b)')
    }
    expect(await codeOf(plan(dataSource, backfill, 20, { inject }))).toBe('PAGE_NOT_A_RANGE')
    await restore()
    expect(await codeOf(runBackfill(dataSource, backfill, { hooks: { inject } }))).toBe('PAGE_NOT_A_RANGE')
    await restore()
    expect(await dataSource.query('select * from rowshift_run')).toEqual([])
    expect(await runBackfill(dataSource, backfill)).toMatchObject({ status: 'completed', counts: { written: 2_000 } })
  },
)

contractTest('a dry run writes one batch, tells what it met and rolls it back', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 500)
  await dataSource.query('create unique index city_slug on city (slug)')
  await dataSource.query('update city set slug = name where id <= 200')
  await dataSource.query(`update city set slug = 'slug of City 250' where id = 400`)
  const backfill = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    batchRows: 100,
    async transform(row, { key: [id] }) {
      if (id === '240') throw new Error('no slug for it')
      if (id === '260') await dataSource.query(`update city set name = 'Renamed' where id = 260`)
      return id === '230' ? undefined : { slug: `slug of ${row.name}` }
    },
  })
  const before = await dump(dataSource, database.name)
  expect(await tryBatch(dataSource, backfill)).toMatchObject({
    scanned: 100,
    written: 96,
    left: 1,
    conflicts: 1,
    failures: [
      { key: '["240"]', code: 'TRANSFORM_FAILED' },
      { key: '["250"]', code: 'ROW_REFUSED' },
    ],
  })
  const cities = before.cities.map((city) => (city.id === 260 ? { ...city, name: 'Renamed' } : city))
  expect(await dump(dataSource, database.name)).toEqual({ ...before, cities })
})

contractTest('a dry run says when a written row would match again', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  const where = { slug: null }
  const same = defineBackfill.sql({ name: 'city.same', table: 'city', where, set: { touched: sql`touched + 1` } })
  expect(await codeOf(tryBatch(dataSource, same))).toBe('WHERE_STILL_TRUE')
  expect(await codeOf(plan(dataSource, same))).toBe('WHERE_STILL_TRUE')
})
