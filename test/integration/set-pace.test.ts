import { expect } from 'vitest'
import { setPace } from '../../src/runs/set-pace.js'
import { codeOf, portTo, runBackfill } from '../support/backfills.js'
import { countedSlug, createCountedCities } from '../support/counted-cities.js'
import { testEachDatabase } from '../support/databases.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'

const rows = 40

testEachDatabase('takes the pace that another connection sets, with the next page it reads', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  expect(await codeOf(setPace(portTo(app), 'city.slug', { batchRows: 4 }))).toBe('RUN_NOT_FOUND')
  let changed: Promise<unknown> | undefined
  const batches: number[] = []
  let written = 0
  const result = await runBackfill(
    await database.connect(),
    countedSlug(undefined, {
      onRow: (id) => {
        if (id === 5) changed = setPace(portTo(app), 'city.slug', { batchRows: 4, delayMs: 1 })
      },
      during: () => changed,
    }),
    {
      onProgress(progress) {
        if (progress.pass > 0) return
        batches.push(progress.written - written)
        written = progress.written
      },
    },
  )
  expect(result).toMatchObject({ status: 'completed' })
  // The second page had been read ahead when the first was transformed.
  expect(batches).toEqual([10, 10, 4, 4, 4, 4, 4])
  await expectMigratedOnce(app)
})
