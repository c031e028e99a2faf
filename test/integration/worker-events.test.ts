import { expect } from 'vitest'
import { createWorker, defineBackfill, type WorkerEvent } from '../../src/index.js'
import { sourceOf } from '../support/backfills.js'
import { createCities } from '../support/city-table.js'
import { contractTest } from '../support/databases.js'
import { inMigration } from '../support/migration-calls.js'

contractTest(
  'a worker tells the rows, failures, time and memory of each batch, and how a run ended',
  async (database) => {
    const app = await database.connect()
    await createCities(app, database.name, 25)
    const slug = defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
      batchRows: 10,
      maxFailures: 1,
      transform: ({ name }) => {
        if (name === 'City 13') throw new Error('no such place')
        return { slug: name.toLowerCase() }
      },
    })
    await inMigration(app, (migration) => migration.schedule(slug))
    const events: WorkerEvent[] = []
    await using worker = createWorker({
      database: sourceOf(await database.connect()),
      backfills: [slug],
      // Batches stay as large as the definition says, however slow the machine is.
      pace: { targetMs: 60_000 },
      onEvent: (event) => events.push(event),
    })
    await worker.start()
    await worker.untilIdle()

    const batches = events.flatMap((event) =>
      event.type === 'progress' && event.progress.pass === 0 ? event.progress : [],
    )
    expect(batches).toMatchObject([
      { backfill: 'city.slug', scanned: 10, written: 10, failures: 0, batch: { rows: 10 } },
      { backfill: 'city.slug', scanned: 20, written: 19, failures: 1, batch: { rows: 10 } },
      { backfill: 'city.slug', scanned: 25, written: 24, failures: 1, batch: { rows: 5 } },
    ])
    for (const { batch } of batches) {
      expect(batch?.ms).toBeGreaterThan(0)
      // Not less than Node itself has, and not more than the machine.
      expect(batch?.memoryBytes).toBeGreaterThan(2 ** 24)
      expect(batch?.memoryBytes).toBeLessThan(2 ** 36)
    }
    expect(events.at(-1)).toMatchObject({
      type: 'ended',
      result: { status: 'completed', counts: { written: 24, failures: 1 } },
    })
  },
)
