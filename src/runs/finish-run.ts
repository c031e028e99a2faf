import type { Database } from '../adapters/database.js'
import { writeKey } from '../backfill/cursor.js'
import { readLastKey } from '../backfill/keyset-reader.js'
import { maxSweeps } from '../backfill/limits.js'
import type { PreparedBackfill } from '../backfill/prepare-backfill.js'
import { type Decision, keep, readModeIn, type Scope, undo } from '../backfill/transaction.js'
import type { Verification } from '../backfill/verify.js'
import type { Script } from '../dialects/script.js'
import type { RunRow, ShardRow } from '../dialects/state-statements.js'
import { isActive, type RunStatus } from './run-status.js'

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
): Script<Decision<PassEnd>> {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, runId)
  if (!run || (run.status !== 'running' && run.status !== 'scheduled')) return undo('not-yet')
  const shards = yield* dialect.state.shards(stateNames, runId)
  if (shards.some((shard) => shard.status === 'open')) return undo('not-yet')

  const { conflict, failed } = yield* dialect.state.countFailures(stateNames, runId)
  // What an undo could not restore is listed and stays as it is.
  if (failed > 0 && prepared.work.form !== 'restore') {
    yield* move(database, run, 'failed', 'ROWS_FAILED', `${failed} rows could not be migrated`)
    return keep('rows-failed')
  }
  // Whoever claims a shard settles its conflicts first.
  if (conflict > 0 && prepared.work.form === 'transform') {
    yield dialect.state.openShards(stateNames, runId)
    return keep('not-yet')
  }
  const hasWritten = shards.some((shard) => shard.counters.passWritten > 0)
  if (!prepared.plan.endsWithWrite || !hasWritten) return undo('verify')
  if (run.pass >= maxSweeps) {
    yield* move(
      database,
      run,
      'paused',
      'WRITERS_STILL_OLD',
      `rows kept matching through ${maxSweeps} sweeps: some application still writes the old way`,
    )
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

/** Stores the verification and ends the run by it. */
export function* concludeRun(
  database: Database,
  runId: number,
  verification: Verification,
): Script<Decision<RunRow | undefined>> {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, runId)
  if (!run || (run.status !== 'running' && run.status !== 'scheduled')) return undo(run)
  yield dialect.state.setVerification(stateNames, runId, JSON.stringify(verification))
  if (verification.isPassed) yield* move(database, run, 'completed')
  else yield* move(database, run, 'failed', 'VERIFY_FAILED', describe(verification))
  return keep(yield* dialect.state.lockRun(stateNames, runId))
}

function describe({ remaining, checked, refused }: Verification): string {
  const reasons = [
    ...(remaining > 0 ? [`${remaining} rows still match`] : []),
    ...(refused.length > 0
      ? [`\`verify.check\` was false for ${refused.length} of ${checked} rows: keys ${JSON.stringify(refused)}`]
      : []),
  ]
  return reasons.join('; ')
}

/** Changes the status of a locked run. */
export function* move(
  database: Database,
  run: RunRow,
  to: RunStatus,
  reasonCode?: string,
  reason?: string,
  postponedMs?: number,
): Script<boolean> {
  return yield* database.dialect.state.moveRun(database.stateNames, run.id, {
    from: run.status,
    to,
    isActive: isActive(to),
    isFinished: to === 'completed' || to === 'failed' || to === 'cancelled',
    reasonCode,
    reason,
    postponedMs,
  })
}
