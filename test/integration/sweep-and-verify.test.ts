import { expect } from 'vitest'
import { defineBackfill, sql } from '../../src/index.js'
import { controlRun } from '../../src/runs/control/run-control.js'
import { readFailures } from '../../src/runs/read-status.js'
import { codeOf, portTo, runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countWhere, createCities, readCities } from '../support/city-table.js'
import { contractTest } from '../support/databases.js'
import { requireCompleted } from '../support/migration-calls.js'

const fillSlug = { name: 'city.slug', table: 'city', select: { name: 'text' }, write: { slug: 'text' } } as const

contractTest('sweeps rows that appear behind the cursor', async (database) => {
  const app = await database.connect()
  const dataSource = await database.connect()
  await createCities(app, database.name, 40)
  await app.query('delete from city where id < 5')
  let isInserted = false
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      ...fillSlug,
      where: { slug: null },
      batchRows: 10,
      async transform(row) {
        if (row.name === 'City 30' && !isInserted) {
          isInserted = true
          await app.query(`insert into city (id, name) values (1, 'Late 1'), (99, 'Late 99')`)
        }
        return { slug: row.name }
      },
    }),
  )
  expect(result).toMatchObject({ status: 'completed', coverage: 'every-match', counts: { written: 38 } })
  expect(await countWhere(app, 'slug is null')).toBe(0)
})

contractTest('covers each key once without a where, and says so', async (database) => {
  const app = await database.connect()
  const dataSource = await database.connect()
  await createCities(app, database.name, 25)
  let calls = 0
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      ...fillSlug,
      batchRows: 10,
      async transform(row) {
        calls++
        if (row.name === 'City 25') await app.query(`insert into city (id, name) values (26, 'Late 26')`)
        return { slug: row.name }
      },
    }),
  )
  expect(result).toMatchObject({ status: 'completed', coverage: 'keys-once', counts: { scanned: 25, written: 25 } })
  expect(calls).toBe(25)
  expect(await countWhere(app, 'slug is null')).toBe(1)
})

contractTest('counts rows that the transform leaves, and ends', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 30)
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      ...fillSlug,
      where: { slug: null },
      batchRows: 7,
      transform: (row) => (row.name.endsWith('3') ? undefined : { slug: row.name }),
    }),
  )
  expect(result).toMatchObject({ status: 'completed', counts: { written: 27, left: 3 } })
  expect(await countWhere(dataSource, 'slug is null')).toBe(3)
})

contractTest('refuses a write after which the row still matches, and keeps nothing of it', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  const stillEmpty = defineBackfill({
    ...fillSlug,
    where: sql`slug is null or slug = 'again'`,
    transform: () => ({ slug: 'again' }),
  })
  expect(await codeOf(runBackfill(dataSource, stillEmpty))).toBe('WHERE_STILL_TRUE')
  expect(await countWhere(dataSource, 'slug is not null')).toBe(0)
})

contractTest('refuses SQL after which the row still matches', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  const stillEmpty = defineBackfill.sql({
    name: 'city.same',
    table: 'city',
    where: { slug: null },
    set: { touched: 1 },
  })
  expect(await codeOf(runBackfill(dataSource, stillEmpty))).toBe('WHERE_STILL_TRUE')
  expect(await countWhere(dataSource, 'touched = 1')).toBe(0)
})

contractTest('stops sweeping when old writers never stop, and goes on when asked again', async (database) => {
  const app = await database.connect()
  const dataSource = await database.connect()
  await createCities(app, database.name, 10)
  let next = 1000
  let isOld = true
  const definition = defineBackfill({
    ...fillSlug,
    where: { slug: null },
    async transform(row) {
      // One new row for each that is migrated, just behind the end of the pass.
      if (isOld) await app.query(`insert into city (id, name) values (${next}, 'City ${next++}')`)
      return { slug: row.name }
    },
  })
  expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'unfinished', reason: 'writers-still-old' })
  isOld = false

  await controlRun(portTo(dataSource), 'city.slug', 'resume')
  expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'completed' })
  expect(await countWhere(app, 'slug is null')).toBe(0)
})

contractTest('lists rows whose transform throws, fails, and tries them again', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 20)
  let isBroken = true
  const definition = defineBackfill({
    ...fillSlug,
    where: { slug: null },
    batchRows: 6,
    transform(row) {
      if (isBroken && row.name === 'City 8') throw new RangeError('no slug for this one')
      return { slug: row.name }
    },
  })
  const failed = await runBackfill(dataSource, definition)
  expect(failed).toMatchObject({ status: 'failed', code: 'ROWS_FAILED', counts: { written: 19, failures: 1 } })

  const { failures } = await readFailures(portTo(dataSource), 'city.slug', { limit: 10 })
  expect(failures).toMatchObject([
    {
      key: '["8"]',
      code: 'TRANSFORM_FAILED',
      message: expect.stringMatching(/^RangeError at .+:\d+\)$/),
      attempts: 1,
      state: 'failed',
    },
  ])
  isBroken = false
  expect(await runBackfill(dataSource, definition)).toMatchObject({
    status: 'completed',
    counts: { written: 20, failures: 0 },
  })
  expect((await readCities(dataSource)).every((city) => city.slug === city.name)).toBe(true)
})

contractTest('fails a run whose rows do not pass verify.check', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 20)
  const wrong = defineBackfill({
    ...fillSlug,
    where: { slug: null },
    transform: (row) => ({ slug: row.name === 'City 7' ? 'wrong' : row.name }),
    verify: { check: (row) => row.slug === row.name },
  })
  const result = await runBackfill(dataSource, wrong)
  expect(result).toMatchObject({ status: 'failed', code: 'VERIFY_FAILED' })
  expect(result.status === 'failed' && result.reason).toContain('["7"]')
  // No row matches any more, and yet the gate stays shut.
  await expect(requireCompleted(dataSource, wrong)).rejects.toThrow(/GATE_SHUT.*failed/)
})

contractTest('verifies a transform that normalises in place', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 20)
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      name: 'city.lower',
      table: 'city',
      select: { name: 'text' },
      write: { name: 'text' },
      // A collation that ignores case would not tell migrated rows from others.
      where: bySql(database.name, {
        sqlite: sql`name <> lower(name)`,
        postgres: sql`name <> lower(name)`,
        mariadb: sql`binary name <> binary lower(name)`,
      }),
      transform: (row) => ({ name: row.name.toLowerCase() }),
      verify: { check: (row) => row.name === row.name.toLowerCase() },
    }),
  )
  expect(result).toMatchObject({ status: 'completed', counts: { written: 20 }, verification: { checked: 20 } })
})

contractTest('verifies rows that the application edited after they were migrated', async (database) => {
  const app = await database.connect()
  const dataSource = await database.connect()
  await createCities(app, database.name, 20)
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      ...fillSlug,
      where: { slug: null },
      batchRows: 5,
      async transform(row) {
        if (row.name === 'City 20') await app.query(`update city set slug = 'edited' where id <= 3`)
        return { slug: row.name }
      },
      verify: { check: (row) => row.slug.length > 0 },
    }),
  )
  expect(result).toMatchObject({ status: 'completed', verification: { isPassed: true, checked: 20 } })
})

contractTest('completes at once on an empty table', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 0)
  const result = await runBackfill(
    dataSource,
    defineBackfill({ ...fillSlug, where: { slug: null }, transform: () => ({ slug: 'x' }) }),
  )
  expect(result).toMatchObject({ status: 'completed', counts: { scanned: 0, written: 0 } })
})
