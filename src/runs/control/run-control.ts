import type { Database, Session } from '../../adapters/database.js'
import { ownConnections } from '../../backfill/connection/connections.js'
import { batchLimits } from '../../backfill/connection/limits.js'
import { type MendOptions, withFaultsMended } from '../../backfill/connection/mend.js'
import {
  CommitInDoubt,
  type Decision,
  keep,
  kept,
  ownTransactions,
  reading,
  type Scope,
  undo,
} from '../../backfill/connection/transaction.js'
import type { PreparedBackfill } from '../../backfill/prepare/prepare-backfill.js'
import type { Script } from '../../dialects/script.js'
import type { RunRow } from '../../dialects/state-statements.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { endFollow } from '../follow/follow.js'
import { moveRun } from '../move-run.js'
import type { RunStatus } from '../run-status.js'

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
  // A commit that got no answer may have done it already.
  let isInDoubt = false
  let before: RunRow | undefined
  const onFault = (error: unknown) => {
    if (error instanceof CommitInDoubt) isInDoubt = true
  }
  return withSession(database, { doing: `trying to ${action} "${name}"`, onFault }, async (session, scope) => {
    if (isInDoubt && before) {
      const now = await session.run(scope.wrap(kept(database.dialect.state.lockRun(database.stateNames, before.id))))
      if (now?.status === targets[action]) return now
    }
    const active = await session.run(reading(database.dialect, scope, controlled(database, name, action)))
    if (!active) {
      throw new RowshiftError('RUN_NOT_FOUND', {
        message: `backfill "${name}" has no run to ${action}. See \`rowshift status\`.`,
        details: { backfill: name },
      })
    }
    before = active
    if (action === 'cancel' && active.follow === 'on') await endFollow(database, session, scope, active)
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
  yield* moveRun(database, run, targets[action])
  if (action === 'resume') yield* beginAgain(database, run)
  else yield dialect.state.dropClaims(stateNames, run.id)
  return keep(yield* dialect.state.lockRun(stateNames, runId))
}

/** A run that was paused because its sweeps were used up is given new ones. */
function* beginAgain(database: Database, run: RunRow): Script<void> {
  const { dialect, stateNames } = database
  if (run.reasonCode === 'WRITERS_STILL_OLD') yield dialect.state.setPass(stateNames, run.id, 0)
}

/**
 * Failed rows of a run are read again by whoever works on it next; and so is every row, where a verification has failed and `where`
 * tells which rows were mended since. The body of one transaction.
 */
export function* retryFailedRows(
  database: Database,
  runId: number,
  { plan }: Pick<PreparedBackfill, 'plan'>,
): Script<Decision<undefined>> {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, runId)
  if (run?.reasonCode === 'VERIFY_FAILED' && plan.endsWithWrite) {
    for (const { shard, upperKey } of yield* dialect.state.shards(stateNames, runId))
      yield dialect.state.reopenShard(stateNames, runId, shard, upperKey)
  }
  yield dialect.state.retryFailures(stateNames, runId)
  yield dialect.state.openShards(stateNames, runId)
  return keep(undefined)
}

/** The active run; to be cancelled also a completed one that still follows changes, for a gate that is not to come. */
function* controlled(database: Database, name: string, action: ControlAction): Script<RunRow | undefined> {
  const { dialect, stateNames } = database
  if ((yield* dialect.state.version(stateNames)) === undefined) return undefined
  const active = yield* dialect.state.activeRun(stateNames, name)
  if (active || action !== 'cancel') return active
  const latest = yield* dialect.state.latestRun(stateNames, name)
  return latest?.status === 'completed' && latest.follow === 'on' ? latest : undefined
}

const never = new AbortController().signal

/** A session for a command that is done in a moment; done again while the database is busy, or a batch in flight in its way. */
export async function withSession<T>(
  database: Database,
  options: MendOptions,
  task: (session: Session, scope: Scope) => Promise<T>,
): Promise<T> {
  const { dialect } = database
  const connections = ownConnections(database)
  const scope = ownTransactions(dialect, batchLimits)
  try {
    return await withFaultsMended({ dialect, connections, scope, abort: never }, options, (session) =>
      task(session, scope),
    )
  } finally {
    await connections.release()
  }
}
