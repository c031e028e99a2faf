import type { Database } from '../adapters/database.js'
import type { Script } from '../dialects/script.js'
import type { RunRow } from '../dialects/state-statements.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { isActive, isAllowed, type RunStatus } from './run-status.js'

/** Why a run is in its status, and for how long it waits. */
export interface MoveReason {
  /** An error code. */
  readonly code?: string | undefined
  readonly reason?: string | undefined
  /** Milliseconds until a postponed run is looked at again. */
  readonly postponedMs?: number | undefined
}

/**
 * Changes the status of a locked run, along an edge of the transition table and along nothing else: the one place that does.
 * @throws RowshiftError RUN_TRANSITION where the table has no such edge
 */
export function* moveRun(
  { dialect, stateNames }: Database,
  run: RunRow,
  to: RunStatus,
  why: MoveReason = {},
): Script<void> {
  const from = run.status as RunStatus
  if (!isAllowed(from, to)) {
    throw new RowshiftError('RUN_TRANSITION', {
      message: `run ${run.id} of "${run.name}" is ${from} and cannot be ${said[to] ?? to}. See \`rowshift status\`.`,
      details: { backfill: run.name, run: run.id, status: from },
    })
  }
  const isMoved = yield* dialect.state.moveRun(stateNames, run.id, {
    from,
    to,
    isActive: isActive(to),
    isFinished: isFinished(to),
    reasonCode: why.code,
    reason: why.reason,
    postponedMs: why.postponedMs,
  })
  if (!isMoved) throw new Error(`run ${run.id} of "${run.name}" was moved without its lock`)
}

/** What somebody has asked for who is refused. */
const said: Partial<Record<RunStatus, string>> = { scheduled: 'resumed', running: 'worked on' }

/** Nobody works on it of his own accord any more. */
const isFinished = (status: RunStatus): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled' || status === 'undone'
