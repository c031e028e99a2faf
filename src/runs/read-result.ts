import { reading } from '../backfill/connection/transaction.js'
import type { Verification } from '../backfill/verify/verify.js'
import type { Counters } from '../dialects/state-statements.js'
import type { ErrorCode } from '../errors/codes.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { inRetry, type RunAtWork } from './run-books.js'
import type { RunCounts, RunResult } from './run-result.js'
import type { RunStatus } from './run-status.js'
import { skippedCode } from './when.js'

/** The run as its tables have it. */
export async function resultOf(options: RunAtWork): Promise<RunResult> {
  const { database, prepared, scope } = options
  const { dialect, stateNames } = database
  const read = function* () {
    const run = yield* dialect.state.lockRun(stateNames, options.run.id)
    const shards = yield* dialect.state.shards(stateNames, options.run.id)
    const failures = yield* dialect.state.countFailures(stateNames, options.run.id)
    return { run, shards, failures }
  }
  const { run, shards, failures } = await inRetry(options, (session) => session.run(reading(dialect, scope, read())))
  if (!run)
    throw new RowshiftError('RUN_NOT_FOUND', {
      message: `run ${options.run.id} of "${prepared.definition.name}" is gone.`,
    })
  const sum = (name: keyof Counters) => shards.reduce((total, shard) => total + shard.counters[name], 0)
  const counts: RunCounts = {
    scanned: sum('scanned'),
    written: sum('written'),
    unchanged: sum('unchanged'),
    left: sum('passLeft'),
    skipped: sum('skipped'),
    conflicts: sum('conflicts'),
    failures: failures.failed,
  }
  const outcome = { backfill: run.name, runId: run.id, counts }
  switch (run.status as RunStatus) {
    case 'completed':
    case 'undone':
      return {
        ...outcome,
        status: 'completed',
        coverage: prepared.follow ? 'followed' : prepared.plan.endsWithWrite ? 'every-match' : 'keys-once',
        verification: JSON.parse(run.verification ?? 'null') as Verification,
        skippedBecause: run.reasonCode === skippedCode ? (run.reason ?? '') : null,
      }
    case 'failed':
      return { ...outcome, status: 'failed', code: run.reasonCode as ErrorCode, reason: run.reason ?? '' }
    case 'paused':
      return {
        ...outcome,
        status: 'unfinished',
        reason: run.reasonCode === 'WRITERS_STILL_OLD' ? 'writers-still-old' : 'paused',
      }
    case 'cancelled':
      return { ...outcome, status: 'unfinished', reason: 'cancelled' }
    default:
      return { ...outcome, status: 'unfinished', reason: 'interrupted' }
  }
}
