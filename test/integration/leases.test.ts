import { expect } from 'vitest'
import { ShardHold } from '../../src/backfill/batch/checkpoint.js'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import { kept, ownTransactions } from '../../src/backfill/connection/transaction.js'
import type { Script } from '../../src/dialects/script.js'
import { defineBackfill } from '../../src/index.js'
import { controlRun } from '../../src/runs/control/run-control.js'
import { type RunReport, readStatus } from '../../src/runs/read-status.js'
import { claimShard } from '../../src/runs/shards/claim.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { countWhere } from '../support/city-table.js'
import { countedSlug, createCountedCities, expireLease, readCheckpoint } from '../support/counted-cities.js'
import { contractTest, contractTestOn, waitingContractTest } from '../support/databases.js'
import { atPoint } from '../support/die-at.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'
import { schedule } from '../support/migration-calls.js'
import { untilBlocked } from '../support/until-blocked.js'

/* Who may write a shard's rows, and for how long. A lease is 5 s by the database's clock. */

const leaseMs = 5_000

const rows = 40

/** Two pages for all rows: too few for an idle worker to take a part of them. */
const batchRows = 20

const completed = { status: 'completed', counts: { scanned: 2 * rows, written: rows, failures: 0 } }

for (const action of ['pause', 'cancel'] as const) {
  contractTest(`writes nothing of a batch that was being transformed at the ${action}`, async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, rows)
    const controlled: Promise<unknown>[] = []
    const backfill = countedSlug(undefined, {
      onRow: (id) => id === 15 && controlled.push(controlRun(portTo(app), 'city.slug', action)),
      during: () => Promise.all(controlled),
    })
    const result = await runBackfill(await database.connect(), backfill)
    expect(controlled).toHaveLength(1)
    expect(result).toMatchObject({
      status: 'unfinished',
      reason: action === 'pause' ? 'paused' : 'cancelled',
      counts: { scanned: 10, written: 10 },
    })
    expect(await countWhere(app, 'slug is not null')).toBe(10)

    if (action === 'pause') await controlRun(portTo(app), 'city.slug', 'resume')
    expect(await runBackfill(await database.connect(), countedSlug(undefined))).toMatchObject({ status: 'completed' })
    await expectMigratedOnce(app)
  })
}

for (const action of ['pause', 'cancel'] as const) {
  contractTestOn(['postgres', 'mariadb'], `ends a ${action} only when no batch is in flight`, async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, rows)
    const other = app.createQueryRunner()
    await other.startTransaction()
    await other.query('update city set touched = touched where id = 18')
    let isReleased = false
    let atReturn: unknown
    let [controlling, releasing]: (Promise<void> | undefined)[] = []
    const port = portTo(await database.connect())
    const control = async () => {
      await controlRun(port, 'city.slug', action)
      atReturn = { isReleased, migrated: await countWhere(app, 'slug is not null') }
    }
    // The batch waits for the row, and the command for the batch.
    const release = async () => {
      await untilBlocked(app, database.name, 2)
      isReleased = true
      await other.commitTransaction()
      await other.release()
    }
    const result = await runBackfill(await database.connect(), countedSlug(undefined), {
      hooks: atPoint({ label: 'fence', when: 'after', nth: 2 }, () => {
        controlling = control()
        releasing = release()
      }),
    })
    await Promise.all([controlling, releasing])
    expect(result).toMatchObject({ status: 'unfinished', reason: action === 'pause' ? 'paused' : 'cancelled' })
    expect(atReturn).toEqual({ isReleased: true, migrated: result.counts.written })
    expect(await countWhere(app, 'slug is not null')).toBe(result.counts.written)
  })
}

contractTest('writes nothing for a worker whose shard was taken over meanwhile', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  let takenOver: Promise<unknown> | undefined
  const takeOver = async () => {
    await expireLease(app)
    expect(await runBackfill(await database.connect(), countedSlug(undefined))).toMatchObject(completed)
  }
  const stale = countedSlug(undefined, {
    onRow(id) {
      if (id === 15) takenOver ??= takeOver()
    },
    during: () => takenOver,
  })
  expect(await runBackfill(await database.connect(), stale)).toMatchObject(completed)
  await takenOver
  await expectMigratedOnce(app)
})

waitingContractTest('keeps its shard through a transform that outlasts the lease', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  let isSlow = true
  let begin = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  let goOn = () => {}
  const lookedAt = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const slow = countedSlug(undefined, {
    batchRows,
    async during() {
      if (!isSlow) return
      isSlow = false
      begin()
      await lookedAt
    },
  })
  const other: number[] = []
  const working = runBackfill(await database.connect(), slow)
  await begun
  const waiting = runBackfill(
    await database.connect(),
    countedSlug(undefined, { batchRows, onRow: (id) => other.push(id) }),
  )
  await new Promise((resolve) => setTimeout(resolve, leaseMs + 1_000))
  expect(other).toEqual([])
  expect(await readCheckpoint(app)).toMatchObject({ epoch: 1 })
  goOn()
  expect(await working).toMatchObject(completed)
  expect(await waiting).toMatchObject(completed)
  await expectMigratedOnce(app)
})

waitingContractTest('takes a shard over whose worker fell silent, in under twice the lease', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  // A worker that hangs for ever, and whose heartbeats do not arrive any more.
  let silentSince = 0
  let begin = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const silent = countedSlug(undefined, {
    onRow: (id) => {
      if (id !== 15) return
      silentSince = performance.now()
      begin()
    },
    during: () => (silentSince > 0 ? new Promise(() => undefined) : undefined),
  })
  void runBackfill(await database.connect(), silent, {
    hooks: {
      before({ label }) {
        if (label === 'heartbeat' && silentSince > 0) throw new Error('lost on the way')
      },
    },
  }).catch(() => undefined)
  await begun

  let takenOverAt = 0
  const heir = countedSlug(undefined, {
    onRow: () => {
      takenOverAt ||= performance.now()
    },
  })
  expect(await runBackfill(await database.connect(), heir)).toMatchObject(completed)
  expect(takenOverAt - silentSince).toBeLessThan(2 * leaseMs)
  expect(takenOverAt - silentSince).toBeGreaterThan(leaseMs / 2)
  await expectMigratedOnce(app)
})

waitingContractTest('tells a transform under way that its shard has been taken away', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  let signals = 0
  const patient = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    async transform(_row, { signal }) {
      if (signals++ === 0) await controlRun(portTo(app), 'city.slug', 'pause')
      // Nothing else ends it.
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      return { slug: 'never' }
    },
  })
  const result = await runBackfill(await database.connect(), patient)
  expect(result).toMatchObject({ status: 'unfinished', reason: 'paused', counts: { written: 0, failures: 0 } })
  expect(await countWhere(app, 'slug is not null')).toBe(0)
})

contractTest('changes nothing of a shard for a hold that is not, or no longer, the right one', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  await schedule(app, countedSlug(undefined))
  const port = portTo(app)
  const { dialect, stateNames } = port
  const scope = ownTransactions(dialect, batchLimits)
  const session = await port.connect()
  const committed = <T>(script: Script<T>) => session.run(scope.wrap(kept(script)))
  const shardNow = async () => (await readStatus(port))[0]!.shards[0]!
  try {
    const options = { from: [], isTooSlow: false, check: function* () {} }
    const [{ run }] = (await readStatus(port)) as [RunReport]
    const claimed = await session.run(scope.wrap(claimShard(port, run.id, options)))
    if (claimed.status !== 'claimed') throw new Error(claimed.status)
    const { hold } = claimed
    const { seq, ...before } = await shardNow()
    const strangers = {
      'another claim': new ShardHold(dialect, stateNames, run.id, 0, 'another', seq),
      'an older sequence': new ShardHold(dialect, stateNames, run.id, 0, hold.claim, seq - 1),
    }
    for (const [which, stranger] of Object.entries(strangers)) {
      expect(await committed(stranger.fence('batch', { cursor: ['9'], add: { scanned: 1 } })), which).toBe(false)
    }
    // A heartbeat leaves the sequence alone, so it asks for the claim only; so does giving back. Whoever is at the end of a range
    // is at its end still when the range has become shorter.
    expect(await committed(strangers['another claim'].finish())).toBe(false)
    await committed(strangers['another claim'].release())
    expect(await committed(strangers['another claim'].heartbeat())).toBe(false)
    expect(await shardNow()).toEqual({ seq, ...before })
    expect(await committed(hold.fence('batch', { cursor: ['9'], add: { scanned: 1 } }))).toBe(true)
    expect(await shardNow()).toMatchObject({ seq: seq + 1, cursorKey: '["9"]', claim: hold.claim })
  } finally {
    await session.release()
  }
})
