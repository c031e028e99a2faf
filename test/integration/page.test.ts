import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { backfill as backfillInMigration } from '../../src/adapters/typeorm/index.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { type Backfill, defineBackfill, type PageContext, sql } from '../../src/index.js'
import { replayFailures } from '../../src/runs/control/replay.js'
import { dryRun } from '../../src/runs/plan/dry-run.js'
import { planRun } from '../../src/runs/plan/plan-run.js'
import { readFailures } from '../../src/runs/read-status.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { codeOf, portTo, runBackfill, withQueryRunner } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countWhere, createCities, readCities } from '../support/city-table.js'
import { contractTest, contractTestOn, typeormTest } from '../support/databases.js'

/* `transform` is given a page: one query or one outside call for all of its rows. */

interface Row {
  readonly id: number
  readonly name: string
}

const pageOf = (
  transform: (
    rows: readonly Row[],
    context: PageContext,
  ) => readonly ({ slug: string } | undefined)[] | Promise<readonly ({ slug: string } | undefined)[]>,
  options: { readonly journal?: boolean; readonly maxFailures?: number; readonly batchRows?: number } = {},
) =>
  defineBackfill.page({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer', name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    transform,
    ...options,
  })

const named = (rows: readonly Row[]) => rows.map(({ name }) => ({ slug: name.toLowerCase() }))

const lowered = async (dataSource: DataSource) =>
  (await readCities(dataSource)).every(({ name, slug }) => slug === name.toLowerCase())

const rethrow = (call: Promise<unknown>) => expect(call).rejects

contractTest('one query answers for all rows of a page, with types', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 60)
  await dataSource.query(
    bySql(database.name, {
      sqlite: 'create table info (city_id integer primary key, code text, price numeric, at datetime, ok boolean)',
      postgres: 'create table info (city_id bigint primary key, code text, price numeric, at timestamptz, ok boolean)',
      mariadb:
        'create table info (city_id bigint primary key, code varchar(20), price decimal(9, 2), at datetime, ok boolean)',
    }),
  )
  await dataSource.query(
    `insert into info values (7, 'Ünö', 1.5, '2026-01-02 03:04:05', true), (50, null, null, null, false)`,
  )
  const sizes: number[] = []
  const found: unknown[] = []
  const definition = pageOf(
    async (rows, { keys, query }) => {
      sizes.push(rows.length)
      expect(keys).toEqual(rows.map(({ id }) => [String(id)]))
      const infos = await query(
        { city_id: 'integer', code: 'text?', price: 'decimal?', at: 'timestamp?', ok: 'boolean' },
        sql`select * from info where city_id in (${rows.map(({ id }) => id)})`,
      )
      found.push(...infos)
      const ids = new Set(infos.map((info) => info.city_id))
      return rows.map(({ id, name }) => (ids.has(id) ? { slug: name } : undefined))
    },
    { batchRows: 20 },
  )
  expect(await runBackfill(dataSource, definition)).toMatchObject({
    status: 'completed',
    counts: { written: 2, left: 58, failures: 0 },
  })
  // Three pages, and the sweep over what was left.
  expect(sizes.slice(0, 3)).toEqual([20, 20, 20])
  const price = database.name === 'mariadb' ? '1.50' : '1.5'
  expect(found).toEqual([
    { city_id: 7, code: 'Ünö', price, at: new Date('2026-01-02T03:04:05Z'), ok: true },
    { city_id: 50, code: null, price: null, at: null, ok: false },
  ])
  expect((await readCities(dataSource)).filter(({ slug }) => slug !== null).map(({ id }) => id)).toEqual([7, 50])
})

contractTest('a page of another length is refused, and nothing of it is written', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 30)
  const short = pageOf((rows) => named(rows).slice(1), { batchRows: 10 })
  await rethrow(runBackfill(dataSource, short)).toThrow(/PAGE_LENGTH.*returned 9 entries for 10 rows/)
  await rethrow(
    runBackfill(
      dataSource,
      pageOf((rows) => named(rows)[0] as never),
    ),
  ).toThrow(/PAGE_LENGTH.*returned object, no list, for \d+ rows/)
  expect(await countWhere(dataSource, 'slug is not null')).toBe(0)
  // The mended function goes on with the same run.
  expect(await runBackfill(dataSource, pageOf(named, { batchRows: 10 }))).toMatchObject({
    status: 'completed',
    counts: { written: 30 },
  })
})

contractTest('a page that fails is tried in halves down to the row, and a replay tries it again', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 64)
  const calls: number[] = []
  const failing = (bad: readonly number[]) =>
    pageOf(
      async (rows) => {
        calls.push(rows.length)
        if (rows.some(({ id }) => bad.includes(id))) throw new RangeError('City 13 is secret')
        return named(rows)
      },
      { batchRows: 64, maxFailures: 5 },
    )
  expect(await runBackfill(dataSource, failing([13, 40]))).toMatchObject({
    status: 'completed',
    counts: { written: 62, failures: 2 },
  })
  // 64, 32, 32, and the other halves: two calls for each halving of a bad row's part.
  expect(calls.slice(0, 23)).toHaveLength(23)
  expect(calls.slice(0, 3)).toEqual([64, 32, 16])
  const { failures } = await readFailures(portTo(dataSource), 'city.slug', { limit: 10 })
  expect(failures.map(({ key }) => key).sort()).toEqual(['["13"]', '["40"]'])
  expect(failures[0]).toMatchObject({
    code: 'TRANSFORM_FAILED',
    step: 'transform',
    message: expect.stringMatching(/^RangeError at /),
  })

  const replayed = await replayFailures({ database: portTo(dataSource), definition: definitionOf(failing([])) })
  expect(replayed).toMatchObject({ cleared: 2, remaining: 0, result: { status: 'completed' } })
  expect(await lowered(dataSource)).toBe(true)
})

contractTest('a function that fails for every row blames none, and the run can go on', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 200)
  let calls = 0
  const isUp = { now: false }
  const definition = pageOf(
    async (rows) => {
      calls++
      if (!isUp.now) throw new Error('connect ECONNREFUSED')
      return named(rows)
    },
    { batchRows: 200 },
  )
  await rethrow(runBackfill(dataSource, definition)).toThrow(
    /PAGE_FAILED.*20 rows one by one.*Error at .*no row is to blame/,
  )
  expect(calls).toBeLessThan(60)
  expect((await readFailures(portTo(dataSource), 'city.slug', { limit: 10 })).failures).toEqual([])
  isUp.now = true
  expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'completed', counts: { written: 200 } })
})

contractTest('a row that changes under a page is read again, in a page of its own', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  const pages: (readonly string[])[] = []
  const definition = pageOf(async (rows, { query }) => {
    pages.push(rows.map(({ name }) => name))
    await query({ n: 'integer' }, sql`select count(*) as n from city`)
    // Some times between read and write; then the row is left in peace.
    if (rows.some(({ id }) => id === 4) && pages.length < 4)
      await dataSource.query(`update city set name = 'Renamed ${pages.length}' where id = 4`)
    return named(rows)
  })
  expect(await runBackfill(dataSource, definition)).toMatchObject({
    status: 'completed',
    counts: { written: 10, conflicts: 1, failures: 0 },
  })
  expect(pages.slice(1, 3)).toEqual([['Renamed 1'], ['Renamed 2']])
  expect(await lowered(dataSource)).toBe(true)
})

/** A row that keeps changing is locked for its last attempt; what the transform asks then must not wait for that lock. */
contractTestOn(
  ['postgres', 'mariadb'],
  'the last attempt asks on another connection than the one that holds the lock',
  async (database) => {
    for (const poolSize of [1, 5]) {
      const dataSource = await database.connect({ poolSize })
      const writer = await database.connect({ poolSize: 1 })
      await writer.query('drop table if exists city')
      await createCities(writer, database.name, 3)
      await writer.query(
        bySql(database.name, {
          sqlite: '',
          postgres: `set lock_timeout = '300ms'`,
          mariadb: 'set innodb_lock_wait_timeout = 1',
        }),
      )
      let [calls, isHeld] = [0, false]
      const definition = defineBackfill.page({
        ...{ name: `city.slug-${poolSize}`, table: 'city', where: { slug: null } },
        select: { id: 'integer', name: 'text' },
        write: { slug: 'text' },
        async transform(rows, { query }) {
          const [one] = await query({ n: 'integer' }, sql`select count(*) as n from city where id = 2`)
          expect(one?.n).toBe(1)
          // Until it cannot any more, because the row is locked, or has tried often enough without a lock.
          if (calls++ < 12 && !isHeld)
            await writer.query(`update city set name = 'Renamed ${calls}' where id = 2`).catch(() => {
              isHeld = true
            })
          return named(rows)
        },
      })
      expect(await runBackfill(dataSource, definition)).toMatchObject({
        status: 'completed',
        counts: { written: 3, failures: 0 },
      })
      expect(await lowered(writer)).toBe(true)
      // A pool of one has no other connection, so it goes without a lock and is tried more often.
      expect(isHeld).toBe(poolSize > 1)
    }
  },
)

contractTest('what a transform asks cannot write, and is no row’s fault', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  const asking = (ask: (query: PageContext['query']) => Promise<unknown>) =>
    pageOf(async (rows, { query }) => {
      await ask(query)
      return named(rows)
    })
  const refused = async (ask: (query: PageContext['query']) => Promise<unknown>) => {
    const code = await codeOf(runBackfill(dataSource, asking(ask), { acceptsChanged: true }))
    expect((await readFailures(portTo(dataSource), 'city.slug', { limit: 10 })).failures).toEqual([])
    return code
  }
  const writing = sql`delete from city returning id`
  expect(await refused((query) => query({ id: 'integer' }, writing))).toBe('DATABASE_ERROR')
  expect(await refused((query) => query({ id: 'integer' }, sql`select id from nowhere`))).toBe('DATABASE_ERROR')
  expect(await refused((query) => query({ id: 'integer' }, 'select 1 as id' as never))).toBe('QUERY_REFUSED')
  expect(await refused((query) => query({ id: 'int' as never }, sql`select 1 as id`))).toBe('QUERY_REFUSED')
  expect(await refused((query) => query({}, sql`select 1 as id`))).toBe('QUERY_REFUSED')
  const many = sql`with recursive n (i) as (select 1 as i union all select i + 1 from n where i < 999)
    select a.i from n as a cross join n as b`
  expect(await refused((query) => query({ i: 'integer' }, many))).toBe('QUERY_REFUSED')
  expect(await countWhere(dataSource, '1 = 1')).toBe(10)
})

contractTestOn(['postgres', 'mariadb'], 'a function of the database that writes is refused', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 5)
  await dataSource.query(
    bySql(database.name, {
      sqlite: '',
      postgres: `create function spoil() returns integer language sql as $$ update city set touched = 9 returning 1 $$`,
      mariadb: 'create function spoil() returns int begin update city set touched = 9; return 1; end',
    }),
  )
  const definition = pageOf(async (rows, { query }) => {
    await query({ id: 'integer' }, sql`select spoil() as id`)
    return named(rows)
  })
  expect(await codeOf(runBackfill(dataSource, definition))).toBe('DATABASE_ERROR')
  expect(await countWhere(dataSource, 'touched = 9')).toBe(0)
})

contractTest('a value that cannot be read blames the rows that ask for it', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 16)
  const definition = pageOf(
    async (rows, { query }) => {
      const ids = rows.map(({ id }) => id)
      const found = await query(
        { id: 'integer', slug: 'text' },
        sql`select id, case when id = 3 then null else name end as slug from city where id in (${ids})`,
      )
      const slugs = new Map(found.map(({ id, slug }) => [id, slug]))
      return rows.map(({ id }) => ({ slug: slugs.get(id)!.toLowerCase() }))
    },
    { maxFailures: 1 },
  )
  expect(await runBackfill(dataSource, definition)).toMatchObject({ counts: { written: 15, failures: 1 } })
  const { failures } = await readFailures(portTo(dataSource), 'city.slug', { limit: 10 })
  expect(failures).toMatchObject([
    { key: '["3"]', message: expect.stringContaining('it is NULL. Declare it as "text?"') },
  ])
})

contractTest('plan, dry run, recomputation and undo know pages', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 40)
  const before = await readCities(dataSource)
  const definition: Backfill = defineBackfill.page({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    journal: true,
    verify: { recompute: true, check: (row) => row.slug === row.name.toLowerCase() },
    async transform(rows, { query }) {
      const [lower] = await query({ on: 'boolean' }, sql`select 1 = 1 as ${sql.id('on')}`)
      return rows.map(({ name }) => ({ slug: lower?.on ? name.toLowerCase() : name }))
    },
  })
  const port = portTo(dataSource)
  const plan = await planRun(port, definitionOf(definition), { sampleRows: 2 })
  expect(plan.sample).toMatchObject([{ after: { slug: 'city 1' } }, { after: { slug: 'city 2' } }])
  const signal = new AbortController().signal
  expect(await dryRun(port, definitionOf(definition), { abort: signal })).toMatchObject({ written: 40, failures: [] })
  expect(await countWhere(dataSource, 'slug is not null')).toBe(0)
  expect(await runBackfill(dataSource, definition)).toMatchObject({
    status: 'completed',
    verification: { isPassed: true, checked: 40, recomputed: { rows: 40, different: [] } },
  })
  const undone = await undoInForeground({ database: port, definition: definitionOf(definition), run: undefined })
  expect(undone.result).toMatchObject({ counts: { written: 40 } })
  expect(await readCities(dataSource)).toEqual(before)
})

typeormTest('inside a transaction of a migration it asks on that connection', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  const inTransaction = (ask: (query: PageContext['query']) => Promise<unknown>) =>
    withQueryRunner(dataSource, async (queryRunner) => {
      await queryRunner.startTransaction()
      try {
        await queryRunner.query(`insert into city (id, name) values (11, 'Only here')`)
        await backfillInMigration(
          queryRunner,
          pageOf(async (rows, { query }) => {
            await ask(query)
            return named(rows)
          }),
        )
        await queryRunner.commitTransaction()
      } catch (error) {
        await queryRunner.rollbackTransaction()
        throw error
      }
    })
  const seen: unknown[] = []
  await inTransaction(async (query) => {
    seen.push(...(await query({ id: 'integer' }, sql`select id from city where id = 11`)))
  })
  expect(seen).toEqual([{ id: 11 }])
  expect(await countWhere(dataSource, `slug = lower(name)`)).toBe(11)
})
