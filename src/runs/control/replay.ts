import { type Decision, keep } from '../../backfill/connection/transaction.js'
import { type PreparedBackfill, prepareBackfill } from '../../backfill/prepare/prepare-backfill.js'
import type { Script } from '../../dialects/script.js'
import type { RunRow } from '../../dialects/state-statements.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { moveRun } from '../move-run.js'
import { type ForegroundOptions, type ForegroundPlace, inForeground, runToEnd } from '../run-in-foreground.js'
import type { RunResult } from '../run-result.js'
import { requireSame } from '../start-run.js'
import { retryFailedRows } from './run-control.js'

/** What became of the failures of a run. */
export interface ReplayReport {
  readonly backfill: string
  readonly runId: number
  /** Failures that are listed no more: their rows were migrated, or are gone. */
  readonly cleared: number
  readonly remaining: number
  /** undefined = there was no failure, so nothing was done. */
  readonly result: RunResult | undefined
}

/**
 * Tries the listed failures of a backfill's latest run again, then goes on with what that run has left, to its verification. A run
 * that was completed with failures is unfinished meanwhile, so its gate is shut. A replay that broke off is gone on with: its rows
 * wait as conflicts.
 * @throws RowshiftError RUN_NOT_FOUND; RUN_TRANSITION for a run that has not ended otherwise; DEFINITION_CHANGED, TABLE_CHANGED
 */
export function replayFailures(options: ForegroundOptions): Promise<ReplayReport> {
  const { database, definition } = options
  const { name } = definition
  const doing = `replaying backfill "${name}"`
  return inForeground(database, { doing, abort: options.abort }, async (place) => {
    const { run, failed, conflict } = await latest(place, name)
    const report = { backfill: name, runId: run.id }
    const hasBrokenOff = failed === 0 && conflict > 0 && (run.status === 'interrupted' || run.status === 'running')
    if (failed === 0 && !hasBrokenOff) return { ...report, cleared: 0, remaining: 0, result: undefined }
    if (!hasBrokenOff && !replayable.includes(run.status)) {
      const remedy = run.status === 'cancelled' || run.status === 'undone' ? `rowshift run ${name}` : 'rowshift work'
      throw new RowshiftError('RUN_TRANSITION', {
        message: `run ${run.id} of "${name}" is ${run.status}: only the failures of a run that has ended or was interrupted can be replayed. See \`${remedy}\`.`,
        details: { backfill: name, run: run.id, status: run.status },
      })
    }
    const prepared = await place.read(prepareBackfill(database, definition))
    requireSame(prepared, run)
    // A failed run is given its rows again when it is begun again.
    if (failed > 0 && run.status !== 'failed') {
      await place.mended((session) => session.run(place.scope.wrap(reopen(place, run, prepared))))
    }
    // Somebody has mended the rows or the functions: that is why they are replayed.
    const result = await runToEnd(place, prepared, { ...options, acceptsChanged: true })
    const remaining = result.counts.failures
    return { ...report, cleared: Math.max(0, failed + conflict - remaining), remaining, result }
  })
}

/** Nobody else is at work on such a run. */
const replayable = ['completed', 'failed', 'interrupted']

async function latest({ database, read }: ForegroundPlace, name: string) {
  const { dialect, stateNames } = database
  function* look() {
    const run = yield* dialect.state.latestRun(stateNames, name)
    return run && { run, ...(yield* dialect.state.countFailures(stateNames, run.id)) }
  }
  const found = await read(look())
  if (found) return found
  throw new RowshiftError('RUN_NOT_FOUND', {
    message: `backfill "${name}" has never been run, so there is nothing to replay. See \`rowshift run ${name}\`.`,
    details: { backfill: name },
  })
}

/** Done twice, after a commit without an answer, it finds the run reopened and changes nothing. */
function* reopen(
  { database }: ForegroundPlace,
  { id }: RunRow,
  prepared: PreparedBackfill,
): Script<Decision<undefined>> {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, id)
  if (run?.status === 'completed') {
    yield* moveRun(database, run, 'interrupted')
    // What a replay writes is swept after, like every pass.
    yield dialect.state.setPass(stateNames, id, 0)
  } else if (run?.status !== 'interrupted') return keep(undefined)
  return yield* retryFailedRows(database, id, prepared)
}
