import type { Database } from '../adapters/database.js'
import type { ShardHold } from '../backfill/batch/checkpoint.js'
import { type FailureLimit, tolerated } from '../backfill/batch/failure-limit.js'
import { maxSweeps } from '../backfill/connection/limits.js'
import { type Decision, keep, readModeIn, type Scope, undo } from '../backfill/connection/transaction.js'
import { writeKey } from '../backfill/pages/cursor.js'
import { readLastKey } from '../backfill/pages/keyset-reader.js'
import type { PreparedBackfill } from '../backfill/prepare/prepare-backfill.js'
import { describeVerification, type Verification } from '../backfill/verify/verify.js'
import type { Script } from '../dialects/script.js'
import type { RunRow, ShardRow } from '../dialects/state-statements.js'
import { moveRun } from './move-run.js'
import { isClaimable, type RunStatus } from './run-status.js'

export type PassEnd =
  /** A shard is open, for somebody else or because a conflict is left in it, or the run has been ended. */
  | 'not-yet'
  /** A sweep has begun. */
  | 'sweep'
  /** Nothing is left to read: verify. */
  | 'verify'
  | 'rows-failed'
  | 'writers-still-old'

/**
 * What follows when no shard is open: the body of one transaction that locks the run, so that of two workers finishing at once
 * one decides. A pass that wrote nothing is the proof that no row matches any more but those left on purpose.
 */
export function* endPass(
  database: Database,
  scope: Scope,
  prepared: PreparedBackfill,
  runId: number,
  failureLimit: FailureLimit,
): Script<Decision<PassEnd>> {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, runId)
  if (run?.status !== 'running') return undo('not-yet')
  const shards = yield* dialect.state.shards(stateNames, runId)
  if (shards.some((shard) => shard.status === 'open')) return undo('not-yet')

  const { conflict, failed } = yield* dialect.state.countFailures(stateNames, runId)
  const keys = shards.reduce((sum, { counters }) => sum + counters.passScanned, 0)
  // What an undo could not restore is listed and stays as it is.
  if (failed > tolerated(failureLimit, keys) && prepared.work.form !== 'restore') {
    const reason = describeFailed(failed, failureLimit)
    yield* moveRun(database, run, 'failed', { code: 'ROWS_FAILED', reason })
    return keep('rows-failed')
  }
  // Whoever claims a shard settles its conflicts first.
  if (conflict > 0 && prepared.work.form !== 'restore') {
    yield dialect.state.openShards(stateNames, runId)
    return keep('not-yet')
  }
  const hasWritten = shards.some((shard) => shard.counters.passWritten > 0)
  // Rows that came behind the cursor were noted, where changes are followed.
  if (!prepared.plan.endsWithWrite || !hasWritten || prepared.follow) return undo('verify')
  if (run.pass >= maxSweeps) {
    yield* moveRun(database, run, 'paused', {
      code: 'WRITERS_STILL_OLD',
      reason: `rows kept matching through ${maxSweeps} sweeps: some application still writes the old way`,
    })
    return keep('writers-still-old')
  }
  yield* startSweep(database, scope, prepared, run, shards)
  return keep('sweep')
}

/** The whole key range again, up to the largest key of now. */
function* startSweep(
  database: Database,
  scope: Scope,
  prepared: PreparedBackfill,
  run: RunRow,
  shards: readonly ShardRow[],
): Script<void> {
  const { dialect, stateNames } = database
  const last = yield* readLastKey(dialect, prepared.plan, readModeIn(scope))
  yield dialect.state.setPass(stateNames, run.id, run.pass + 1)
  const lowerKeys = new Set(shards.map((shard) => shard.lowerKey))
  for (const shard of shards) {
    // Cut off in any order: the one that ends where no other begins is the last of the key range.
    const isLast = shard.upperKey === undefined || !lowerKeys.has(shard.upperKey)
    const upper = isLast ? last && writeKey(last) : shard.upperKey
    yield dialect.state.reopenShard(stateNames, run.id, shard.shard, upper)
  }
}

/** Whether a run is one of an empty table, on which nobody has worked and nobody need ever work. */
export function* isOfEmpty({ dialect, stateNames }: Database, run: RunRow): Script<boolean> {
  if (run.status !== 'scheduled' || run.startedAt !== undefined) return false
  const shards = yield* dialect.state.shards(stateNames, run.id)
  return shards.every((shard) => shard.status === 'done')
}

/**
 * Stores the verification and ends the run by it. Whoever waits for a throttle finds that nobody holds a shard any more and calls the run
 * postponed, or interrupted when it stops: that takes nothing away from what was verified. `hold`: the claim it was verified under; without it
 * by now, nothing is ended.
 */
export function* concludeRun(
  database: Database,
  runId: number,
  verification: Verification,
  hold?: ShardHold,
): Script<Decision<RunRow | undefined>> {
  const { dialect, stateNames } = database
  const found = yield* dialect.state.lockRun(stateNames, runId)
  if (!found || !isClaimable(found.status as RunStatus)) return undo(found)
  if (hold) {
    if ((yield* hold.current())?.claim !== hold.claim) return undo(found)
    yield* hold.release()
  }
  const run: RunRow = { ...found, status: 'running' }
  if (found.status !== 'running') yield* moveRun(database, found, 'running')
  yield dialect.state.setVerification(stateNames, runId, JSON.stringify(verification))
  if (verification.isPassed) yield* moveRun(database, run, 'completed')
  else yield* moveRun(database, run, 'failed', { code: 'VERIFY_FAILED', reason: describeVerification(verification) })
  return keep(yield* dialect.state.lockRun(stateNames, runId))
}

function describeFailed(failed: number, limit: FailureLimit): string {
  const rows = failed === 1 ? '1 row' : `${failed} rows`
  const most = 'rows' in limit ? String(limit.rows) : `${limit.share * 100}%`
  return `${rows} could not be migrated, of which ${most} may fail (\`maxFailures\`)`
}
