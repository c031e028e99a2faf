import type { DataSource, QueryRunner } from 'typeorm'
import { expect } from 'vitest'
import { backfill, undo as undoInDown } from '../../src/adapters/typeorm/index.js'
import type { Backfill } from '../../src/backfill/definition/define-backfill.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { defineBackfill, sql } from '../../src/index.js'
import { controlRun } from '../../src/runs/control/run-control.js'
import { readFailures, readStatus } from '../../src/runs/read-status.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { workUntil } from '../../src/runs/worker.js'
import { codeOf, portTo, runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { createCities, readCities } from '../support/city-table.js'
import { columnSamples } from '../support/column-samples.js'
import { contractTest, contractTestOn, type DatabaseName, typeormTest } from '../support/databases.js'
import { schedule } from '../support/migration-calls.js'
import type { StatementHooks } from '../support/observed-database.js'

const journaled = (options: { readonly journal?: true | { maxBytes?: number; keepDays?: number } } = {}) =>
  defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    batchRows: 10,
    journal: options.journal ?? true,
    transform: (row) => ({ slug: row.name.toLowerCase() }),
  })

async function undo(dataSource: DataSource, backfill: Backfill, hooks: StatementHooks = {}, runId?: number) {
  const database = portTo(dataSource, hooks)
  const runs = (await readStatus(database)).map(({ run }) => run)
  const run = runId === undefined ? undefined : { ...runs[0]!, id: runId, journalDays: 30 }
  return undoInForeground({ database, definition: definitionOf(backfill), run })
}

const journalOf = (dataSource: DataSource): Promise<{ row_key: string }[]> =>
  dataSource.query('select run_id, row_key, written, before_image, after_image from rowshift_journal order by id')

const statusOf = async (dataSource: DataSource, name = 'city.slug') =>
  (await readStatus(portTo(dataSource))).find(({ run }) => run.name === name)?.run.status

contractTest('undo gives every row back what it was, and the journal is empty again', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 35)
  const before = await readCities(dataSource)
  expect(await runBackfill(dataSource, journaled())).toMatchObject({ status: 'completed', counts: { written: 35 } })
  const journal = await journalOf(dataSource)
  expect(journal).toHaveLength(35)
  expect(journal[0]).toMatchObject({
    row_key: '["1"]',
    written: '["slug"]',
    before_image: '[null]',
    after_image: '["city 1"]',
  })

  expect(await undo(dataSource, journaled())).toMatchObject({
    by: 'journal',
    result: { backfill: 'city.slug#undo', status: 'completed', counts: { written: 35, failures: 0 } },
  })
  expect(await readCities(dataSource)).toEqual(before)
  expect(await journalOf(dataSource)).toEqual([])
  expect(await statusOf(dataSource)).toBe('undone')

  // A second time there is nothing to do, and a new run begins from the first row.
  expect(await undo(dataSource, journaled())).toMatchObject({ result: { status: 'completed', counts: { written: 0 } } })
  expect(await readCities(dataSource)).toEqual(before)
  expect(await runBackfill(dataSource, journaled())).toMatchObject({ status: 'completed', counts: { written: 35 } })
})

contractTest('nothing is journaled unless it is asked for', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 5)
  const plain = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    transform: () => ({ slug: 's' }),
  })
  await runBackfill(dataSource, plain)
  expect(await journalOf(dataSource)).toEqual([])
  const before = await readCities(dataSource)
  expect(await codeOf(undo(dataSource, plain))).toBe('IRREVERSIBLE')
  expect(await readCities(dataSource)).toEqual(before)
  expect(await statusOf(dataSource)).toBe('completed')
})

contractTest(
  'undo restores awkward values of every column type without changing a byte',
  async (database) => {
    const dataSource = await database.connect()
    const missing: string[] = []
    if (database.name === 'postgres') {
      await dataSource.query(`create type mood as enum ('happy', 'so so')`)
      for (const extension of ['citext', 'hstore', 'cube', 'ltree'])
        await dataSource.query(`create extension if not exists ${extension}`).catch(() => missing.push(extension))
    }
    const read = (): Promise<unknown[]> =>
      dataSource.query(`select id, n, ${exact(database.name)} as x from t order by id`)
    for (const [type, { ddl, word, literals }] of Object.entries(columnSamples[database.name])) {
      if (missing.includes(type)) continue
      await dataSource.query('drop table if exists t')
      await dataSource.query(`create table t (id integer primary key not null, a ${ddl} null, n integer)`)
      for (const [i, literal] of literals.entries())
        await dataSource.query(`insert into t (id, a) values (${i + 1}, ${literal})`)
      await dataSource.query(`insert into t (id, a) values (${literals.length + 1}, null)`)
      const before = await read()
      const backfill = defineBackfill({
        name: `forget.${type}`,
        table: 't',
        select: { n: 'integer?' },
        write: { a: `${word}?`, n: 'integer' },
        where: { n: null },
        journal: true,
        transform: () => ({ a: null as never, n: 1 }),
      })
      expect(await runBackfill(dataSource, backfill), type).toMatchObject({ status: 'completed' })
      // JSON's own null is null to a transform, so to write null into it is no change.
      if (word !== 'json') expect(await dataSource.query('select id from t where a is not null'), type).toEqual([])
      expect(await undo(dataSource, backfill), type).toMatchObject({ result: { counts: { failures: 0 } } })
      expect(await read(), type).toEqual(before)
    }
  },
  180_000,
)

/** Values that are stored, and that no definition could write. */
const stray = {
  sqlite: {
    ddl: 'text',
    word: 'text?',
    inserts: [`x'00ff'`, `char(1) || 'n5'`, `'a' || char(0) || 'b'`],
    other: { ddl: 'any_type_at_all_blob', word: 'bytes?', inserts: ['5.0', '5', `'text'`, `9e999`] },
  },
  mariadb: {
    ddl: 'date',
    word: 'date?',
    inserts: [`'0000-00-00'`, `'2026-00-10'`],
    other: { ddl: 'datetime', word: 'text?', inserts: [`'0000-00-00 00:00:00'`] },
  },
} as const

contractTestOn(['sqlite', 'mariadb'], 'undo restores values that no definition could write', async (database) => {
  const dataSource = await database.connect({ poolSize: 1 })
  const { ddl, word, inserts, other } = stray[database.name as 'sqlite' | 'mariadb']
  if (database.name === 'mariadb') await dataSource.query(`set session sql_mode = ''`)
  for (const [i, { ddl: type, word: declared, inserts: values }] of [{ ddl, word, inserts }, other].entries()) {
    const table = `t${i}`
    await dataSource.query(`create table ${table} (id integer primary key not null, a ${type}, n integer)`)
    for (const [id, value] of values.entries())
      await dataSource.query(`insert into ${table} (id, a) values (${id + 1}, ${value})`)
    const read = () => dataSource.query(`select id, n, ${exact(database.name)} as x from ${table} order by id`)
    const before = await read()
    const backfill = defineBackfill({
      name: `forget.${table}`,
      table,
      select: { n: 'integer?' },
      write: { a: declared, n: 'integer' },
      where: { n: null },
      journal: true,
      transform: () => ({ a: null, n: 1 }),
    })
    await runBackfill(dataSource, backfill)
    expect(await dataSource.query(`select id from ${table} where a is not null`)).toEqual([])
    expect(await undo(dataSource, backfill)).toMatchObject({ result: { counts: { failures: 0 } } })
    expect(await read()).toEqual(before)
  }
})

const exact = (name: DatabaseName) =>
  bySql(name, {
    sqlite: `typeof(a) || quote(a) || quote(cast(a as blob))`,
    postgres: 'a::text',
    mariadb: `hex(a)`,
  })

contractTest('undo gives JSON documents back as the texts they were', async (database) => {
  const dataSource = await database.connect()
  await dataSource.query('create table account (id integer primary key not null, settings json not null)')
  const texts = ['{ "b" : 1, "a" : "x" }', '[]', '"text"', '0', 'null']
  for (const [i, text] of texts.entries()) await dataSource.query(`insert into account values (${i + 1}, '${text}')`)
  const read = async () => {
    const text = bySql(database.name, { sqlite: 'settings', postgres: 'settings::text', mariadb: 'settings' })
    const rows: { text: string }[] = await dataSource.query(
      `select concat(${text}, '') as text from account order by id`,
    )
    return rows.map((row) => row.text)
  }
  const once = defineBackfill({
    name: 'account.once',
    table: 'account',
    select: { id: 'integer' },
    write: { settings: 'json' },
    journal: true,
    transform: ({ id }) => ({ settings: { id, list: ['"'] } }),
  })
  expect(await runBackfill(dataSource, once)).toMatchObject({ status: 'completed', counts: { written: 5 } })
  expect((await read())[1]).toBe('{"id":2,"list":["\\""]}')
  expect(await undo(dataSource, once)).toMatchObject({ result: { counts: { written: 5, failures: 0 } } })
  expect(await read()).toEqual(texts)

  const gone = defineBackfill.delete({ name: 'account.gone', table: 'account', where: sql`id > 0`, journal: true })
  expect(await runBackfill(dataSource, gone)).toMatchObject({ status: 'completed', counts: { written: 5 } })
  expect(await undo(dataSource, gone)).toMatchObject({ result: { counts: { written: 5, failures: 0 } } })
  expect(await read()).toEqual(texts)
})

contractTest('rows changed since are listed, and restored later if they are as they were', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 30)
  await runBackfill(dataSource, journaled())
  await dataSource.query(`update city set slug = 'by-hand' where id = 7`)
  await dataSource.query(`update city set name = 'not written' where id = 8`)
  await dataSource.query(`delete from city where id = 9`)
  await dataSource.query(`update city set slug = null where id = 10`)

  expect(await undo(dataSource, journaled())).toMatchObject({
    result: { status: 'completed', counts: { written: 27, skipped: 2, failures: 1 } },
  })
  const cities = await readCities(dataSource)
  expect(cities.filter(({ slug }) => slug !== null)).toEqual([{ id: 7, name: 'City 7', slug: 'by-hand' }])
  const { failures } = await readFailures(portTo(dataSource), 'city.slug#undo', { limit: 10 })
  expect(failures).toMatchObject([{ key: '["7"]', code: 'CHANGED_SINCE' }])
  expect(await journalOf(dataSource)).toHaveLength(1)

  await dataSource.query(`update city set slug = 'city 7' where id = 7`)
  expect(await undo(dataSource, journaled())).toMatchObject({ result: { counts: { written: 1, failures: 0 } } })
  expect((await readCities(dataSource)).filter(({ slug }) => slug !== null)).toEqual([])
})

contractTest('two entries of one row are taken back from the newest to the oldest', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 12)
  const twice = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text', slug: 'text?' },
    write: { slug: 'text' },
    where: sql`slug is null or slug <> lower(name)`,
    journal: true,
    transform: (row) => ({ slug: row.name.toLowerCase() }),
  })
  await runBackfill(dataSource, twice)
  await dataSource.query(`update city set name = 'Town 5' where id = 5`)
  const second = await runBackfill(dataSource, twice)
  expect(second.counts.written).toBe(1)
  expect((await readCities(dataSource))[4]).toEqual({ id: 5, name: 'Town 5', slug: 'town 5' })

  // One run alone, then both.
  expect(await undo(dataSource, twice, {}, second.runId)).toMatchObject({ result: { counts: { written: 1 } } })
  expect((await readCities(dataSource))[4]).toEqual({ id: 5, name: 'Town 5', slug: 'city 5' })
  await runBackfill(dataSource, twice)
  expect(await undo(dataSource, twice)).toMatchObject({ result: { counts: { written: 13, failures: 0 } } })
  expect((await readCities(dataSource)).map(({ slug }) => slug)).toEqual(Array(12).fill(null))
})

contractTest(
  'undo of an unfinished run ends it first, and of a cancelled one takes back what it wrote',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 40)
    const before = await readCities(dataSource)
    for (const isCancelled of [false, true]) {
      const stop = new AbortController()
      let batches = 0
      const interrupted = await runBackfill(dataSource, journaled(), {
        stop: stop.signal,
        onProgress: () => {
          if (++batches === 2) stop.abort()
        },
      })
      expect(interrupted).toMatchObject({ status: 'unfinished', counts: { written: 20 } })
      if (isCancelled) await controlRun(portTo(dataSource), 'city.slug', 'cancel')
      expect(await undo(dataSource, journaled())).toMatchObject({ result: { counts: { written: 20, failures: 0 } } })
      expect(await readCities(dataSource)).toEqual(before)
      expect(await statusOf(dataSource)).toBe('cancelled')
    }
  },
)

contractTest('two undos at once restore every row once, by composite keys', async (database) => {
  const dataSource = await database.connect()
  const other = await database.connect()
  await dataSource.query(
    'create table place (a integer not null, b varchar(20) not null, n integer not null, slug varchar(20), primary key (a, b))',
  )
  const values = Array.from({ length: 2_000 }, (_, i) => `(${i % 7}, 'p${i}', ${i})`)
  await dataSource.query(`insert into place (a, b, n) values ${values.join(', ')}`)
  const backfill = defineBackfill({
    name: 'place.slug',
    table: 'place',
    select: { b: 'text', n: 'integer' },
    write: { slug: 'text', n: 'integer' },
    where: { slug: null },
    journal: true,
    batchRows: 50,
    transform: (row) => ({ slug: row.b, n: row.n + 1 }),
  })
  const read = (): Promise<unknown[]> => dataSource.query('select a, b, n, slug from place order by a, b')
  const before = await read()
  await runBackfill(dataSource, backfill)
  const [one, another] = await Promise.all([undo(dataSource, backfill), undo(other, backfill)])
  expect(await read()).toEqual(before)
  expect(await journalOf(dataSource)).toEqual([])
  for (const { result } of [one, another])
    expect(result).toMatchObject({ status: 'completed', counts: { failures: 0 } })
})

contractTest('what the database made of a value is what must still stand', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  const before = await readCities(dataSource)
  // An AFTER trigger on SQLite, which has no assignments to NEW.
  const statements = bySql(database.name, {
    sqlite: [
      `create trigger shout after update of slug on city when new.slug <> upper(new.slug)
        begin update city set slug = upper(slug) where id = new.id; end`,
    ],
    postgres: [
      `create function shout() returns trigger language plpgsql as $$ begin new.slug = upper(new.slug); return new; end $$`,
      `create trigger shout before update on city for each row execute function shout()`,
    ],
    mariadb: ['create trigger shout before update on city for each row set new.slug = upper(new.slug)'],
  })
  for (const statement of statements) await dataSource.query(statement)
  await runBackfill(dataSource, journaled())
  expect((await readCities(dataSource))[0]!.slug).toBe('CITY 1')
  expect(await undo(dataSource, journaled())).toMatchObject({ result: { counts: { written: 10, failures: 0 } } })
  expect(await readCities(dataSource)).toEqual(before)
})

contractTest('undo takes back unique values, and lists rows that the database refuses', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 25)
  await dataSource.query(`update city set name = 'Same'`)
  await dataSource.query('update city set slug = name where id = 25')
  await dataSource.query('create unique index city_slug on city (slug)')
  const counted = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text', touched: 'integer' },
    where: { touched: 0 },
    journal: true,
    unique: { slug: (slug, n) => `${slug}-${n}` },
    transform: (_row, { key: [id] }) => ({ slug: id === '25' ? 'last' : 'a', touched: 1 }),
  })
  const before = await readCities(dataSource)
  await runBackfill(dataSource, counted)
  expect((await readCities(dataSource)).map(({ slug }) => slug)).toContain('a-24')
  await dataSource.query(`insert into city (id, name, slug, touched) values (99, 'New', 'Same', 1)`)

  const undone = await undo(dataSource, counted)
  expect(undone).toMatchObject({ result: { status: 'completed', counts: { written: 24, failures: 1 } } })
  const { failures } = await readFailures(portTo(dataSource), 'city.slug#undo', { limit: 10 })
  expect(failures).toMatchObject([{ key: '["25"]', code: 'ROW_REFUSED' }])
  await dataSource.query('delete from city where id = 99')
  expect(await undo(dataSource, counted)).toMatchObject({ result: { counts: { written: 1, failures: 0 } } })
  expect(await readCities(dataSource)).toEqual(before)
})

for (const mode of ['all', 'none'] as const) {
  typeormTest(`a migration's down takes back by the journal, with the transaction mode ${mode}`, async (database) => {
    class CitySlug1700000000001 {
      name = 'CitySlug1700000000001'
      async up(queryRunner: QueryRunner) {
        await backfill(queryRunner, journaled())
      }
      async down(queryRunner: QueryRunner) {
        await undoInDown(queryRunner, journaled())
      }
    }
    const dataSource = await database.connect({
      migrations: [CitySlug1700000000001],
      migrationsTransactionMode: mode,
    })
    await createCities(dataSource, database.name, 25)
    const before = await readCities(dataSource)
    await dataSource.runMigrations()
    expect((await readCities(dataSource)).every(({ slug }) => slug !== null)).toBe(true)
    await dataSource.undoLastMigration({ transaction: mode })
    expect(await readCities(dataSource)).toEqual(before)
    expect(await journalOf(dataSource)).toEqual([])
    expect(await statusOf(dataSource)).toBe('undone')
  })
}

contractTest(
  'a journal that is full stops the run; with more room it goes on, and all can be undone',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 40)
    const before = await readCities(dataSource)
    expect(await codeOf(runBackfill(dataSource, journaled({ journal: { maxBytes: 400 } })))).toBe('JOURNAL_FULL')
    const written = (await readCities(dataSource)).filter(({ slug }) => slug !== null).length
    expect(written).toBeGreaterThan(0)
    expect(written).toBeLessThan(40)
    expect(await journalOf(dataSource)).toHaveLength(written)
    expect(await statusOf(dataSource)).toBe('interrupted')
    expect(await runBackfill(dataSource, journaled())).toMatchObject({ status: 'completed', counts: { written: 40 } })
    await undo(dataSource, journaled())
    expect(await readCities(dataSource)).toEqual(before)
  },
)

contractTest('a worker removes journals whose days are over', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  await runBackfill(dataSource, journaled({ journal: { keepDays: 3 } }))
  await dataSource.query(`update rowshift_run set finished_at = '2000-01-01 00:00:00'`)
  const where = { touched: 0 }
  const later = defineBackfill.sql({ name: 'later', table: 'city', where, set: { touched: 2 } })
  await schedule(dataSource, later)
  expect(await journalOf(dataSource)).toHaveLength(10)
  const never = new AbortController().signal
  const definitions = new Map([['later', definitionOf(later)]])
  await workUntil({ database: portTo(dataSource), definitions, stop: never, abort: never, isWatching: false, pace: {} })
  expect(await statusOf(dataSource, 'later')).toBe('completed')
  expect(await journalOf(dataSource)).toEqual([])
})

contractTest('a journal is removed by a later run when its days are over, and not before', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  await runBackfill(dataSource, journaled({ journal: { keepDays: 3 } }))
  const age = (days: number) =>
    dataSource.query(
      `update rowshift_run set finished_at = ${bySql(database.name, {
        sqlite: `strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-${days} days')`,
        postgres: `now() - interval '${days} days'`,
        mariadb: `utc_timestamp(6) - interval ${days} day`,
      })}`,
    )
  const other = defineBackfill.sql({ name: 'other', table: 'city', set: { touched: 2 } })
  await age(2)
  await runBackfill(dataSource, other)
  expect(await journalOf(dataSource)).toHaveLength(10)
  await age(4)
  await runBackfill(dataSource, other)
  expect(await journalOf(dataSource)).toEqual([])
  const cities = await readCities(dataSource)
  expect(await codeOf(undo(dataSource, journaled()))).toBe('IRREVERSIBLE')
  expect(await readCities(dataSource)).toEqual(cities)
})
