import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Session } from '../../src/adapters/database.js'
import { limitInBackground } from '../../src/backfill/batch/failure-limit.js'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import { ownTransactions, reading } from '../../src/backfill/connection/transaction.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { prepareBackfill } from '../../src/backfill/prepare/prepare-backfill.js'
import { defineBackfill } from '../../src/index.js'
import { controlRun } from '../../src/runs/control/run-control.js'
import { concludeRun, endPass } from '../../src/runs/finish-run.js'
import { requireCompletedInMigration } from '../../src/runs/in-migration.js'
import { readFailures, readStatus } from '../../src/runs/read-status.js'
import { createWorker } from '../../src/runs/worker.js'
import { codeOf, portTo, runBackfill, sourceOf, withQueryRunner } from '../support/backfills.js'
import { countWhere, createCities } from '../support/city-table.js'
import { contractTest, contractTestOn, waitingContractTest } from '../support/databases.js'
import { inMigration, requireCompleted, rowsOf, schedule, withSession } from '../support/migration-calls.js'
import { nothingToVerify } from '../support/verification.js'

/* What follows a run's last batch, and the gate after it. */

const rows = 30

const citySlug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { id: 'integer', name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  batchRows: 10,
  // Towns have none.
  transform: ({ id, name }) => (id > 1000 ? undefined : { slug: name.toLowerCase() }),
})

contractTest('ends a pass that was stopped after its last batch', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const stop = new AbortController()
  const result = await runBackfill(dataSource, citySlug, {
    stop: stop.signal,
    hooks: { after: ({ label }) => label === 'finish-shard' && stop.abort() },
  })
  expect(result).toMatchObject({ status: 'unfinished', reason: 'interrupted', counts: { written: rows } })
  expect(await readStatus(portTo(dataSource))).toMatchObject([
    { run: { status: 'interrupted' }, shards: [{ status: 'done' }] },
  ])
  expect(await runBackfill(dataSource, citySlug)).toMatchObject({ status: 'completed', counts: { written: rows } })
})

contractTest('keeps the checkpoint of a run that fails at once when it is gone on with', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const stop = new AbortController()
  expect(
    await runBackfill(dataSource, citySlug, {
      stop: stop.signal,
      hooks: { after: ({ label }) => label === 'fence' && stop.abort() },
    }),
  ).toMatchObject({ status: 'unfinished', counts: { written: 10 } })
  const breaking = runBackfill(dataSource, citySlug, {
    hooks: {
      before({ label }) {
        if (label === 'fence') throw new Error('the disk is full')
      },
    },
  })
  expect(await codeOf(breaking)).toBe('DATABASE_ERROR')
  expect(await readStatus(portTo(dataSource))).toMatchObject([
    { run: { status: 'interrupted' }, shards: [{ cursorKey: '["10"]' }] },
  ])
  expect(await runBackfill(dataSource, citySlug)).toMatchObject({
    status: 'completed',
    // Each key once, and again in the sweep.
    counts: { written: rows, scanned: 2 * rows },
  })
})

contractTest('decides nothing for a run that was taken away after its last batch', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  await schedule(dataSource, citySlug)
  // As a worker leaves it between its last batch and what follows.
  await dataSource.query(`update rowshift_checkpoint set status = 'done', pass_written = 1`)
  const port = portTo(dataSource)
  const scope = ownTransactions(port.dialect, batchLimits)
  const session = await port.connect()
  try {
    const prepared = await session.run(reading(port.dialect, scope, prepareBackfill(port, definitionOf(citySlug))))
    const { id } = await controlRun(port, 'city.slug', 'pause')
    expect(await session.run(scope.wrap(endPass(port, scope, prepared, id, limitInBackground)))).toBe('not-yet')
    expect(await readStatus(port)).toMatchObject([{ run: { status: 'paused', pass: 0 }, shards: [{ status: 'done' }] }])

    await controlRun(port, 'city.slug', 'cancel')
    await session.run(scope.wrap(concludeRun(port, id, nothingToVerify)))
    expect(await readStatus(port)).toMatchObject([{ run: { status: 'cancelled', verification: undefined } }])
  } finally {
    await session.release()
  }
})

contractTest('ends a run that somebody who waits has called postponed while it was verified', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  await schedule(dataSource, citySlug)
  await dataSource.query(`update rowshift_checkpoint set status = 'done'`)
  await dataSource.query(`update rowshift_run set status = 'postponed', reason_code = 'THROTTLED'`)
  const port = portTo(dataSource)
  const [report] = await readStatus(port)
  const session = await port.connect()
  try {
    const conclude = concludeRun(port, report!.run.id, nothingToVerify)
    await session.run(ownTransactions(port.dialect, batchLimits).wrap(conclude))
  } finally {
    await session.release()
  }
  expect(await readStatus(port)).toMatchObject([{ run: { status: 'completed', reasonCode: undefined } }])
})

/** A row of a run's first shard that waits to be read again. */
function conflictOf(key: string): string {
  const hash = createHash('sha256').update(key).digest('hex')
  return `insert into rowshift_failure (run_id, key_hash, row_key, shard, state, step, code, message, attempts, at)
    select id, '${hash}', '${key}', 0, 'conflict', 'write', 'CONFLICT', '', 1, current_timestamp from rowshift_run`
}

contractTest('does not end a run while a row waits to be read again', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  // Without a where there is no further pass that would meet the row.
  const everySlug = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    transform: ({ name }) => ({ slug: name.toLowerCase() }),
  })
  let isNoted = false
  const result = await runBackfill(dataSource, everySlug, {
    hooks: {
      inject({ label }, when) {
        if (isNoted || label !== 'finish-shard' || when !== 'after') return undefined
        isNoted = true
        return conflictOf('["5"]')
      },
    },
  })
  expect(isNoted).toBe(true)
  expect(result).toMatchObject({ status: 'completed', counts: { written: rows, unchanged: 1 } })
  expect(await dataSource.query('select state from rowshift_failure')).toEqual([])
})

contractTest('opens the gate for rows that were left on purpose, and for no further one', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  await dataSource.query(`insert into city (id, name) values (1001, 'Town 1'), (1002, 'Town 2')`)
  expect(await runBackfill(dataSource, citySlug)).toMatchObject({ status: 'completed', counts: { left: 2 } })
  await requireCompleted(dataSource, citySlug)
  await dataSource.query(`insert into city (id, name) values (900, 'Late')`)
  expect(await codeOf(requireCompleted(dataSource, citySlug))).toBe('GATE_SHUT')
})

contractTestOn(['postgres'], 'keeps writers out from the gate until the contract is committed', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  await runBackfill(dataSource, citySlug)
  const contract = async (session: Session) => {
    await requireCompletedInMigration(portTo(dataSource), session, definitionOf(citySlug))
    await withQueryRunner(dataSource, async (old) => {
      await old.query(`set lock_timeout = '200ms'`)
      const insert = old.query(`insert into city (id, name) values (900, 'Late')`)
      await expect(insert).rejects.toMatchObject({ code: '55P03' })
      await old.query('reset lock_timeout')
      // Readers need not wait.
      await old.query('select count(*) from city')
    })
    await rowsOf(session, 'alter table city alter column slug set not null')
  }
  await withSession(dataSource, contract, { isEnclosed: true })
  await expect(dataSource.query(`insert into city (id, name) values (900, 'Late')`)).rejects.toMatchObject({
    code: '23502',
  })
})

contractTestOn(
  ['postgres'],
  'waits at the gate for rows that are not committed yet, and counts them',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, rows)
    await runBackfill(dataSource, citySlug)
    const old = dataSource.createQueryRunner()
    try {
      await old.startTransaction()
      await old.query(`insert into city (id, name) values (900, 'Late')`)
      const gate = inMigration(dataSource, ({ requireCompleted }) => codeOf(requireCompleted(citySlug)), {
        isEnclosed: true,
      })
      await expect
        .poll(() => dataSource.query(`select 1 as waits from pg_locks where not granted`), { timeout: 30_000 })
        .toEqual([{ waits: 1 }])
      await old.commitTransaction()
      expect(await gate).toBe('GATE_SHUT')
    } finally {
      await old.release()
    }
  },
)

waitingContractTest('lists a row that never stops changing, and lets go of it in time', async (database) => {
  const app = await database.connect()
  const dataSource = await database.connect()
  await createCities(app, database.name, 3)
  let version = 0
  const writes: Promise<unknown>[] = []
  const restless = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer', name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    async transform({ id, name }) {
      if (id === 2) {
        const write = app.query(`update city set name = 'City 2 v${++version}' where id = 2`)
        writes.push(write)
        // At the last attempt the row is locked, so this waits for the lock, which waits for this.
        await write
      }
      return { slug: name }
    },
  })
  expect(await runBackfill(dataSource, restless)).toMatchObject({ status: 'failed', code: 'ROWS_FAILED' })
  await Promise.all(writes)
  expect(await readFailures(portTo(app), 'city.slug', { limit: 10 })).toMatchObject({
    failures: [{ key: '["2"]', state: 'failed', code: 'CONFLICT', message: expect.stringContaining('kept changing') }],
  })
  expect(await app.query('select name from city where id = 2')).toEqual([{ name: `City 2 v${version}` }])
  expect(await countWhere(app, 'slug is null')).toBe(1)
})

contractTestOn(
  ['postgres'],
  'begins anew when the last attempt at a row meets a fault under its lock',
  async (database) => {
    const app = await database.connect()
    const dataSource = await database.connect()
    await createCities(app, database.name, 3)
    let version = 0
    let faults = 0
    const restless = defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { id: 'integer', name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
      async transform({ id, name }) {
        if (id === 2 && version < 5) await app.query(`update city set name = 'City 2 v${++version}' where id = 2`)
        return { slug: name }
      },
    })
    const result = await runBackfill(dataSource, restless, {
      hooks: {
        inject({ label, text }, when) {
          const isLocking = label === 'read-keys' && text.includes('for update')
          if (!isLocking || when !== 'after' || faults++ > 0) return undefined
          return `do $$ begin raise exception 'busy' using errcode = 'deadlock_detected'; end $$`
        },
      },
    })
    expect(result).toMatchObject({ status: 'completed', counts: { written: 3, conflicts: 1 } })
    expect(faults).toBeGreaterThan(1)
    expect(await countWhere(app, 'slug <> name')).toBe(0)
  },
)

class Latch {
  open!: () => void
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve
  })
}

/** A definition whose verification waits until it is let go, and counts how often it was asked. */
function slowlyVerified() {
  const [begun, letGo] = [new Latch(), new Latch()]
  const asked = { times: 0 }
  const definition = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    transform: ({ name }) => ({ slug: name.toLowerCase() }),
    verify: {
      after: {
        'somebody has looked': async () => {
          asked.times++
          begun.open()
          await letGo.opened
          return true
        },
      },
    },
  })
  return { definition, begun: begun.opened, letGo: () => letGo.open(), asked }
}

contractTest('has one worker verify a run, and others wait for it', async (database) => {
  const [dataSource, other] = [await database.connect(), await database.connect()]
  await createCities(dataSource, database.name, rows)
  const { definition, begun, letGo, asked } = slowlyVerified()
  const first = runBackfill(dataSource, definition)
  await begun
  // A worker goes on to other runs, and one that is stopped leaves this one alone.
  let looks = 0
  const worker = createWorker({
    database: sourceOf(other),
    backfills: [definition],
    onEvent: ({ type }) => {
      if (type === 'held') looks++
    },
  })
  await worker.start()
  await expect.poll(() => looks, { timeout: 30_000 }).toBeGreaterThan(0)
  await worker.stop()
  const hasJoined = new Latch()
  const second = runBackfill(other, definition, { onStart: () => hasJoined.open() })
  await hasJoined.opened
  // Time enough to verify, which takes no longer here.
  await sleep(500)
  expect(await readStatus(portTo(other))).toMatchObject([{ run: { status: 'running' }, shards: [{ status: 'done' }] }])
  letGo()
  expect(await Promise.all([first, second])).toMatchObject([{ status: 'completed' }, { status: 'completed' }])
  expect(asked.times).toBe(1)
})

contractTest('ends no run by what was found before it was paused and resumed', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const { definition, begun, letGo, asked } = slowlyVerified()
  const port = portTo(dataSource)
  const running = runBackfill(dataSource, definition)
  await begun
  await controlRun(port, 'city.slug', 'pause')
  await controlRun(port, 'city.slug', 'resume')
  letGo()
  expect(await running).toMatchObject({ status: 'completed' })
  expect(asked.times).toBe(2)
})
