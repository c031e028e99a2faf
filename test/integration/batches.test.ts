import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { defineBackfill, sql } from '../../src/index.js'
import { runBackfill } from '../support/backfills.js'
import { countWhere, createCities } from '../support/city-table.js'
import { contractTest, contractTestOn, type TestDatabase } from '../support/databases.js'

const slugs = {
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
} as const

contractTest('writes batchRows rows a transaction and rests delayMs after each', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 35)
  const batches: number[] = []
  let written = 0
  const startedAt = performance.now()
  await runBackfill(
    dataSource,
    defineBackfill({
      ...slugs,
      batchRows: 10,
      delayMs: 40,
      transform: (row) => ({ slug: row.name }),
    }),
    {
      onProgress(progress) {
        if (progress.pass > 0) return
        batches.push(progress.written - written)
        written = progress.written
      },
    },
  )
  expect(batches).toEqual([10, 10, 10, 5])
  // A lower bound only: three rests lie between four batches.
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(3 * 39)
})

contractTest('lets the database compute the values, batch by batch', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 35)
  await dataSource.query(`update city set slug = 'kept' where id = 7`)
  const labels = new Set<string>()
  const result = await runBackfill(
    dataSource,
    defineBackfill.sql({
      name: 'city.upper',
      table: 'city',
      where: { slug: null },
      set: { slug: sql`upper(name)`, touched: 3 },
      batchRows: 10,
    }),
    { hooks: { before: (statement) => void labels.add(statement.label) } },
  )
  expect(result).toMatchObject({ status: 'completed', coverage: 'every-match', counts: { written: 34 } })
  expect(await countWhere(dataSource, `slug = upper(name) and touched = 3`)).toBe(34)
  expect(await countWhere(dataSource, `slug = 'kept' and touched = 0`)).toBe(1)
  expect(labels).not.toContain('read-page')
})

contractTest('asks an asynchronous transform about many rows at a time, in any order of answers', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 100)
  let pending = 0
  let mostPending = 0
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      ...slugs,
      async transform(row) {
        pending++
        mostPending = Math.max(mostPending, pending)
        await new Promise((resolve) => setTimeout(resolve, Number(row.name.slice(5)) % 7))
        pending--
        return Number(row.name.slice(5)) % 10 === 0 ? undefined : { slug: row.name }
      },
    }),
  )
  expect(result).toMatchObject({ status: 'completed', counts: { written: 90, left: 10 } })
  expect(await countWhere(dataSource, 'slug = name')).toBe(90)
  expect(mostPending).toBeGreaterThan(1)
  expect(mostPending).toBeLessThanOrEqual(32)
})

// SQLite answers within the call, so there is nothing to wait for.
contractTestOn(['postgres', 'mariadb'], 'reads the next page while this one is being transformed', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 30)
  let pages = 0
  let resolve = () => {}
  const isSecondRead = new Promise<void>((settle) => {
    resolve = settle
  })
  const backfill = defineBackfill({
    ...slugs,
    select: { id: 'integer', name: 'text' },
    batchRows: 10,
    async transform({ id, name }) {
      // The transform of the first page ends only when the second one has been read.
      if (id <= 10) await isSecondRead
      return { slug: name }
    },
  })
  const result = await runBackfill(dataSource, backfill, {
    hooks: {
      after({ label }) {
        if (label === 'read-page' && ++pages === 2) resolve()
      },
    },
  })
  expect(result).toMatchObject({ status: 'completed', counts: { written: 30 } })
})

/**
 * The steps of a run of five batches with a quick transform, from its first look at its pace to the end of its first pass. At a millisecond a
 * row, a page of so many is quick even where the process stands still for a while.
 */
async function stepsOfBatches(database: TestDatabase): Promise<readonly string[]> {
  const dataSource = await database.connect()
  const [batchRows, rows] = [500, 2_250]
  await createCities(dataSource, database.name, rows)
  const labels: string[] = []
  const backfill = defineBackfill({
    ...slugs,
    batchRows,
    transform: (row) => ({ slug: row.name }),
  })
  await runBackfill(dataSource, backfill, { hooks: { before: ({ label }) => void labels.push(label) } })
  expect(await countWhere(dataSource, 'slug = name')).toBe(rows)
  return labels.slice(labels.indexOf('read-pace'), labels.indexOf('finish-shard'))
}

contractTest('begins no transaction but one a batch, and one a page where reads need one', async (database) => {
  const steps = await stepsOfBatches(database)
  const count = (label: string) => steps.filter((step) => step === label).length
  expect([count('update-rows'), count('read-page')]).toEqual([5, 5])
  // The last one ends the pass.
  expect(count('begin')).toBe(count('fence') + (database.name === 'postgres' ? count('read-page') : 0) + 1)
})

contractTest('reads the page after a quick one once the rows of that are sent', async (database) => {
  const [, ...batches] = (await stepsOfBatches(database)).join(' ').split('update-rows')
  // Nothing was known of the first one, and the last one has none after it.
  const between = batches.slice(1, -1)
  expect(between).toHaveLength(3)
  for (const steps of between) expect(steps).toMatch(/read-page.* read-pace begin fence $/)
})

contractTest('reads up to the largest key of the start, and what comes after it in a sweep', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 20)
  const ids: number[] = []
  const backfill = defineBackfill({
    ...slugs,
    select: { id: 'integer', name: 'text' },
    batchRows: 10,
    async transform({ id, name }) {
      if (id === 1 && name !== 'Early') {
        await dataSource.query(`insert into city (id, name) values (25, 'Late'), (26, 'Late')`)
        await dataSource.query(`update city set name = 'Early' where id = 1`)
      }
      ids.push(id)
      return { slug: name }
    },
  })
  let scannedFirst = 0
  const result = await runBackfill(dataSource, backfill, {
    onProgress: ({ pass, scanned }) => {
      if (pass === 0) scannedFirst = scanned
    },
  })
  expect(result).toMatchObject({ status: 'completed', counts: { written: 22 } })
  expect(scannedFirst).toBe(20)
  // Row 1 is a conflict of the first pass; what is beyond its end comes after all of it.
  expect(ids.filter((id) => id !== 1)).toEqual([...Array.from({ length: 19 }, (_, i) => i + 2), 25, 26])
})

contractTest('looks at more and more keys at once where each look costs the same', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 600)
  const looks: number[] = []
  const backfill = defineBackfill({
    ...slugs,
    where: { slug: null },
    batchRows: 10,
    transform: ({ name }) => ({ slug: name }),
  })
  await runBackfill(dataSource, backfill, {
    hooks: {
      before({ label }) {
        if (label !== 'look-at-page' && label !== 'any-match') return
        looks.push(performance.now())
        // As a condition does that goes through another table: more than a look should take.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60)
      },
    },
  })
  // 600 keys by 10, 20, 40 and so on, and not sixty times 10.
  expect(looks.length).toBeGreaterThan(3)
  expect(looks.length).toBeLessThan(30)
})

contractTest('hands out a signal that every row of a page may listen to', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 20)
  const warnings: string[] = []
  const onWarning = ({ message }: Error) => void warnings.push(message)
  process.on('warning', onWarning)
  try {
    const backfill = defineBackfill({
      ...slugs,
      transform: async ({ name }, { signal }) => {
        await sleep(20, undefined, { signal })
        return { slug: name }
      },
    })
    expect(await runBackfill(dataSource, backfill)).toMatchObject({ status: 'completed' })
    await sleep(0)
    expect(warnings).toEqual([])
  } finally {
    process.off('warning', onWarning)
  }
})
