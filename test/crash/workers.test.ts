import { join } from 'node:path'
import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { leaseMs } from '../../src/backfill/connection/limits.js'
import { workerName } from '../../src/runs/shards/claim.js'
import { runBackfill } from '../support/backfills.js'
import { Child } from '../support/child.js'
import { blockingSlug, countedSlug, createCountedCities } from '../support/counted-cities.js'
import { type TestDatabase, waitingContractTest, waitingContractTestOn } from '../support/databases.js'
import type { ProtocolPoint } from '../support/die-at.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'
import { schedule } from '../support/migration-calls.js'
import { spawnTypeScript } from '../support/spawn-typescript.js'

/* Workers in processes of their own that die, stand still, or are too slow, and what the others make of it. */

const fixtures = join(__dirname, 'fixtures')

/** Two batches of 20: too few for an idle worker to take a part of them. */
const rows = 40
const batchRows = 20

const completed = { status: 'completed', counts: { scanned: 2 * rows, written: rows, failures: 0 } }

async function withWorker<T>(file: string, args: readonly unknown[], task: (worker: Child) => Promise<T>): Promise<T> {
  const worker = new Child(
    spawnTypeScript(
      join(fixtures, file),
      args.map((arg) => JSON.stringify(arg)),
    ),
  )
  try {
    return await task(worker)
  } finally {
    await worker.kill()
  }
}

async function createCounted(database: TestDatabase): Promise<DataSource> {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  return app
}

/** Does the rest of the run; says what the checkpoint had noted of the take-over when the first row was transformed. */
async function takeOver(database: TestDatabase, app: DataSource) {
  let noted: Promise<{ taken_from: string; silent_ms: unknown }[]> | undefined
  const heir = countedSlug(undefined, {
    batchRows,
    onRow() {
      noted ??= app.query('select taken_from, silent_ms from rowshift_checkpoint')
    },
    during: () => noted,
  })
  expect(await runBackfill(await database.connect(), heir)).toMatchObject(completed)
  const [shard] = (await noted)!
  return { takenFrom: shard!.taken_from, silentMs: Number(shard!.silent_ms) }
}

const nameOf = (worker: Child) => workerName.replace(/\d+$/, String(worker.pid))

waitingContractTest('takes the shard of a killed worker over in under twice the lease', async (database) => {
  const app = await createCounted(database)
  await withWorker('suspended-worker.ts', [database, { transformOf: 25 }], async (worker) => {
    await worker.line('standing')
    await worker.kill()
    const { takenFrom, silentMs } = await takeOver(database, app)
    expect(takenFrom).toBe(nameOf(worker))
    // By the database's clock.
    expect(silentMs).toBeGreaterThanOrEqual(leaseMs)
    expect(silentMs).toBeLessThan(2 * leaseMs)
  })
  await expectMigratedOnce(app)
})

waitingContractTest(
  'writes nothing of a worker that was suspended between two batches, when it goes on after another took over',
  async (database) => {
    const app = await createCounted(database)
    await withWorker('suspended-worker.ts', [database, { transformOf: 25 }], async (worker) => {
      await worker.line('standing')
      const { takenFrom, silentMs } = await takeOver(database, app)
      expect(takenFrom).toBe(nameOf(worker))
      expect(silentMs).toBeLessThan(2 * leaseMs)
      worker.signal('SIGCONT')
      expect(await worker.exited, worker.output()).toEqual({ code: 0, signal: null })
      expect(worker.lines).toEqual(['standing', 'fenced', 'ended: completed'])
    })
    await expectMigratedOnce(app)
  },
)

const inside: Record<string, ProtocolPoint> = {
  'before its rows are written': { label: 'fence', when: 'after' },
  'after its rows were written': { label: 'update-rows', when: 'after' },
}

for (const [moment, point] of Object.entries(inside)) {
  // On SQLite it keeps the only lock, and nobody can take it away: docs/testing.md and README say so.
  waitingContractTestOn(
    ['postgres', 'mariadb'],
    `blocks nobody for good, and writes nothing, when a worker is suspended inside its transaction ${moment}`,
    async (database) => {
      const app = await createCounted(database)
      await withWorker('suspended-worker.ts', [database, point], async (worker) => {
        await worker.line('standing')
        // One waits for the row, the other for the shard: both go on when the server has ended the idle transaction.
        const [, { takenFrom }] = await Promise.all([
          app.query(`update city set name = 'Town 5' where id = 5`),
          takeOver(database, app),
        ])
        expect(takenFrom).toBe(nameOf(worker))
        expect(worker.lines).toEqual(['standing'])
        worker.signal('SIGCONT')
        expect(await worker.exited, worker.output()).toEqual({ code: 0, signal: null })
        // Its connection is gone. Where that was at the commit, a look at the checkpoint says enough.
        expect(worker.lines.at(-1)).toBe('ended: completed')
        expect(worker.lines).not.toContain('let through')
      })
      await expectMigratedOnce(app)
    },
  )
}

waitingContractTest(
  'two workers whose transforms outlast the lease and let no heartbeat through end with smaller batches and a longer lease',
  async (database) => {
    const app = await createCounted(database)
    await schedule(
      app,
      blockingSlug(() => undefined),
    )
    // A batch takes 1.2 s, as 12 s would be to 5 s.
    await app.query('update rowshift_checkpoint set lease_ms = 500')
    const work = <T>(task: (worker: Child) => Promise<T>) => withWorker('blocking-worker.ts', [database], task)
    await work((one) =>
      work(async (other) => {
        // However long a process takes to start: they have to meet.
        for (const worker of [one, other]) await worker.line('ready')
        for (const worker of [one, other]) worker.send('go')
        for (const worker of [one, other])
          expect(await worker.exited, worker.output()).toEqual({ code: 0, signal: null })
        const batches = [one, other].map(({ lines }) =>
          lines.slice(1).map((line) => ({ isFenced: line.startsWith('fenced'), size: Number(line.split(' ')[1]) })),
        )
        // Whoever was fenced in its first batch came back with half of it.
        const begins = batches.filter(([first]) => first?.isFenced)
        expect(begins.length).toBeGreaterThan(0)
        for (const [first, second] of begins) if (second) expect(second.size).toBeLessThanOrEqual(first!.size / 2)
      }),
    )
    const [shard] = await app.query('select lease_ms from rowshift_checkpoint')
    expect(Number(shard.lease_ms)).toBeGreaterThanOrEqual(1_000)
    await expectMigratedOnce(app)
  },
)
