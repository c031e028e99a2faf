import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { backfill } from '../../src/adapters/typeorm/index.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { type Backfill, defineBackfill, sql } from '../../src/index.js'
import { replayFailures } from '../../src/runs/control/replay.js'
import { readFailures } from '../../src/runs/read-status.js'
import { codeOf, portTo, runBackfill, withQueryRunner } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { createChecked } from '../support/checked-cities.js'
import { countWhere } from '../support/city-table.js'
import { contractTest, typeormTest } from '../support/databases.js'
import { requireCompleted } from '../support/migration-calls.js'

/* Rows that cannot be migrated: found, listed, left out, tried again. Nobody else's row suffers for them. */

const slugOf = (bad: readonly number[]) =>
  defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer', name: 'text', touched: 'integer' },
    write: { slug: 'text', touched: 'integer' },
    where: { slug: null },
    maxFailures: 5,
    batchRows: 256,
    transform: ({ id, name, touched }) => ({ slug: bad.includes(id) ? 'refused' : name, touched: touched + 1 }),
  })

const listed = async (dataSource: DataSource) =>
  (await readFailures(portTo(dataSource), 'city.slug', { limit: 1_000 })).failures

const replay = (dataSource: DataSource, definition: Backfill) =>
  replayFailures({ database: portTo(dataSource), definition: definitionOf(definition) })

contractTest('finds the row that the database refuses by halves, and writes all others once', async (database) => {
  const dataSource = await createChecked(database, 512)
  let updates = 0
  const definition = slugOf([77])
  const result = await runBackfill(dataSource, definition, {
    hooks: { inject: ({ label }, when) => void (label === 'update-rows' && when === 'before' && updates++) },
  })
  expect(result).toMatchObject({
    status: 'completed',
    counts: { scanned: 1024, written: 511, left: 0, conflicts: 0, failures: 1 },
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
  // Batches of 100, 256 and the rest; twice log2 of a batch, and the joint retry. A statement a row would be some hundred.
  if (database.name !== 'sqlite') expect(updates).toBeLessThan(40)
})

contractTest('is kept from no good row by whole pages of bad ones before it', async (database) => {
  const dataSource = await createChecked(database, 60)
  const definition = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer', name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    maxFailures: 30,
    batchRows: 10,
    transform({ id, name }) {
      if (id <= 30) throw new RangeError('has none')
      return { slug: name }
    },
  })
  expect(await runBackfill(dataSource, definition)).toMatchObject({
    status: 'completed',
    counts: { written: 30, failures: 30 },
  })
  expect(await countWhere(dataSource, 'id > 30 and slug = name')).toBe(30)
})

contractTest('keeps the counts of a batch in parts true, and covers each key once', async (database) => {
  const dataSource = await createChecked(database, 90)
  const calls = new Map<number, number>()
  const definition = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer' },
    write: { slug: 'text' },
    maxFailures: 5,
    transform({ id }) {
      calls.set(id, (calls.get(id) ?? 0) + 1)
      if (id % 10 === 0) return undefined
      if (id === 41) throw new RangeError('City 41 has none')
      return { slug: id === 33 || id === 34 ? 'refused' : `c${id}` }
    },
  })
  expect(await runBackfill(dataSource, definition)).toMatchObject({
    status: 'completed',
    coverage: 'keys-once',
    counts: { scanned: 90, written: 78, unchanged: 9, failures: 3 },
  })
  expect(await countWhere(dataSource, `slug like 'c%'`)).toBe(78)
  // The two refused rows have had their joint retry.
  expect([...calls].filter(([, times]) => times > 1)).toEqual([
    [33, 2],
    [34, 2],
  ])
  expect((await listed(dataSource)).map(({ key }) => key).sort()).toEqual(['["33"]', '["34"]', '["41"]'])
})

contractTest('writes no part beyond a cut that is met between two of them', async (database) => {
  const dataSource = await createChecked(database, 90)
  const definition = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer' },
    write: { slug: 'text' },
    maxFailures: 5,
    transform: ({ id }) => ({ slug: id === 10 ? 'refused' : `c${id}` }),
  })
  // What an idle worker does, at the moment the lower half is about to be written.
  const cut = [
    `insert into rowshift_checkpoint (run_id, shard, status, lower_key, upper_key, seq, epoch, lease_ms, updated_at)
      select run_id, 1, status, '["30"]', upper_key, 0, 0, lease_ms, updated_at from rowshift_checkpoint where shard = 0`,
    `update rowshift_checkpoint set upper_key = '["30"]', seq = seq + 1 where shard = 0`,
  ]
  let isRefused = false
  const result = await runBackfill(dataSource, definition, {
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
  expect(await countWhere(dataSource, `slug like 'c%'`)).toBe(89)
})

contractTest('gives refused rows one joint retry, which a clash that has cleared passes', async (database) => {
  const dataSource = await createChecked(database, 20)
  await dataSource.query('create unique index city_slug on city (slug)')
  await dataSource.query(`insert into city (id, name, slug) values (100, 'Z', 'City 7')`)
  let isCleared = false
  const result = await runBackfill(dataSource, slugOf([]), {
    hooks: {
      inject({ label }, when) {
        if (label !== 'put-failures' || when !== 'after' || isCleared) return undefined
        isCleared = true
        return `update city set slug = 'other' where id = 100`
      },
    },
  })
  expect(isCleared).toBe(true)
  expect(result).toMatchObject({ status: 'completed', counts: { written: 20, failures: 0, conflicts: 0 } })
})

contractTest('lists two rows that would swap values under a unique index, and writes the others', async (database) => {
  const dataSource = await createChecked(database, 20)
  await dataSource.query('update city set slug = name')
  await dataSource.query('create unique index city_slug on city (slug)')
  const other = new Map([
    [5, 'City 6'],
    [6, 'City 5'],
  ])
  const swap = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer' },
    write: { slug: 'text' },
    maxFailures: 5,
    transform: ({ id }) => ({ slug: other.get(id) ?? `c${id}` }),
  })
  expect(await runBackfill(dataSource, swap)).toMatchObject({
    status: 'completed',
    counts: { written: 18, failures: 2 },
  })
  expect((await listed(dataSource)).map(({ key, code }) => `${key} ${code}`).sort()).toEqual([
    '["5"] ROW_REFUSED',
    '["6"] ROW_REFUSED',
  ])
  expect(await countWhere(dataSource, 'slug = name')).toBe(2)
})

contractTest('stops beyond maxFailures, keeps the good rows, and a replay finishes the run', async (database) => {
  const dataSource = await createChecked(database, 300)
  const bad = [3, 4, 5, 6, 7, 8]
  expect(await runBackfill(dataSource, slugOf(bad))).toMatchObject({
    status: 'failed',
    code: 'ROWS_FAILED',
    counts: { failures: 6 },
  })
  const written = await countWhere(dataSource, 'touched = 1')
  expect(written).toBeGreaterThanOrEqual(90)
  expect(written).toBeLessThan(294)

  expect(await replay(dataSource, slugOf([8]))).toMatchObject({
    cleared: 5,
    remaining: 1,
    result: { status: 'completed', counts: { written: 299, failures: 1 } },
  })
  expect(await replay(dataSource, slugOf([]))).toMatchObject({
    cleared: 1,
    remaining: 0,
    result: { status: 'completed', counts: { written: 300, failures: 0 } },
  })
  expect(await countWhere(dataSource, 'touched <> 1')).toBe(0)
  expect(await replay(dataSource, slugOf([]))).toMatchObject({ cleared: 0, remaining: 0, result: undefined })
})

contractTest('keeps the gate shut while a completed run lists failures', async (database) => {
  const dataSource = await createChecked(database, 30)
  expect(await runBackfill(dataSource, slugOf([9]))).toMatchObject({ status: 'completed', counts: { failures: 1 } })
  const gate = () => requireCompleted(dataSource, slugOf([9]))
  await expect(gate()).rejects.toThrow(/GATE_SHUT.*1 of its rows.*rowshift replay/)
  // Somebody sets the row right by hand.
  await dataSource.query(`update city set slug = 'by hand' where id = 9`)
  expect(await codeOf(gate())).toBe('GATE_SHUT')
  expect(await replay(dataSource, slugOf([9]))).toMatchObject({ cleared: 1, remaining: 0 })
  await gate()
})

const { maxFailures, ...shareless } = {
  name: 'city.slug',
  table: 'city',
  select: { id: 'integer', name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  maxFailures: '1%',
  batchRows: 50,
  transform: ({ id, name }: { id: number; name: string }) => ({ slug: id < 4 ? 'refused' : name }),
} as const

contractTest('tolerates a share in the background', async (database) => {
  const dataSource = await createChecked(database, 300)
  const byDefault = defineBackfill(shareless)
  expect(await runBackfill(dataSource, byDefault)).toMatchObject({ status: 'completed', counts: { failures: 3 } })
  // 1 % of 300 keys are 3.
  await dataSource.query(`delete from city where id > 299`)
  await dataSource.query('update city set slug = null')
  expect(await runBackfill(dataSource, defineBackfill({ ...shareless, maxFailures }))).toMatchObject({
    status: 'failed',
    counts: { written: 296, failures: 3 },
  })
})

typeormTest('tolerates nothing in a migration', async (database) => {
  const dataSource = await createChecked(database, 300)
  await withQueryRunner(dataSource, async (queryRunner) => {
    await queryRunner.startTransaction()
    expect(await codeOf(backfill(queryRunner, defineBackfill(shareless)))).toBe('ROWS_FAILED')
    await queryRunner.rollbackTransaction()
  })
})

contractTest('keeps nothing of the contents of a row whose transform throws', async (database) => {
  const dataSource = await createChecked(database, 5)
  const definition = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer', name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    transform: ({ id, name }) => {
      if (id === 2) throw new RangeError(`secret ${name}\n    at secret (City 2:1:1)`)
      return { slug: name }
    },
  })
  expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'failed' })
  const [failure] = await listed(dataSource)
  expect(failure).toMatchObject({ code: 'TRANSFORM_FAILED', step: 'transform' })
  expect(failure?.message).toMatch(/^RangeError at .*bad-rows\.test\.ts:\d+:\d+\)$/)
  expect(failure?.message).not.toMatch(/secret|City/)
})

contractTest('lists keys apart that differ in what a collation passes over', async (database) => {
  const dataSource = await database.connect()
  const type = bySql(database.name, {
    sqlite: 'text',
    postgres: 'varchar(20)',
    mariadb: 'varchar(20) character set utf8mb4 collate utf8mb4_nopad_bin',
  })
  await dataSource.query(`create table tag (name ${type} primary key not null, slug varchar(20))`)
  await dataSource.query(`insert into tag (name) values ('a'), ('a '), ('A'), ('b')`)
  const definition = defineBackfill({
    name: 'tag.slug',
    table: 'tag',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    maxFailures: 5,
    transform({ name }) {
      if (name !== 'b') throw new RangeError('none')
      return { slug: name }
    },
  })
  expect(await runBackfill(dataSource, definition)).toMatchObject({ counts: { written: 1, failures: 3 } })
  const { failures } = await readFailures(portTo(dataSource), 'tag.slug', { limit: 10 })
  expect(failures.map(({ key }) => key).sort()).toEqual(['["A"]', '["a "]', '["a"]'])
})

contractTest('finds one bad row among n in a number of batches that grows as log n', async (database) => {
  const dataSource = await createChecked(database, 256)
  const fences = async (batchRows: number, bad: readonly number[]) => {
    await dataSource.query('update city set slug = null')
    let n = 0
    await runBackfill(
      dataSource,
      defineBackfill({
        name: 'city.slug',
        table: 'city',
        select: { id: 'integer' },
        write: { slug: 'text' },
        where: sql`slug is null and id <= ${batchRows}`,
        maxFailures: 5,
        batchRows,
        transform: ({ id }) => ({ slug: bad.includes(id) ? 'refused' : `c${id}` }),
      }),
      { hooks: { before: ({ label }) => void (label === 'fence' && n++) } },
    )
    return n
  }
  for (const n of [16, 64, 256]) {
    const spent = (await fences(n, [n - 3])) - (await fences(n, []))
    // Two parts a halving; then the row is noted, tried again, refused, and listed.
    expect(spent).toBeLessThanOrEqual(2 * Math.log2(n) + 4)
  }
})

contractTest(
  'replays among writers that go on, and takes off the list what is gone or was set right',
  async (database) => {
    const dataSource = await createChecked(database, 40)
    const app = await database.connect()
    const bad = [5, 6, 7, 8]
    expect(await runBackfill(dataSource, slugOf(bad))).toMatchObject({ status: 'completed', counts: { failures: 4 } })
    let isMeddled = false
    const definition = defineBackfill({
      name: 'city.slug',
      table: 'city',
      revision: 1,
      select: { id: 'integer', name: 'text', touched: 'integer' },
      write: { slug: 'text', touched: 'integer' },
      where: { slug: null },
      maxFailures: 5,
      async transform({ name, touched }) {
        if (!isMeddled) {
          isMeddled = true
          await app.query('delete from city where id = 5')
          await app.query(`update city set slug = 'by hand' where id = 6`)
          await app.query(`update city set name = 'Renamed' where id = 7`)
          await app.query(`insert into city (id, name) values (41, 'City 41')`)
        }
        return { slug: name, touched: touched + 1 }
      },
    })
    expect(await replay(dataSource, definition)).toMatchObject({
      cleared: 4,
      remaining: 0,
      result: { status: 'completed', counts: { written: 39, failures: 0 } },
    })
    expect(await countWhere(dataSource, 'slug is null')).toBe(0)
    expect(await countWhere(dataSource, `slug <> name and id <> 6`)).toBe(0)
    expect(await countWhere(dataSource, 'touched = 1')).toBe(39)
    expect(await countWhere(dataSource, `id = 6 and slug = 'by hand' and touched = 0`)).toBe(1)
  },
)
