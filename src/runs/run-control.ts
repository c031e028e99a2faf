import type { Database, Script, Session } from '../adapters/database.js'
import { batchLimits } from '../backfill/limits.js'
import { type Decision, keep, ownTransactions, reading, undo } from '../backfill/transaction.js'
import type { RunRow } from '../dialects/state-statements.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { move } from './finish-run.js'
import { isAllowed, type RunStatus } from './run-status.js'

/** What an operator can do to a run. */
export type ControlAction = 'pause' | 'resume' | 'cancel'

const targets: Readonly<Record<ControlAction, RunStatus>> = {
  pause: 'paused',
  resume: 'scheduled',
  cancel: 'cancelled',
}

/**
 * Pauses, resumes or cancels the active run of a backfill. When a pause or cancel returns, no batch is in flight any more: its
 * claims are replaced in the rows that batches lock, so the last one has either been committed or will be refused.
 * @throws RowshiftError RUN_NOT_FOUND, RUN_TRANSITION
 */
export async function controlRun(database: Database, name: string, action: ControlAction): Promise<RunRow> {
  return withSession(database, async (session, scope) => {
    const active = await session.run(reading(database.dialect, scope, activeRun(database, name)))
    if (!active) {
      throw new RowshiftError('RUN_NOT_FOUND', {
        message: `backfill "${name}" has no run to ${action}. See \`rowshift status\`.`,
        details: { backfill: name },
      })
    }
    const moved = await session.run(scope.wrap(control(database, active.id, action)))
    if (moved === undefined)
      throw new RowshiftError('RUN_NOT_FOUND', { message: `run ${active.id} of "${name}" is gone.` })
    return moved
  })
}

function* control(database: Database, runId: number, action: ControlAction): Script<Decision<RunRow | undefined>> {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, runId)
  if (!run) return undo(undefined)
  const to = targets[action]
  if (!isAllowed(run.status as RunStatus, to)) {
    throw new RowshiftError('RUN_TRANSITION', {
      message: `run ${run.id} of "${run.name}" is ${run.status} and cannot be ${to === 'scheduled' ? 'resumed' : to}.`,
      details: { backfill: run.name, run: run.id, status: run.status },
    })
  }
  if (action === 'resume') yield* beginAgain(database, run)
  else yield dialect.state.dropClaims(stateNames, run.id)
  yield* move(database, run, to)
  return keep(yield* dialect.state.lockRun(stateNames, runId))
}

/** A run that was paused because its sweeps were used up is given new ones. */
function* beginAgain(database: Database, run: RunRow): Script<void> {
  const { dialect, stateNames } = database
  if (run.reasonCode === 'WRITERS_STILL_OLD') yield dialect.state.setPass(stateNames, run.id, 0)
}

/** Failed rows of a run are read again by whoever works on it next. The body of one transaction. */
export function* retryFailedRows(database: Database, runId: number): Script<Decision<undefined>> {
  const { dialect, stateNames } = database
  yield* dialect.state.lockRun(stateNames, runId)
  yield dialect.state.retryFailures(stateNames, runId)
  yield dialect.state.openShards(stateNames, runId)
  return keep(undefined)
}

function* activeRun(database: Database, name: string): Script<RunRow | undefined> {
  const { dialect, stateNames } = database
  if ((yield* dialect.state.version(stateNames)) === undefined) return undefined
  return yield* dialect.state.activeRun(stateNames, name)
}

/** A session for a command that is done in a moment. */
export async function withSession<T>(
  database: Database,
  task: (session: Session, scope: ReturnType<typeof ownTransactions>) => Promise<T>,
): Promise<T> {
  const session = await database.connect()
  try {
    return await task(session, ownTransactions(database.dialect, batchLimits))
  } finally {
    await session.release()
  }
}
