import { type Decision, keep, undo } from '../backfill/connection/transaction.js'
import type { Script } from '../dialects/script.js'
import type { ErrorCode } from '../errors/codes.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { moveRun } from './move-run.js'
import { resultOf } from './read-result.js'
import { inTransaction, type RunAtWork } from './run-books.js'
import type { RunResult } from './run-result.js'
import { isClaimable, type RunStatus } from './run-status.js'
import type { Claimed } from './shards/claim.js'
import { isWorkedOn } from './shards/is-worked-on.js'
import type { Waiting } from './throttle/throttles.js'

/** Errors that come again until somebody has mended the rows or the definition. */
const faultsOfRows: ReadonlySet<ErrorCode> = new Set([
  'ROW_REFUSED',
  'WHERE_STILL_TRUE',
  'UNIQUE_EXHAUSTED',
  'PAGE_LENGTH',
])

/** A run that met an error is left resumable if no row is to blame, and failed if one is. */
export async function stopWith(options: RunAtWork, claim: Claimed, error: unknown): Promise<void> {
  const code: ErrorCode = error instanceof RowshiftError ? error.code : 'DATABASE_ERROR'
  const isRowsFault = faultsOfRows.has(code)
  const why = { code, reason: error instanceof Error ? error.message : String(error) }
  const end = () => (isRowsFault ? fail(options, why) : interrupt(options, claim, why))
  // The database may be out of reach; then the lease runs out and the run is resumable all the same.
  await inTransaction(options, () => options.scope.wrap(end())).catch(() => undefined)
}

/** Gives the shard back and says how the run stands. */
export async function leave(options: RunAtWork, claim?: Claimed): Promise<RunResult> {
  await inTransaction(options, () => options.scope.wrap(interrupt(options, claim)))
  return resultOf(options)
}

export async function failRun(options: RunAtWork, code: ErrorCode, reason: string): Promise<RunResult> {
  await inTransaction(options, () => options.scope.wrap(fail(options, { code, reason })))
  return resultOf(options)
}

interface Reason {
  readonly code: ErrorCode
  readonly reason: string
}

/** Says in the run's row why it waits and until when; `over` = there is nothing to wait for any more. */
export function* postpone(
  { database, run: { id } }: RunAtWork,
  waiting: Waiting,
  from: readonly RunStatus[],
): Script<Decision<'waiting' | 'over'>> {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, id)
  const status = run?.status as RunStatus | undefined
  if (!run || !status || !(isClaimable(status) || from.includes(status))) return undo('over')
  // Others may have other throttles, and be at work.
  if (status === 'running' && isWorkedOn(yield* dialect.state.shards(stateNames, id))) return undo('waiting')
  yield* moveRun(database, run, 'postponed', {
    code: 'THROTTLED',
    reason: waiting.reason,
    postponedMs: waiting.forMs,
  })
  return keep('waiting')
}

/** Gives the shard back. A run that others go on with is not interrupted. */
function* interrupt({ database, run: { id } }: RunAtWork, claim?: Claimed, why?: Reason) {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, id)
  if (claim) yield* claim.hold.release()
  const shards = yield* dialect.state.shards(stateNames, id)
  // Nobody may be left to look again at a run that is postponed; who is will say so when it looks.
  const isLeft = run?.status === 'postponed' || (run?.status === 'running' && !isWorkedOn(shards))
  if (run && isLeft) yield* moveRun(database, run, 'interrupted', why)
  return keep(undefined)
}

function* fail({ database, run: { id } }: RunAtWork, why: Reason) {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, id)
  yield dialect.state.dropClaims(stateNames, id)
  if (run?.status === 'running') yield* moveRun(database, run, 'failed', why)
  return keep(undefined)
}
