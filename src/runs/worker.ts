import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, DatabaseSource } from '../adapters/database.js'
import { ownConnections } from '../backfill/connections.js'
import { collectBackfills } from '../backfill/definition/collect-backfills.js'
import type { Backfill } from '../backfill/definition/define-backfill.js'
import type { BackfillDefinition } from '../backfill/definition/definition.js'
import { batchLimits } from '../backfill/limits.js'
import { type Workplace, withFaultsMended } from '../backfill/mend.js'
import { prepareBackfill } from '../backfill/prepare-backfill.js'
import type { Progress } from '../backfill/progress.js'
import { ownTransactions, reading } from '../backfill/transaction.js'
import type { RunRow } from '../dialects/state-statements.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { executeRun } from './execute-run.js'
import { openState } from './open-state.js'
import type { RunResult } from './run-result.js'
import { isClaimable, type RunStatus } from './run-status.js'

/** How often an idle worker looks for scheduled runs. */
const idlePollMs = 1_000

/** How often a worker looks again at runs whose shards others hold. */
const heldPollMs = 200

/** What a worker tells while it works. */
export type WorkerEvent =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'ended'; readonly result: RunResult }
  /** Others hold what is left of a run: looked at again and again, and taken over from those that die. */
  | { readonly type: 'held'; readonly backfill: string }
  /** A run that this process must not touch: another definition, a changed table. It goes on to the next. */
  | { readonly type: 'declined'; readonly backfill: string; readonly error: RowshiftError }

export interface WorkerOptions {
  readonly database: DatabaseSource
  /** The definitions this worker knows; runs of others are left to others. */
  readonly backfills: readonly Backfill[]
  readonly onEvent?: (event: WorkerEvent) => void
}

/** Works on scheduled and interrupted runs, in this process. Any number may work on the same database. */
export interface BackfillWorker extends AsyncDisposable {
  /** Begins to work in the background; resolves when the database is open. */
  start(): Promise<void>
  /** Resolves when no run of its definitions is left to work on: finished, failed or paused. Rejects with what stopped it. */
  untilIdle(): Promise<void>
  /** Finishes the batch in hand, leaves runs resumable, closes its connections. */
  stop(): Promise<void>
}

/**
 * A background worker. It may be killed at any moment: its runs are taken over by others after the lease (5 s), or resumed by
 * the next start, from the last committed batch.
 *
 *   await using worker = createWorker({ database: typeorm(dataSource), backfills: [citySlug] })
 *   await worker.start()
 *
 * @throws RowshiftError DUPLICATE_BACKFILL, INVALID_DEFINITION
 */
export function createWorker(options: WorkerOptions): BackfillWorker {
  const definitions = collectBackfills(options.backfills)
  const stopping = new AbortController()
  let working: Promise<void> = Promise.resolve()
  const waiting: (() => void)[] = []

  async function workOn(database: Database): Promise<void> {
    const onIdle = () => {
      for (const resolve of waiting.splice(0)) resolve()
      return 'wait' as const
    }
    try {
      await workUntil({ database, definitions, stop: stopping.signal, abort: never, onEvent: options.onEvent, onIdle })
    } finally {
      await database.close()
    }
  }

  const worker: BackfillWorker = {
    async start() {
      const database = await options.database.open()
      working = workOn(database)
      // Rejections are handed out by `untilIdle` and `stop`.
      working.catch(() => undefined)
    },
    async untilIdle() {
      await Promise.race([working, new Promise<void>((resolve) => waiting.push(resolve))])
    },
    async stop() {
      stopping.abort()
      await working
    },
    [Symbol.asyncDispose]: () => worker.stop(),
  }
  return worker
}

const never = new AbortController().signal

export interface WorkOptions {
  readonly database: Database
  readonly definitions: ReadonlyMap<string, BackfillDefinition>
  readonly stop: AbortSignal
  readonly abort: AbortSignal
  readonly onEvent?: ((event: WorkerEvent) => void) | undefined
}

/** Works until it is stopped, or nothing is left to do and `onIdle` does not want to wait for more. */
export async function workUntil(options: WorkOptions & { readonly onIdle: () => 'wait' | 'end' }): Promise<void> {
  while (!options.stop.aborted) {
    if ((await workOnce(options)) === 'worked') continue
    if (options.onIdle() === 'end') return
    await sleep(idlePollMs, undefined, { signal: options.stop }).catch(() => undefined)
  }
}

/** Works on every claimable run of the definitions once; `idle` when there was none. */
export async function workOnce(options: WorkOptions): Promise<'worked' | 'idle'> {
  const runs = await claimableRuns(options)
  let declined = 0
  let held = 0
  for (const run of runs) {
    if (options.stop.aborted) return 'worked'
    const definition = options.definitions.get(run.name)!
    try {
      const result = await workOnRun(options, definition, run)
      if (result === 'held') {
        held++
        options.onEvent?.({ type: 'held', backfill: run.name })
        continue
      }
      options.onEvent?.({ type: 'ended', result })
    } catch (error) {
      const isDeclined =
        error instanceof RowshiftError && (error.code === 'DEFINITION_CHANGED' || error.code === 'TABLE_CHANGED')
      if (!isDeclined) throw error
      declined++
      options.onEvent?.({ type: 'declined', backfill: run.name, error })
    }
  }
  if (declined === runs.length) return 'idle'
  // Others may die: their shards are free when their leases have run out.
  if (declined + held === runs.length)
    await sleep(heldPollMs, undefined, { signal: options.stop }).catch(() => undefined)
  return 'worked'
}

/** Connections for one visit to the database, given back after it: an idle worker holds none. */
async function visit<T>({ database, abort }: WorkOptions, task: (place: Workplace) => Promise<T>): Promise<T> {
  const { dialect } = database
  const connections = ownConnections(database)
  try {
    return await task({ dialect, connections, scope: ownTransactions(dialect, batchLimits), abort })
  } finally {
    await connections.release()
  }
}

async function claimableRuns(options: WorkOptions): Promise<readonly RunRow[]> {
  const { database, definitions } = options
  const { dialect, stateNames } = database
  const runs = await visit(options, (place) =>
    withFaultsMended(place, { doing: 'looking for runs' }, async (session) => {
      await openState(database, session, place.scope)
      return session.run(reading(dialect, place.scope, dialect.state.latestRuns(stateNames)))
    }),
  )
  return runs.filter((run) => isClaimable(run.status as RunStatus) && definitions.has(run.name))
}

async function workOnRun(
  options: WorkOptions,
  definition: BackfillDefinition,
  run: RunRow,
): Promise<RunResult | 'held'> {
  const { database } = options
  return visit(options, async (place) => {
    const prepared = await withFaultsMended(place, { doing: `taking up backfill "${run.name}"` }, (session) =>
      session.run(reading(place.dialect, place.scope, prepareBackfill(database, definition))),
    )
    return executeRun({
      ...place,
      database,
      prepared,
      run,
      from: [],
      waitsForOthers: false,
      stop: options.stop,
      onProgress: (progress) => options.onEvent?.({ type: 'progress', progress }),
    })
  })
}
