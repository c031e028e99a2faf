import { join } from 'node:path'
import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { replayFailures } from '../../src/runs/control/replay.js'
import { readFailures } from '../../src/runs/read-status.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { runChild } from '../support/child.js'
import {
  countedSlug,
  countedSlugInSql,
  createCountedCities,
  expireLease,
  readCheckpoint,
  readCounted,
  refuseCities,
  refuseNone,
} from '../support/counted-cities.js'
import { contractTest, type TestDatabase } from '../support/databases.js'
import type { ProtocolPoint } from '../support/die-at.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'

/* Killed while a refused batch is halved, or while failures are replayed: each good row is written once, each bad one is listed. */

const rows = 40
const options = { maxFailures: 5 }

const isKilled = async (file: string, database: TestDatabase, ...args: readonly unknown[]) => {
  const child = runChild(
    join(__dirname, 'fixtures', file),
    [database, ...args].map((arg) => JSON.stringify(arg)),
  )
  expect(await child.exited, child.output()).toEqual({ code: null, signal: 'SIGKILL' })
}

const failedKeys = async (dataSource: DataSource) => {
  const { failures } = await readFailures(portTo(dataSource), 'city.slug', { limit: 10 })
  return failures.map(({ key, state }) => [state, key])
}

// Batches 21-30 and 31-40 are whole; row 6 is in the first batch, whose halves are 1-5, 6-10 (refused), 6-8 (refused), 6-7 (refused),
// 6 (refused, and noted), 7, 8, 9-10.
const halves: Record<string, ProtocolPoint> = {
  'within the first half': { label: 'fence', when: 'after', nth: 2 },
  'between two halves': { label: 'fence', when: 'before', nth: 3 },
  'within a half that is refused': { label: 'fence', when: 'after', nth: 4 },
  'when the refused row is noted': { label: 'put-failures', when: 'after' },
  'after the commit of the refused row': { label: 'commit', when: 'after', since: 'put-failures' },
  'before the refused row is tried again': { label: 'read-keys', when: 'before', since: 'put-failures' },
}

// The same halves of a range; a row that is tried again is a range of its own.
const halvesOfSql = {
  ...halves,
  'before the refused row is tried again': { label: 'update-range', when: 'before', since: 'put-failures' },
} satisfies typeof halves

for (const form of ['transform', 'sql'] as const) {
  for (const [moment, point] of Object.entries(form === 'sql' ? halvesOfSql : halves)) {
    contractTest(
      `writes each good row of a refused batch once when it is killed ${moment} (${form})`,
      async (database) => {
        const app = await database.connect()
        await createCountedCities(app, database.name, rows)
        await refuseCities(app, database.name, [6])
        if (form === 'sql') await isKilled('dying-sql.ts', database, point, 'city.slug')
        else await isKilled('dying-run.ts', database, point, options)

        // Cursor, counters and list speak of exactly the rows that were committed.
        const { cursor = 0, written, conflicts } = await readCheckpoint(app)
        const before = (await readCounted(app)).writes
        expect(before.length).toBe(written)
        expect([...before, ...conflicts].sort((a, b) => a - b)).toEqual(Array.from({ length: cursor }, (_, i) => i + 1))

        await expireLease(app)
        const definition = form === 'sql' ? countedSlugInSql : countedSlug(app, options)
        expect(await runBackfill(await database.connect(), definition)).toMatchObject({
          status: 'completed',
          counts: { written: rows - 1, left: 0, skipped: 0, failures: 1 },
        })
        const { cities, writes } = await readCounted(app)
        const good = cities.filter(({ id }) => id !== 6)
        expect(writes).toEqual(good.map(({ id }) => id))
        expect(good.filter(({ touched, slug, name }) => touched !== 1 || slug !== String(name).toLowerCase())).toEqual(
          [],
        )
        expect(cities.find(({ id }) => id === 6)).toMatchObject({ touched: 0, slug: null })
        expect(await failedKeys(app)).toEqual([['failed', '["6"]']])
      },
    )
  }
}

const replays: Record<string, ProtocolPoint> = {
  'when the run is reopened': { label: 'claim-shard', when: 'before' },
  'between fence and update': { label: 'fence', when: 'after' },
  'when a row is taken off the list': { label: 'delete-failures', when: 'after' },
  'right after the commit': { label: 'commit', when: 'after', since: 'delete-failures' },
  'before the run is completed': { label: 'set-verification', when: 'after' },
}

for (const [moment, point] of Object.entries(replays)) {
  contractTest(`replays each failure once when it is killed ${moment}`, async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, rows)
    await refuseCities(app, database.name, [6, 27])
    const definition = countedSlug(undefined, options)
    expect(await runBackfill(app, definition)).toMatchObject({ status: 'completed', counts: { failures: 2 } })
    await refuseNone(app, database.name)
    await isKilled('dying-replay.ts', database, point)

    await expireLease(app)
    const report = await replayFailures({ database: portTo(app), definition: definitionOf(definition) })
    // Whatever the dead replay has taken off the list, and committed, is no part of this one.
    if (report.result) expect(report).toMatchObject({ remaining: 0, result: { status: 'completed' } })
    else await runBackfill(app, definition)
    await expectMigratedOnce(app)
    expect(await failedKeys(app)).toEqual([])
  })
}
