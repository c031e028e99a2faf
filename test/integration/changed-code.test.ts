import { expect } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { defineBackfill, defineVersions } from '../../src/index.js'
import { fakeRun } from '../../src/runs/control/fake-run.js'
import { readStatus } from '../../src/runs/read-status.js'
import { codeOf, portTo, runBackfill } from '../support/backfills.js'
import { countWhere, createCities } from '../support/city-table.js'
import { contractTest } from '../support/databases.js'
import { requireCompleted, schedule } from '../support/migration-calls.js'

/* A deploy while a run is under way: other code comes to the rows that are left. And runs that nobody worked on. */

const rows = 30

type Transform = (row: { readonly name: string }) => { slug: string }

const lower: Transform = (row) => ({ slug: row.name.toLowerCase() })
const upper: Transform = (row) => ({ slug: row.name.toUpperCase() })

const slugBy = (transform: Transform, revision?: number) =>
  defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    batchRows: 10,
    ...(revision !== undefined && { revision }),
    transform,
  })

/** Stops after its first batch. */
function firstBatch() {
  const stop = new AbortController()
  return { stop: stop.signal, hooks: { after: ({ label }: { label: string }) => label === 'fence' && stop.abort() } }
}

contractTest('does not go on with other code, unless it is told to', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  expect(await runBackfill(dataSource, slugBy(lower), firstBatch())).toMatchObject({ status: 'unfinished' })
  const done = await countWhere(dataSource, 'slug is not null')
  expect(done).toBeGreaterThan(0)

  expect(await codeOf(runBackfill(dataSource, slugBy(upper)))).toBe('DEFINITION_CHANGED')
  await expect(runBackfill(dataSource, slugBy(upper))).rejects.toThrow('go on with `--accept-changed`')
  expect(await countWhere(dataSource, 'slug is not null')).toBe(done)

  expect(await runBackfill(dataSource, slugBy(upper), { ...firstBatch(), acceptsChanged: true })).toMatchObject({
    status: 'unfinished',
  })
  // From here on it is the code before that is another one.
  expect(await codeOf(runBackfill(dataSource, slugBy(lower)))).toBe('DEFINITION_CHANGED')
  expect(await runBackfill(dataSource, slugBy(upper))).toMatchObject({ status: 'completed', counts: { written: rows } })
})

contractTest('does not go on with another upgrade of the versions it takes', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const byVersions = (upgrade: Transform) => {
    const city = defineVersions('City')
      .version('1.0.0', { name: 'text' })
      .version('2.0.0', { name: 'text', slug: 'text' }, { upgrade })
    return defineBackfill({
      name: 'city@2.0.0',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
      batchRows: 10,
      steps: city.path('1.0.0', '2.0.0'),
      transform: (row) => ({ slug: city.convert(row, { from: '1.0.0', to: '2.0.0', as: 'plain' }).slug }),
    })
  }
  expect(await runBackfill(dataSource, byVersions(lower), firstBatch())).toMatchObject({ status: 'unfinished' })
  const done = await countWhere(dataSource, 'slug is not null')
  expect(await codeOf(runBackfill(dataSource, byVersions(upper)))).toBe('DEFINITION_CHANGED')
  expect(await countWhere(dataSource, 'slug is not null')).toBe(done)
  expect(await runBackfill(dataSource, byVersions(upper), { acceptsChanged: true })).toMatchObject({
    status: 'completed',
    counts: { written: rows },
  })
})

contractTest('tries a failed run again with mended code', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const failing: Transform = () => {
    throw new Error('not yet')
  }
  expect(await runBackfill(dataSource, slugBy(failing))).toMatchObject({ status: 'failed' })
  expect(await runBackfill(dataSource, slugBy(lower))).toMatchObject({ status: 'completed', counts: { written: rows } })
})

contractTest('goes on with other code of the same stated revision, not of another', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  await runBackfill(dataSource, slugBy(lower, 2), firstBatch())
  expect(await codeOf(runBackfill(dataSource, slugBy(lower, 3), { acceptsChanged: true }))).toBe('DEFINITION_CHANGED')
  const warned = new Promise<string>((resolve) => process.once('warning', ({ message }) => resolve(message)))
  expect(await runBackfill(dataSource, slugBy(upper, 2))).toMatchObject({ status: 'completed' })
  expect(await warned).toContain('Its revision is still 2')
})

contractTest('is worked on by another build than the one that scheduled it', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  await schedule(dataSource, slugBy(lower))
  expect(await runBackfill(dataSource, slugBy(upper))).toMatchObject({ status: 'completed', counts: { written: rows } })
})

contractTest('marks a run as completed without working on it; the gate looks for itself', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  await schedule(dataSource, slugBy(lower))
  const gate = () => requireCompleted(dataSource, slugBy(lower))
  const fake = () => fakeRun(portTo(dataSource), definitionOf(slugBy(lower)))
  expect(await fake()).toMatchObject({ status: 'completed', reasonCode: 'FAKED' })
  expect(await countWhere(dataSource, 'slug is not null')).toBe(0)
  expect(await codeOf(gate())).toBe('GATE_SHUT')

  await dataSource.query(`update city set slug = 'by hand'`)
  await gate()
  expect(await readStatus(portTo(dataSource))).toMatchObject([{ run: { id: 1, status: 'completed' } }])
})

contractTest('takes a run away from whoever works on it when it is marked as completed', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  let isFaked = false
  const slowly = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer', name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    batchRows: 10,
    async transform(row) {
      if (row.id === 15 && !isFaked) {
        isFaked = true
        await fakeRun(portTo(dataSource), definitionOf(slowly))
      }
      return { slug: row.name }
    },
  })
  expect(await runBackfill(dataSource, slowly)).toMatchObject({ status: 'completed', counts: { written: 10 } })
  // The batch in hand was refused.
  expect(await countWhere(dataSource, 'slug is not null')).toBe(10)
})
