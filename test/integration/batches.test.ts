import { expect } from 'vitest'
import { defineBackfill, sql } from '../../src/index.js'
import { runBackfill } from '../support/backfills.js'
import { countWhere, createCities } from '../support/city-table.js'
import { testEachDatabase } from '../support/databases.js'

testEachDatabase('writes batchRows rows a transaction and rests delayMs after each', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 35)
  const batches: number[] = []
  let written = 0
  const startedAt = performance.now()
  await runBackfill(
    dataSource,
    defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
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

testEachDatabase('lets the database compute the values, batch by batch', async (database) => {
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

testEachDatabase(
  'asks an asynchronous transform about many rows at a time, in any order of answers',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 100)
    let pending = 0
    let mostPending = 0
    const result = await runBackfill(
      dataSource,
      defineBackfill({
        name: 'city.slug',
        table: 'city',
        select: { name: 'text' },
        write: { slug: 'text' },
        where: { slug: null },
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
  },
)
