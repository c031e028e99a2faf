import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, DatabaseSource } from '../adapters/database.js'
import { limitInBackground } from '../backfill/batch/failure-limit.js'
import { ownConnections } from '../backfill/connection/connections.js'
import { batchLimits } from '../backfill/connection/limits.js'
import { type Workplace, withFaultsMended } from '../backfill/connection/mend.js'
import { ownTransactions, reading } from '../backfill/connection/transaction.js'
import { collectBackfills } from '../backfill/definition/collect-backfills.js'
import type { Backfill } from '../backfill/definition/define-backfill.js'
import type { BackfillDefinition } from '../backfill/definition/definition.js'
import { requireNoCircle } from '../backfill/definition/require-no-circle.js'
import type { Sequence } from '../backfill/definition/sequence.js'
import { prepareBackfill } from '../backfill/prepare/prepare-backfill.js'
import type { Progress } from '../backfill/progress.js'
import type { Script } from '../dialects/script.js'
import type { RunRow } from '../dialects/state-statements.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { type Awaited, AwaitedRuns } from './awaited-runs.js'
import { executeRun } from './execute-run.js'
import { drainRun } from './follow/drain-run.js'
import { openState } from './open-state.js'
import { Rests } from './rests.js'
import type { RunResult } from './run-result.js'
import { isClaimable, type RunStatus } from './run-status.js'
import { isUnadopted, startRun } from './start-run.js'
import { checkPace, openThrottles, type PaceOptions } from './throttle/pace-options.js'
import type { Throttles } from './throttle/throttles.js'
import { purgeJournals } from './undo/undo.js'
import { postponedMs, requireNoWait } from './when.js'

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
  /** A run is postponed: its reason, and how long until it may be over. Told again whenever the worker has looked. */
  | { readonly type: 'postponed'; readonly backfill: string; readonly reason: string; readonly forMs: number }
  /** It goes on. */
  | { readonly type: 'admitted'; readonly backfill: string }
  /** A shard was held by a worker that has been silent for longer than its lease. */
  | { readonly type: 'taken-over'; readonly backfill: string; readonly runId: number; readonly worker: string }
  /** A run that this process must not touch: another definition, a changed table. It goes on to the next. */
  | { readonly type: 'declined'; readonly backfill: string; readonly error: RowshiftError }
  /** A run that cannot be worked on, or no further. It goes on to the next, and comes back to this one after a while. */
  | { readonly type: 'stopped'; readonly backfill: string; readonly error: RowshiftError }
  /** The database is out of reach, for longer than retries last: looked for again and again. */
  | { readonly type: 'unavailable'; readonly error: RowshiftError }
  /** The database is there again. */
  | { readonly type: 'available' }

export interface WorkerOptions {
  readonly database: DatabaseSource
  /** The definitions this worker knows; runs of others are left to others. */
  readonly backfills: readonly (Backfill | Sequence)[]
  /** How hard the worker may press the database, and when it waits. Default: batches of 200 ms, and no reason to wait. */
  readonly pace?: PaceOptions
  readonly onEvent?: (event: WorkerEvent) => void
}

/** Works on scheduled and interrupted runs, in this process. Any number may work on the same database. */
export interface BackfillWorker extends AsyncDisposable {
  /** Begins to work in the background; resolves when the database is open. */
  start(): Promise<void>
  /**
   * Resolves when no run of its definitions is left to work on: finished, failed or paused. Rejects with what stopped it, or with
   * the error of a run that it could not work on; such a run is tried again later all the same. A run that comes after one that
   * another worker is at is waited for.
   */
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
 * @throws RowshiftError DUPLICATE_BACKFILL, INVALID_DEFINITION, INVALID_CONFIG
 */
export function createWorker(options: WorkerOptions): BackfillWorker {
  const definitions = collectBackfills(options.backfills)
  const pace = checkPace(options.pace ?? {})
  const stopping = new AbortController()
  let working: Promise<void> = Promise.resolve()
  const waiting: { readonly resolve: () => void; readonly reject: (error: RowshiftError) => void }[] = []

  async function workOn(database: Database): Promise<void> {
    const onIdle = (errors: readonly RowshiftError[]) => {
      for (const { resolve, reject } of waiting.splice(0)) errors[0] ? reject(errors[0]) : resolve()
    }
    const { onEvent } = options
    try {
      await workUntil({
        database,
        definitions,
        pace,
        stop: stopping.signal,
        abort: never,
        onEvent,
        onIdle,
        isWatching: true,
      })
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
      await Promise.race([working, new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }))])
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
  readonly pace: PaceOptions
  /** Whether functions that have changed since a run was last worked on may go on with it. */
  readonly acceptsChanged?: boolean | undefined
  readonly onEvent?: ((event: WorkerEvent) => void) | undefined
}

interface ThrottledOptions extends WorkOptions {
  readonly throttles: Throttles
}

interface WatchOptions extends WorkOptions {
  /** Whether to wait for new runs, and for a database that is out of reach. */
  readonly isWatching: boolean
  /** Nothing is left to do but what these errors stand in the way of. */
  readonly onIdle?: (errors: readonly RowshiftError[]) => void
}

/**
 * Works until it is stopped or, unless it is watching, nothing is left to do.
 * @throws RowshiftError what the database says to the search for runs; while watching only what does not pass by itself
 */
export async function workUntil(options: WatchOptions): Promise<void> {
  const throttles = openThrottles(options.database, options.pace)
  try {
    await workWith(throttles, options)
  } finally {
    await throttles.close()
  }
}

async function workWith(throttles: Throttles, options: WatchOptions): Promise<void> {
  const { stop, isWatching, onIdle, onEvent } = options
  const pause = (ms: number) => sleep(ms, undefined, { signal: stop }).catch(() => undefined)
  const rests = new Rests()
  const awaited = new AwaitedRuns(options.database)
  let isOutOfReach = false
  while (!stop.aborted) {
    let found: FoundRuns
    try {
      found = await findRuns(options)
    } catch (error) {
      if (!isWatching || !(error instanceof RowshiftError && error.retryable)) throw error
      if (!isOutOfReach) onEvent?.({ type: 'unavailable', error })
      isOutOfReach = true
      // The search has been retried for some seconds already, so there is no need for a wait that grows.
      await pause(idlePollMs)
      continue
    }
    if (isOutOfReach) onEvent?.({ type: 'available' })
    isOutOfReach = false
    for (const run of found.noted) await followRun(options, run, rests)
    if ((await workOnce({ ...options, throttles }, found.claimable, rests, awaited)) === 'worked') continue
    onIdle?.(rests.errors([...found.noted, ...found.claimable]))
    if (!isWatching) return
    await pause(idlePollMs)
  }
}

/** Works on each of the runs once; `idle` when there was none to work on. */
async function workOnce(
  options: ThrottledOptions & WatchOptions,
  runs: readonly RunRow[],
  rests: Rests,
  awaited: AwaitedRuns,
): Promise<'worked' | 'idle'> {
  let declined = 0
  let held = 0
  const notAsked: RunRow[] = []
  for (const run of runs) {
    if (options.stop.aborted) return 'worked'
    if (rests.isResting(run.id)) {
      declined++
      if (rests.isPostponed(run.id)) notAsked.push(run)
      continue
    }
    const definition = options.definitions.get(run.name)!
    try {
      const result = await workOnRun(options, definition, run)
      rests.end(run.id)
      if (result === 'held') {
        held++
        options.onEvent?.({ type: 'held', backfill: run.name })
        continue
      }
      options.onEvent?.({ type: 'ended', result })
    } catch (error) {
      leaveAlone(options, run, rests, error)
      declined++
    }
  }
  if (declined === runs.length) {
    const ahead = await lookAhead(options, runs, rests, awaited)
    if (ahead === 'under-way') await sleep(heldPollMs, undefined, { signal: options.stop }).catch(() => undefined)
    if (ahead !== 'at-rest') return 'worked'
    // Whoever leaves for good looks once more: what they wait for may be over since, such as a run that another worker has completed.
    if (options.isWatching || notAsked.length === 0) return 'idle'
    for (const run of notAsked) rests.end(run.id)
    return 'worked'
  }
  // Others may die: their shards are free when their leases have run out.
  if (declined + held === runs.length)
    await sleep(heldPollMs, undefined, { signal: options.stop }).catch(() => undefined)
  return 'worked'
}

/** What postponed runs wait for: they are asked again at once where it is over, and it is waited for where others are at it. */
async function lookAhead(
  options: WorkOptions,
  runs: readonly RunRow[],
  rests: Rests,
  awaited: AwaitedRuns,
): Promise<Awaited> {
  const waiting = runs.flatMap(({ id }) => {
    const name = rests.awaits(id)
    return name === undefined ? [] : [{ id, name }]
  })
  if (waiting.length === 0) return 'at-rest'
  function* look(): Script<Awaited> {
    let all: Awaited = 'at-rest'
    for (const { id, name } of waiting) {
      const one = yield* awaited.look(name)
      if (one === 'over') rests.end(id)
      if (one !== 'at-rest' && all !== 'over') all = one
    }
    return all
  }
  try {
    return await visit(options, (place) =>
      withFaultsMended(place, { doing: 'looking at the runs that others wait for' }, (session) =>
        session.run(reading(place.dialect, place.scope, look())),
      ),
    )
  } catch (error) {
    // The next search for runs tells that the database is out of reach, and what becomes of it.
    if (error instanceof RowshiftError && error.retryable) return 'at-rest'
    throw error
  }
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

interface FoundRuns {
  readonly claimable: readonly RunRow[]
  /** Completed, and following until their gate: changes were noted for them. */
  readonly noted: readonly RunRow[]
}

async function findRuns(options: WorkOptions): Promise<FoundRuns> {
  const { database, definitions } = options
  const { dialect, stateNames } = database
  function* find(): Script<FoundRuns> {
    const known = (yield* dialect.state.latestRuns(stateNames)).filter((run) => definitions.has(run.name))
    const noted: RunRow[] = []
    for (const run of known) if (yield* hasNotes(database, run)) noted.push(run)
    const claimable = known.filter((run) => isClaimable(run.status as RunStatus))
    // Those that others wait for come first.
    const ordered = requireNoCircle(claimable.map((run) => definitions.get(run.name)!)).map(({ name }) => name)
    claimable.sort((a, b) => ordered.indexOf(a.name) - ordered.indexOf(b.name))
    return { claimable, noted }
  }
  return visit(options, (place) =>
    withFaultsMended(place, { doing: 'looking for runs' }, async (session) => {
      await openState(database, session, place.scope)
      return session.run(reading(dialect, place.scope, find()))
    }),
  )
}

/** Notes, or what a worker that died has taken up of them. */
function* hasNotes({ dialect, stateNames }: Database, run: RunRow): Script<boolean> {
  if (run.status !== 'completed' || run.follow !== 'on') return false
  if ((yield* dialect.state.notes(stateNames, run.name, 1)).length > 0) return true
  return (yield* dialect.state.countFailures(stateNames, run.id)).conflict > 0
}

/** Computes rows anew that others have changed. Others may be at it: then there is nothing to do. */
async function followRun(options: WorkOptions, run: RunRow, rests: Rests): Promise<void> {
  const { database, definitions, stop } = options
  if (stop.aborted || rests.isResting(run.id)) return
  try {
    await visit(options, async (place) => {
      const prepared = await withFaultsMended(place, { doing: `taking up backfill "${run.name}"` }, (session) =>
        session.run(reading(place.dialect, place.scope, prepareBackfill(database, definitions.get(run.name)!))),
      )
      await drainRun({ ...place, database, prepared, run, stop }, { takesOver: false, extent: 'present' })
    })
    rests.end(run.id)
  } catch (error) {
    leaveAlone(options, run, rests, error)
  }
}

/** A run that cannot be worked on, for now or by this process. */
function leaveAlone({ onEvent }: WorkOptions, run: RunRow, rests: Rests, error: unknown): void {
  if (!(error instanceof RowshiftError)) throw error
  if (error.code === 'POSTPONED') {
    rests.begin(run.id, error, postponedMs)
    const { reason } = error.details as { readonly reason: string }
    onEvent?.({ type: 'postponed', backfill: run.name, reason, forMs: postponedMs })
    return
  }
  const isDeclined = error.code === 'DEFINITION_CHANGED' || error.code === 'TABLE_CHANGED'
  if (!isDeclined) rests.begin(run.id, error)
  onEvent?.({ type: isDeclined ? 'declined' : 'stopped', backfill: run.name, error })
}

async function workOnRun(
  options: ThrottledOptions,
  definition: BackfillDefinition,
  found: RunRow,
): Promise<RunResult | 'held'> {
  const { database } = options
  return visit(options, async (place) => {
    const prepared = await withFaultsMended(place, { doing: `taking up backfill "${found.name}"` }, (session) =>
      session.run(reading(place.dialect, place.scope, prepareBackfill(database, definition))),
    )
    const { run } = isUnadopted(found)
      ? await withFaultsMended(place, { doing: `starting backfill "${found.name}"` }, (session) =>
          startRun(database, session, place.scope, prepared),
        )
      : { run: found }
    await withFaultsMended(place, { doing: `taking up backfill "${found.name}"` }, (session) =>
      requireNoWait(database, session, place.scope, definition, run),
    )
    await withFaultsMended(place, { doing: 'removing old journals' }, (session) =>
      purgeJournals(database, session, place.scope),
    )
    return executeRun({
      ...place,
      database,
      prepared,
      run,
      from: [],
      acceptsChanged: options.acceptsChanged,
      waitsForOthers: false,
      failureLimit: limitInBackground,
      stop: options.stop,
      targetMs: options.pace.targetMs,
      throttles: options.throttles,
      onWait: (waiting) =>
        options.onEvent?.(
          waiting ? { type: 'postponed', backfill: run.name, ...waiting } : { type: 'admitted', backfill: run.name },
        ),
      onTakeOver: (worker) => options.onEvent?.({ type: 'taken-over', backfill: run.name, runId: run.id, worker }),
      onProgress: (progress) => options.onEvent?.({ type: 'progress', progress }),
    })
  })
}
