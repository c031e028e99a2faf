import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { backfill, undo } from '../../src/adapters/typeorm/index.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { type Backfill, defineBackfill, sql } from '../../src/index.js'
import { replayFailures } from '../../src/runs/control/replay.js'
import { dryRun } from '../../src/runs/plan/dry-run.js'
import { planRun } from '../../src/runs/plan/plan-run.js'
import { readFailures } from '../../src/runs/read-status.js'
import { codeOf, portTo, runBackfill, withQueryRunner } from '../support/backfills.js'
import { createChecked } from '../support/checked-cities.js'
import { countWhere } from '../support/city-table.js'
import { contractTest, typeormTest } from '../support/databases.js'

/* Rows that the database refuses while it computes their values itself: found by halves of their key range. */

const slugOf = (bad: readonly number[], options: { readonly batchRows?: number; readonly maxFailures?: number } = {}) =>
  defineBackfill.sql({
    name: 'city.slug',
    table: 'city',
    where: { slug: null },
    set: { slug: sql`case when id in (${[0, ...bad]}) then 'refused' else name end`, touched: sql`touched + 1` },
    maxFailures: 5,
    batchRows: 256,
    ...options,
  })

const listed = async (dataSource: DataSource, name = 'city.slug') =>
  (await readFailures(portTo(dataSource), name, { limit: 1_000 })).failures

const replay = (dataSource: DataSource, definition: Backfill) =>
  replayFailures({ database: portTo(dataSource), definition: definitionOf(definition) })

contractTest(
  'finds the row that refuses a statement by halves of its key range, and writes all others once',
  async (database) => {
    const dataSource = await createChecked(database, 512)
    let updates = 0
    const result = await runBackfill(dataSource, slugOf([77]), {
      hooks: { before: ({ label }) => void (label === 'update-range' && updates++) },
    })
    expect(result).toMatchObject({
      status: 'completed',
      counts: { written: 511, skipped: 0, conflicts: 0, failures: 1 },
    })
    expect(await countWhere(dataSource, 'touched = 1 and slug = name')).toBe(511)
    expect(await listed(dataSource)).toMatchObject([
      {
        key: '["77"]',
        state: 'failed',
        code: 'ROW_REFUSED',
        step: 'write',
        attempts: 2,
        message: expect.stringContaining('no_refused'),
      },
    ])
    // Three batches and two of the sweep; two parts a halving; the row once more. The sweep writes before and after the listed row.
    expect(updates).toBeLessThanOrEqual(5 + 2 * Math.log2(256) + 4)
    // Another `set` is another definition: it makes a run of what is left.
    expect(await codeOf(replay(dataSource, slugOf([])))).toBe('DEFINITION_CHANGED')
    expect(await runBackfill(dataSource, slugOf([]))).toMatchObject({
      status: 'completed',
      counts: { written: 1, failures: 0 },
    })
  },
)

contractTest('replays rows that refused a statement, and finishes the run', async (database) => {
  const dataSource = await createChecked(database, 300)
  await dataSource.query(`update city set name = 'refused' where id between 3 and 8`)
  expect(await runBackfill(dataSource, slugOf([]))).toMatchObject({
    status: 'failed',
    code: 'ROWS_FAILED',
    counts: { failures: 6 },
  })
  const written = await countWhere(dataSource, 'touched = 1')
  expect(written).toBeGreaterThanOrEqual(200)
  expect(written).toBeLessThan(294)

  await dataSource.query(`update city set name = 'mended' where id between 3 and 7`)
  expect(await replay(dataSource, slugOf([]))).toMatchObject({
    cleared: 5,
    remaining: 1,
    result: { status: 'completed', counts: { written: 299, failures: 1 } },
  })
  // One that is set right by hand is taken off the list, and not written.
  await dataSource.query(`update city set slug = 'by hand' where id = 8`)
  expect(await replay(dataSource, slugOf([]))).toMatchObject({
    cleared: 1,
    remaining: 0,
    result: { status: 'completed', counts: { written: 299, skipped: 1, failures: 0 } },
  })
  expect(await countWhere(dataSource, 'touched = 1 and slug = name')).toBe(299)
  expect(await countWhere(dataSource, `touched = 0 and slug = 'by hand'`)).toBe(1)
})

contractTest('covers each key once by SQL without a condition, whatever is refused on the way', async (database) => {
  const dataSource = await createChecked(database, 90)
  const visits = defineBackfill.sql({
    name: 'city.visits',
    table: 'city',
    set: { slug: sql`case when id in (33, 34, 90) then 'refused' else name end`, touched: sql`touched + 1` },
    maxFailures: 5,
    batchRows: 40,
  })
  expect(await runBackfill(dataSource, visits)).toMatchObject({
    status: 'completed',
    coverage: 'keys-once',
    counts: { scanned: 90, written: 87, failures: 3 },
  })
  expect(await countWhere(dataSource, 'touched = 1')).toBe(87)
  expect((await listed(dataSource, 'city.visits')).map(({ key }) => key).sort()).toEqual(['["33"]', '["34"]', '["90"]'])
})

contractTest('halves ranges of composite keys in the order of the key', async (database) => {
  const dataSource = await database.connect()
  await dataSource.query(`create table stop (line varchar(5) not null, place integer not null, touched integer not null default 0,
    primary key (line, place), constraint few check (touched < 5))`)
  const keys = ['B', 'a', 'c'].flatMap((line) => [9, 10, 11, 100, 101].map((place) => ({ line, place })))
  await dataSource.query(
    `insert into stop (line, place) values ${keys.map(({ line, place }) => `('${line}', ${place})`).join(', ')}`,
  )
  const counted = defineBackfill.sql({
    name: 'stop.touched',
    table: 'stop',
    set: { touched: sql`case when line = 'a' and place = 100 then 5 else touched + 1 end` },
    maxFailures: 1,
  })
  expect(await runBackfill(dataSource, counted)).toMatchObject({
    status: 'completed',
    counts: { scanned: 15, written: 14, failures: 1 },
  })
  expect((await listed(dataSource, 'stop.touched')).map(({ key }) => key)).toEqual(['["a","100"]'])
  const [{ n }] = await dataSource.query('select count(*) as n from stop where touched = 1')
  expect(Number(n)).toBe(14)
})

contractTest('leaves listed rows out of the sweeps of SQL', async (database) => {
  const dataSource = await createChecked(database, 60)
  const app = await database.connect()
  let refusals = 0
  let isInserted = false
  const result = await runBackfill(dataSource, slugOf([1, 30, 31, 60], { batchRows: 30 }), {
    hooks: {
      failed: () => void refusals++,
      // Behind the cursor, between two listed rows: only a sweep can find it.
      async ended() {
        if (isInserted || (await countWhere(app, 'id > 31 and slug is not null')) === 0) return
        isInserted = true
        await app.query('delete from city where id = 20')
        await app.query(`insert into city (id, name) values (20, 'Late')`)
        refusals = 0
      },
    },
  })
  expect(isInserted).toBe(true)
  expect(result).toMatchObject({ status: 'completed', counts: { written: 57, failures: 4 } })
  expect(await countWhere(dataSource, 'slug is null')).toBe(4)
  expect((await listed(dataSource)).map(({ attempts }) => attempts)).toEqual([2, 2, 2, 2])
  // Those of row 60, of which some may have come before.
  expect(refusals).toBeLessThan(10)
})

contractTest('writes no part of a range beyond a cut that is met between two of them', async (database) => {
  const dataSource = await createChecked(database, 90)
  const visits = defineBackfill.sql({
    name: 'city.visits',
    table: 'city',
    set: { slug: sql`case when id = 10 then 'refused' else name end`, touched: sql`touched + 1` },
    maxFailures: 5,
  })
  // What an idle worker does, at the moment the lower half is about to be written.
  const cut = [
    `insert into rowshift_checkpoint (run_id, shard, status, lower_key, upper_key, seq, epoch, lease_ms, updated_at)
      select run_id, 1, status, '["30"]', upper_key, 0, 0, lease_ms, updated_at from rowshift_checkpoint where shard = 0`,
    `update rowshift_checkpoint set upper_key = '["30"]', seq = seq + 1 where shard = 0`,
  ]
  let isRefused = false
  const result = await runBackfill(dataSource, visits, {
    hooks: {
      failed({ label }) {
        isRefused ||= label.startsWith('update')
      },
      inject: ({ label }, when) => (isRefused && label === 'begin' && when === 'before' ? cut.shift() : undefined),
    },
  })
  expect(cut).toEqual([])
  // Each key is looked at once, by one shard.
  expect(result).toMatchObject({ status: 'completed', counts: { scanned: 90, written: 89, failures: 1 } })
  expect(await countWhere(dataSource, 'touched = 1')).toBe(89)
})

contractTest('goes on where the row that was refused is gone, or migrated, when it is looked for', async (database) => {
  const dataSource = await createChecked(database, 20)
  const app = await database.connect()
  const run = (meddle: string, batchRows: number) =>
    runBackfill(dataSource, slugOf([7], { batchRows }), {
      hooks: {
        async ended(error) {
          if (error !== undefined) await app.query(meddle)
        },
      },
    })
  const deleted = await run('delete from city where id = 7', 20)
  expect(deleted).toMatchObject({ status: 'completed', counts: { written: 19, failures: 0 } })
  await dataSource.query('update city set slug = null')
  await dataSource.query(`insert into city (id, name) values (7, 'Again')`)
  // A batch of its own, in which nothing is left to be written.
  const migrated = await run(`update city set slug = 'by hand' where id = 7`, 1)
  expect(migrated).toMatchObject({ status: 'completed', counts: { written: 19, failures: 0 } })
  expect(await countWhere(dataSource, `slug = 'by hand'`)).toBe(1)
})

typeormTest('tolerates no row that refuses SQL in a migration, nor when a change is taken back', async (database) => {
  const dataSource = await createChecked(database, 30)
  const { name, table } = { name: 'city.slug', table: 'city' }
  const byDefault = defineBackfill.sql({
    name,
    table,
    where: { slug: null },
    set: { slug: sql`case when id = 9 then 'refused' else name end` },
    reverse: { set: { slug: sql`case when id = 5 then 'refused' end` } },
  })
  await withQueryRunner(dataSource, async (queryRunner) => {
    await queryRunner.startTransaction()
    expect(await codeOf(backfill(queryRunner, byDefault))).toBe('ROWS_FAILED')
    await queryRunner.rollbackTransaction()
    expect(await countWhere(dataSource, 'slug is null')).toBe(30)
    await dataSource.query('delete from city where id = 9')
    await backfill(queryRunner, byDefault)
    expect(await codeOf(undo(queryRunner, byDefault))).toBe('ROWS_FAILED')
  })
  expect((await listed(dataSource, 'city.slug#undo')).map(({ key }) => key)).toEqual(['["5"]'])
  expect(await countWhere(dataSource, 'slug is not null')).toBe(1)
})

contractTest('shows beforehand which rows SQL would be refused for', async (database) => {
  const dataSource = await createChecked(database, 20)
  const definition = definitionOf(slugOf([7]))
  const port = portTo(dataSource)
  const trial = await dryRun(port, definition, { abort: new AbortController().signal })
  expect(trial).toMatchObject({ written: 19, failures: [{ key: '["7"]', code: 'ROW_REFUSED', step: 'write' }] })
  const { sample } = await planRun(port, definition, { sampleRows: 8 })
  expect(sample.filter(({ failure }) => failure !== null).map(({ key }) => key)).toEqual([['7']])
  expect(sample[5]).toMatchObject({ key: ['6'], after: { slug: 'City 6' }, failure: null })
  expect(sample[6]).toMatchObject({ after: {}, failure: { code: 'ROW_REFUSED' } })
  expect(await countWhere(dataSource, 'slug is not null or touched > 0')).toBe(0)
})
