import { setTimeout as sleep } from 'node:timers/promises'
import { abortOnAny } from '../backfill/abort-on-any.js'
import type { FailureLimit } from '../backfill/batch/failure-limit.js'
import { type Decision, kept, reading } from '../backfill/connection/transaction.js'
import { startHeartbeat } from '../backfill/heartbeat.js'
import { Pace } from '../backfill/pacing.js'
import type { PreparedBackfill } from '../backfill/prepare/prepare-backfill.js'
import type { Progress } from '../backfill/progress.js'
import { runShard } from '../backfill/run-backfill.js'
import type { Admission, ShardOutcome } from '../backfill/shard-context.js'
import { WrittenSample } from '../backfill/verify/recompute.js'
import type { Script } from '../dialects/script.js'
import type { RunRow } from '../dialects/state-statements.js'
import { endPass } from './finish-run.js'
import { drainRun } from './follow/drain-run.js'
import { requireFollowed } from './follow/follow.js'
import { failRun, leave, postpone, stopWith } from './leave-run.js'
import { resultOf } from './read-result.js'
import { inRetry, inTransaction, primaryOf, type RunAtWork, shardsOf } from './run-books.js'
import { RunProgress } from './run-progress.js'
import type { RunResult } from './run-result.js'
import type { RunStatus } from './run-status.js'
import { requireSameCode } from './same-code.js'
import { type Claim, type Claimed, claimShard, workerName } from './shards/claim.js'
import { findCut, stealShard } from './shards/steal.js'
import { defaultTargetMs } from './throttle/pace-options.js'
import type { Throttles, Waiting } from './throttle/throttles.js'
import { MetKeys, verifyRun } from './verify-run.js'

/** How often a worker without a shard looks whether one has become free. */
const busyPollMs = 200

export interface ExecuteOptions extends RunAtWork {
  /** Statuses beyond the claimable ones that the caller may start from: `failed`, when asked for by name. */
  readonly from: readonly RunStatus[]
  /** Whether code that has changed since the run was last worked on may go on with it. */
  readonly acceptsChanged?: boolean | undefined
  /** Whether to wait for shards that others hold; else the outcome is `held`, once nothing is free. */
  readonly waitsForOthers: boolean
  /** How many rows may fail, if the definition does not say. */
  readonly failureLimit: FailureLimit
  /** How long a batch may burden the database, in milliseconds. Default 500. */
  readonly targetMs?: number | undefined
  /** Reasons to wait; undefined = there are none. */
  readonly throttles?: Throttles | undefined
  /** The run waits, and why; undefined = it goes on. Told again whenever it has looked. */
  readonly onWait?: ((waiting: Waiting | undefined) => void) | undefined
  /** Aborted: finish the batch in hand, leave the run resumable. */
  readonly stop: AbortSignal
  /** A shard was free because its holder, named, let the lease run out. */
  readonly onTakeOver?: ((worker: string) => void) | undefined
  readonly onProgress: (progress: Progress) => void
}

/** The definition's own, or that of the place. */
function failureLimitOf({ prepared, failureLimit }: ExecuteOptions): FailureLimit {
  return prepared.definition.maxFailures ?? failureLimit
}

/**
 * Works on a run until it ends, is stopped, or belongs to others: claim a shard, run it, and when none is left decide what
 * follows. Everything that counts is in the tables, so it can begin at any moment of a run's life.
 */
export async function executeRun(options: ExecuteOptions & { readonly waitsForOthers: true }): Promise<RunResult>
export async function executeRun(options: ExecuteOptions): Promise<RunResult | 'held'>
export async function executeRun(given: ExecuteOptions): Promise<RunResult | 'held'> {
  const options = { ...given, prepared: await everyRowIfFollowedBefore(given) }
  try {
    return await workOnRun(options)
  } finally {
    // What is not given back is lost to its day, and no more.
    await options.throttles?.giveBack(primaryOf(options)).catch(() => undefined)
  }
}

/**
 * After a run that followed, rows may have changed that nobody noted, and `where` does not tell them: the next one goes over every
 * row, and writes those that are not as its transform makes them.
 */
async function everyRowIfFollowedBefore(options: ExecuteOptions): Promise<PreparedBackfill> {
  const { database, prepared, run, scope } = options
  if (!prepared.follow || prepared.plan === prepared.follow.plan) return prepared
  const { dialect, stateNames } = database
  const isFurther = await inTransaction(options, () =>
    reading(dialect, scope, dialect.state.hasFollowedBefore(stateNames, run)),
  )
  return isFurther ? { ...prepared, plan: prepared.follow.plan } : prepared
}

async function workOnRun(options: ExecuteOptions): Promise<RunResult | 'held'> {
  const { database, prepared, scope } = options
  const { recomputes, sample } = prepared.definition.verify
  const written = recomputes ? new WrittenSample(sample) : undefined
  let met = new MetKeys(options.run.pass, sample)
  const transact = <T>(body: () => Script<Decision<T>>) => inTransaction(options, () => scope.wrap(body()))
  function* check(run: RunRow) {
    yield* requireSameCode(options, run)
    yield* requireFollowed(database, prepared, run)
  }
  let from = options.from
  const pace = new Pace({ ...prepared.definition, targetMs: options.targetMs ?? defaultTargetMs })
  let isTooSlow = false

  let isWaiting = false
  let isDrained = false

  for (;;) {
    if (options.stop.aborted) return leave(options)
    const waiting = await options.throttles?.look(primaryOf(options))
    if (waiting) {
      if ((await transact(() => postpone(options, waiting, from))) === 'over') return resultOf(options)
      isWaiting = true
      options.onWait?.(waiting)
      // Whoever waits holds no connection.
      await options.connections.release()
      await options.throttles?.wait(waiting, options.stop)
      continue
    }
    if (isWaiting) options.onWait?.(undefined)
    isWaiting = false
    const free: Claim = await transact(() => claimShard(database, options.run.id, { from, isTooSlow, check }))
    from = []
    const claim = free.status === 'busy' ? ((await steal(options, free.run)) ?? free) : free
    if (claim.status === 'not-claimable') return resultOf(options)
    if (claim.status === 'busy') {
      if (!options.waitsForOthers) return 'held'
      await sleep(busyPollMs, undefined, { signal: options.stop }).catch(() => undefined)
      continue
    }
    if (claim.status === 'all-done') {
      const end = await transact(() => endPass(database, scope, prepared, options.run.id, failureLimitOf(options)))
      if (end === 'verify' && !isDrained && prepared.follow) {
        const drained = await drainRun(options, { takesOver: false, extent: 'present' })
        isDrained = drained === 'drained'
        if (drained === 'held' && !options.waitsForOthers) return 'held'
        if (drained === 'held') await sleep(busyPollMs, undefined, { signal: options.stop }).catch(() => undefined)
        continue
      }
      if (end === 'verify') {
        const verified = await verifyRun(options, { met, written, isTooSlow })
        if (typeof verified === 'object') return verified
        if (verified === 'held' && !options.waitsForOthers) return 'held'
        if (verified === 'held') await sleep(busyPollMs, undefined, { signal: options.stop }).catch(() => undefined)
        isTooSlow = verified === 'claim-lost'
        continue
      }
      if (end === 'rows-failed' || end === 'writers-still-old') return resultOf(options)
      continue
    }
    const { takenFrom } = claim.shard
    if (takenFrom !== undefined && takenFrom !== workerName) options.onTakeOver?.(takenFrom)
    // Each pass meets every key, so the last one's sample is enough.
    if (claim.run.pass !== met.pass) met = new MetKeys(claim.run.pass, sample)
    const { outcome, batches } = await work(options, claim, { met, written, pace })
    // Fenced before its first commit, a worker is too slow for the lease: smaller batches, and a longer lease.
    isTooSlow = outcome === 'claim-lost' && batches === 0
    if (isTooSlow) pace.halve()
    if (outcome === 'done') await transact(() => kept(claim.hold.finish()))
    else if (outcome === 'stopped') return leave(options, claim)
    else if (outcome === 'postponed') await transact(() => kept(claim.hold.release()))
    else if (outcome === 'rows-failed') return failRun(options, 'ROWS_FAILED', 'rows could not be migrated')
  }
}

/** Attempts at a shard whose holder happens to be committing a batch. */
const stealAttempts = 3
const stealPauseMs = 20

/** The far part of somebody's long shard; undefined where none is worth a cut. Nobody else sees those of an enclosing transaction. */
async function steal(options: ExecuteOptions, run: RunRow): Promise<Claimed | undefined> {
  const { database, prepared, scope } = options
  if (scope.isEnclosing) return undefined
  for (let attempt = 1; attempt <= stealAttempts; attempt++) {
    const cut = await inRetry(options, (session) =>
      session.run(reading(database.dialect, scope, findCut(database, prepared, run))),
    )
    if (!cut) return undefined
    const stolen = await inTransaction(options, () => scope.wrap(stealShard(database, prepared, run.id, cut)))
    if (stolen.status === 'claimed') return stolen
    await sleep(stealPauseMs)
  }
  return undefined
}

async function work(
  options: ExecuteOptions,
  claim: Claimed,
  { met, written, pace }: { readonly met: MetKeys; readonly written: WrittenSample | undefined; readonly pace: Pace },
): Promise<{ readonly outcome: ShardOutcome; readonly batches: number }> {
  const { database, prepared, connections, scope } = options
  const lost = new AbortController()
  // In an enclosing transaction nobody else can see the claim, let alone take it.
  const heartbeat = scope.isEnclosing
    ? undefined
    : startHeartbeat(claim.hold, connections, claim.shard.leaseMs, {
        onLost: () => lost.abort(),
        // One bare statement: a locked row's transaction may be open on this connection.
        onBeat: async (session) => progress.see(await session.run(shardsOf(options))),
      })
  const progress = new RunProgress(claim)
  let batches = 0
  try {
    const outcome = await runShard({
      dialect: database.dialect,
      names: database.stateNames,
      prepared,
      connections,
      scope,
      hold: claim.hold,
      shard: claim.shard,
      pass: claim.run.pass,
      failureLimit: failureLimitOf(options),
      pace,
      admission: admissionOf(options),
      stop: options.stop,
      abort: abortOnAny(options.abort, lost.signal),
      onBatch(batch) {
        batches++
        met.scanned += batch.scanned
        options.onProgress(progress.add(batch))
      },
      onKeys: prepared.definition.verify.check && ((keys) => met.sample.addAll(keys)),
      written,
    })
    const isAsked = options.stop.aborted || options.abort.aborted
    return { outcome: outcome === 'stopped' && lost.signal.aborted && !isAsked ? 'claim-lost' : outcome, batches }
  } catch (error) {
    if (scope.isEnclosing) throw error
    await stopWith(options, claim, error)
    throw error
  } finally {
    heartbeat?.stop()
  }
}

const unlimited: Admission = { admit: async () => true, refund: () => undefined, mostRows: Number.POSITIVE_INFINITY }

function admissionOf(options: ExecuteOptions): Admission {
  const { throttles } = options
  if (!throttles) return unlimited
  const primary = primaryOf(options)
  return {
    admit: (rows) => throttles.admit(rows, primary),
    refund: (rows) => throttles.refund(rows),
    get mostRows() {
      return throttles.mostRows
    },
  }
}
