import type { Database, Session } from '../adapters/database.js'
import { limitInBackground } from '../backfill/batch/failure-limit.js'
import { ownConnections } from '../backfill/connection/connections.js'
import { batchLimits } from '../backfill/connection/limits.js'
import { type Workplace, withFaultsMended } from '../backfill/connection/mend.js'
import { ownTransactions, reading } from '../backfill/connection/transaction.js'
import type { BackfillDefinition } from '../backfill/definition/definition.js'
import { type PreparedBackfill, prepareBackfill } from '../backfill/prepare/prepare-backfill.js'
import type { Progress } from '../backfill/progress.js'
import type { Script } from '../dialects/script.js'
import { retryFailedRows } from './control/run-control.js'
import { executeRun } from './execute-run.js'
import { openState } from './open-state.js'
import { progressOf, readReport } from './read-status.js'
import type { RunResult } from './run-result.js'
import type { RunStatus } from './run-status.js'
import { startRun } from './start-run.js'
import { openThrottles, type PaceOptions } from './throttle/pace-options.js'
import type { Waiting } from './throttle/throttles.js'
import { purgeJournals } from './undo/undo.js'
import { requireNoWait } from './when.js'

export interface ForegroundOptions {
  readonly database: Database
  readonly definition: BackfillDefinition
  /** Whether functions that have changed since the run was last worked on may go on with it. */
  readonly acceptsChanged?: boolean | undefined
  /** Aborted: finish the batch in hand and leave the run resumable. */
  readonly stop?: AbortSignal
  /** Aborted: give up the batch in hand too. */
  readonly abort?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
  /** How hard the database may be pressed, and when to wait. */
  readonly pace?: PaceOptions | undefined
  /** The run waits, and why; undefined = it goes on. */
  readonly onWait?: (waiting: Waiting | undefined) => void
  /** A worker, named, let its lease run out: this call goes on with its shard. */
  readonly onTakeOver?: (worker: string) => void
  /** Where the run stands before the first batch. */
  readonly onStart?: (start: RunStart) => void
}

/** A run that is about to be worked on. */
export interface RunStart {
  readonly runId: number
  /** True for a run that somebody has worked on before; merely scheduled, it starts here. */
  readonly isResumed: boolean
  /** What the run is found in; a paused one is left alone. */
  readonly status: RunStatus
  readonly progress: Progress
  /** When the last batch was committed, ISO 8601 in UTC by the database's clock; undefined before the first. */
  readonly checkpointAt: string | undefined
}

const never = new AbortController().signal

/**
 * Runs a definition to its end with connections of its own: a new run, or the active one from its checkpoint. A failed run is
 * tried again, its listed rows first.
 */
export async function runInForeground(options: ForegroundOptions): Promise<RunResult> {
  const { database, definition } = options
  return inForeground(
    database,
    { doing: `starting backfill "${definition.name}"`, abort: options.abort },
    async (place) => runToEnd(place, await place.read(prepareBackfill(database, definition)), options),
  )
}

/** Connections of its own, state tables that exist, and what can be done with both. */
export interface ForegroundPlace extends Workplace {
  readonly database: Database
  mended<T>(task: (session: Session) => Promise<T>): Promise<T>
  read<T>(script: Script<T>): Promise<T>
}

export async function inForeground<T>(
  database: Database,
  { doing, abort = never }: { readonly doing: string; readonly abort: AbortSignal | undefined },
  task: (place: ForegroundPlace) => Promise<T>,
): Promise<T> {
  const { dialect } = database
  const connections = ownConnections(database)
  const scope = ownTransactions(dialect, batchLimits)
  const workplace = { dialect, connections, scope, abort }
  const place: ForegroundPlace = {
    ...workplace,
    database,
    mended: (work) => withFaultsMended(workplace, { doing }, work),
    read: (script) => withFaultsMended(workplace, { doing }, (session) => session.run(reading(dialect, scope, script))),
  }
  try {
    await place.mended((session) => openState(database, session, scope))
    await place.mended((session) => purgeJournals(database, session, scope))
    return await task(place)
  } finally {
    await connections.release()
  }
}

export async function runToEnd(
  place: ForegroundPlace,
  prepared: PreparedBackfill,
  options: Omit<ForegroundOptions, 'database' | 'definition'>,
): Promise<RunResult> {
  const { database, scope, mended } = place
  const { pace = {}, onProgress = () => undefined } = options
  const throttles = openThrottles(database, pace)
  const { run, isNew } = await mended((session) => startRun(database, session, scope, prepared))
  await mended((session) => requireNoWait(database, session, scope, prepared.definition, run))
  if (options.onStart) {
    const report = await place.read(readReport(database, run))
    const checkpoints = report.shards.filter((shard) => shard.cursorKey !== undefined).map((shard) => shard.updatedAt)
    const checkpointAt = checkpoints.sort().at(-1)
    const status = run.status as RunStatus
    const isResumed = !isNew && (status !== 'scheduled' || checkpointAt !== undefined)
    options.onStart({ runId: run.id, isResumed, status, progress: progressOf(report), checkpointAt })
  }
  if (run.status === 'failed')
    await mended((session) => session.run(scope.wrap(retryFailedRows(database, run.id, prepared))))
  try {
    return await executeRun({
      ...place,
      prepared,
      run,
      from: ['failed'],
      waitsForOthers: true,
      failureLimit: limitInBackground,
      stop: options.stop ?? never,
      targetMs: pace.targetMs,
      throttles,
      onWait: options.onWait,
      acceptsChanged: options.acceptsChanged,
      onTakeOver: options.onTakeOver,
      onProgress,
    })
  } finally {
    await throttles.close()
  }
}
