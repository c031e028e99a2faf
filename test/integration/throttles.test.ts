import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { createWorker, type WorkerEvent } from '../../src/index.js'
import { controlRun } from '../../src/runs/control/run-control.js'
import type { PaceOptions } from '../../src/runs/throttle/pace-options.js'
import { codeOf, portTo, runBackfill, sourceOf } from '../support/backfills.js'
import { countWhere } from '../support/city-table.js'
import { countedSlug, createCountedCities } from '../support/counted-cities.js'
import { contractTest, type TestDatabase } from '../support/databases.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'
import { requireCompleted } from '../support/migration-calls.js'

/* Runs that wait: postponed, never done; for a reason that everybody can read. */

const rows = 40

/** Longer than vitest waits by itself. */
const patiently = { timeout: 30_000 }

/** A throttle of the application: shut while it has a reason. Looked at for every batch. */
function createGate(reason?: string) {
  const gate = { reason, asked: 0 }
  const pace: PaceOptions = {
    checkEveryMs: 100,
    throttle() {
      gate.asked++
      return gate.reason
    },
  }
  return { gate, pace }
}

async function readRun(dataSource: DataSource) {
  const [run] = await dataSource.query('select status, reason_code, reason, postponed_until from rowshift_run')
  return {
    status: run.status as string,
    code: run.reason_code as string | null,
    reason: run.reason as string | null,
    isDated: run.postponed_until !== null,
  }
}

async function create(database: TestDatabase) {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  return app
}

contractTest('postpones a run while a throttle has a reason, and goes on when it has none', async (database) => {
  const app = await create(database)
  const { gate, pace } = createGate('a sale is on')
  const told: (string | undefined)[] = []
  const running = runBackfill(await database.connect(), countedSlug(undefined), {
    pace,
    onWait: (waiting) => told.push(waiting?.reason),
  })
  await expect.poll(() => told.length, patiently).toBeGreaterThan(1)
  expect(await readRun(app)).toEqual({ status: 'postponed', code: 'THROTTLED', reason: 'a sale is on', isDated: true })
  expect(await countWhere(app, 'slug is not null')).toBe(0)
  expect(await codeOf(requireCompleted(app, countedSlug(undefined)))).toBe('GATE_SHUT')
  gate.reason = undefined
  expect(await running).toMatchObject({ status: 'completed', counts: { written: rows } })
  expect(new Set(told)).toEqual(new Set(['a sale is on', undefined]))
  expect(told.at(-1)).toBeUndefined()
  expect(await readRun(app)).toEqual({ status: 'completed', code: null, reason: null, isDated: false })
  await expectMigratedOnce(app)
})

contractTest('leaves its shard between two batches when a throttle shuts', async (database) => {
  const app = await create(database)
  const { gate, pace } = createGate()
  const told: (string | undefined)[] = []
  const slow = countedSlug(undefined, {
    onRow(id) {
      if (id === 15) gate.reason = 'lag'
    },
    // Longer than the last answer holds.
    during: () => new Promise((resolve) => setTimeout(resolve, 110)),
  })
  const running = runBackfill(await database.connect(), slow, { pace, onWait: (waiting) => told.push(waiting?.reason) })
  await expect.poll(() => told, patiently).toContain('lag')
  // The batch in hand was finished.
  expect(await countWhere(app, 'slug is not null')).toBe(20)
  expect(await readRun(app)).toMatchObject({ status: 'postponed', reason: 'lag' })
  const [{ claim }] = await app.query('select claim from rowshift_checkpoint')
  expect(claim).toBeNull()
  gate.reason = undefined
  expect(await running).toMatchObject({ status: 'completed' })
  await expectMigratedOnce(app)
})

contractTest('counts what cannot be measured as a reason to wait', async (database) => {
  const app = await create(database)
  let isBroken = true
  const told: (string | undefined)[] = []
  const running = runBackfill(await database.connect(), countedSlug(undefined), {
    pace: {
      checkEveryMs: 100,
      throttle() {
        if (isBroken) throw new Error('the metrics are out of reach')
      },
    },
    onWait: (waiting) => told.push(waiting?.reason),
  })
  await expect.poll(() => told, patiently).toContain('own throttle could not be measured: the metrics are out of reach')
  expect(await countWhere(app, 'slug is not null')).toBe(0)
  isBroken = false
  expect(await running).toMatchObject({ status: 'completed' })
})

contractTest('leaves a run resumable that is stopped while it waits', async (database) => {
  const app = await create(database)
  const stop = new AbortController()
  const result = await runBackfill(await database.connect(), countedSlug(undefined), {
    pace: createGate('never').pace,
    stop: stop.signal,
    onWait: () => stop.abort(),
  })
  expect(result).toMatchObject({ status: 'unfinished', reason: 'interrupted', counts: { written: 0 } })
  expect(await readRun(app)).toEqual({ status: 'interrupted', code: null, reason: null, isDated: false })
  expect(await runBackfill(await database.connect(), countedSlug(undefined))).toMatchObject({ status: 'completed' })
})

for (const [action, reason] of [
  ['pause', 'paused'],
  ['cancel', 'cancelled'],
] as const) {
  contractTest(`lets a run be ${reason} while it waits`, async (database) => {
    const app = await create(database)
    let controlled: Promise<unknown> | undefined
    const result = await runBackfill(await database.connect(), countedSlug(undefined), {
      pace: createGate('never').pace,
      onWait: () => {
        controlled ??= controlRun(portTo(app), 'city.slug', action)
      },
    })
    await controlled
    expect(result).toMatchObject({ status: 'unfinished', reason })
  })
}

contractTest('does not call a run postponed that others work on', async (database) => {
  const app = await create(database)
  const { gate, pace } = createGate('only here')
  let waiting: Promise<unknown> | undefined
  let whileWorking: unknown
  const lookedTwice = async () => {
    await expect.poll(() => gate.asked, patiently).toBeGreaterThan(1)
    whileWorking = await readRun(app)
  }
  const working = countedSlug(undefined, {
    onRow(id) {
      if (id !== 15) return
      waiting ??= database.connect().then((other) => runBackfill(other, countedSlug(undefined), { pace }))
    },
    during: () => (waiting && whileWorking === undefined ? lookedTwice() : undefined),
  })
  expect(await runBackfill(await database.connect(), working)).toMatchObject({ status: 'completed' })
  expect(whileWorking).toMatchObject({ status: 'running', code: null })
  // Whoever waits finds that there is nothing left to wait for.
  expect(await waiting).toMatchObject({ status: 'completed' })
})

contractTest('writes no more rows a day than the budget has, with all workers together', async (database) => {
  const app = await create(database)
  const stop = new AbortController()
  const reasons = new Set<string>()
  const pace: PaceOptions = { rowsPerDay: 25, checkEveryMs: 100 }
  const waits: Promise<unknown>[] = []
  const one = async () => {
    let onWaits = () => {}
    waits.push(
      new Promise<void>((resolve) => {
        onWaits = resolve
      }),
    )
    return runBackfill(await database.connect(), countedSlug(undefined, { batchRows: 7 }), {
      pace,
      stop: stop.signal,
      onWait(waiting) {
        if (!waiting) return
        reasons.add(waiting.reason)
        onWaits()
      },
    })
  }
  const workers = [one(), one()]
  await Promise.all(waits)
  stop.abort()
  await Promise.all(workers)
  expect(await countWhere(app, 'slug is not null')).toBe(25)
  expect([...reasons]).toEqual([expect.stringMatching(/^the 25 rows of \d{4}-\d\d-\d\d are written$/)])
  const [{ rows_taken }] = await app.query('select rows_taken from rowshift_budget')
  expect(Number(rows_taken)).toBe(25)

  // What is not used up is left to others; days long gone are forgotten when another one begins.
  await app.query(`update rowshift_budget set day = '2001-02-03'`)
  const ended = await runBackfill(await database.connect(), countedSlug(undefined), { pace: { rowsPerDay: 4_000 } })
  expect(ended).toMatchObject({ status: 'completed', counts: { written: rows } })
  const days = await app.query('select day, rows_taken from rowshift_budget')
  expect(days.map((day: { rows_taken: unknown }) => Number(day.rows_taken))).toEqual([rows - 25])
  await expectMigratedOnce(app)
})

contractTest('a worker waits, tells why, and is not idle meanwhile', async (database) => {
  const app = await create(database)
  const { gate, pace } = createGate('a sale is on')
  const events: WorkerEvent[] = []
  const stop = new AbortController()
  await runBackfill(await database.connect(), countedSlug(undefined), {
    pace: createGate('never').pace,
    stop: stop.signal,
    onWait: () => stop.abort(),
  })
  const dataSource = await database.connect()
  await using worker = createWorker({
    database: sourceOf(dataSource),
    backfills: [countedSlug(undefined)],
    pace,
    onEvent: (event) => events.push(event),
  })
  await worker.start()
  let isIdle = false
  const idle = worker.untilIdle().then(() => {
    isIdle = true
  })
  await expect.poll(() => events.filter(({ type }) => type === 'postponed').length, patiently).toBeGreaterThan(1)
  expect(events[0]).toEqual({ type: 'postponed', backfill: 'city.slug', reason: 'a sale is on', forMs: 100 })
  expect(isIdle).toBe(false)
  gate.reason = undefined
  await idle
  expect(events.map(({ type }) => type)).toContain('admitted')
  expect(events.at(-1)).toMatchObject({ type: 'ended', result: { status: 'completed' } })
  await expectMigratedOnce(app)
})
