import type { Database, Session } from '../adapters/database.js'
import { keep, reading, type Scope } from '../backfill/connection/transaction.js'
import type { BackfillDefinition } from '../backfill/definition/definition.js'
import { askConditions } from '../backfill/verify/assertions.js'
import type { Verification } from '../backfill/verify/verify.js'
import type { Script } from '../dialects/script.js'
import type { RunRow } from '../dialects/state-statements.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { moveRun } from './move-run.js'
import { isClaimable, type RunStatus } from './run-status.js'
import { isWorkedOn } from './shards/is-worked-on.js'

/** The reason code of a run that was skipped: completed, and no row was worked on. */
export const skippedCode = 'SKIPPED'

/** How long until a postponed run may be looked at again. */
export const postponedMs = 5_000

const nothingVerified: Verification = {
  isPassed: true,
  remaining: 0,
  checked: 0,
  refused: [],
  shared: [],
  recomputed: null,
  assertions: [],
}

/** Completes a run that is being made, and keeps why. The gate looks for itself whether a row matches. */
export function* skipRun(database: Database, run: RunRow, reason: string): Script<RunRow> {
  const { dialect, stateNames } = database
  yield dialect.state.setVerification(stateNames, run.id, JSON.stringify(nothingVerified))
  yield* moveRun(database, run, 'completed', { code: skippedCode, reason })
  return (yield* dialect.state.lockRun(stateNames, run.id)) ?? run
}

const neverRun = (name: string): string => `"${name}", which it comes after, was never run`

interface Wait {
  readonly reason: string
  /** The backfill that has to be completed first; undefined = it waits for something else. */
  readonly awaits: string | undefined
}

/** Why a definition's run has to wait now; undefined = it has not. */
async function reasonToWait(
  { dialect, stateNames }: Database,
  session: Session,
  scope: Scope,
  { after, when }: BackfillDefinition,
): Promise<Wait | undefined> {
  function* unfinished(): Script<Wait | undefined> {
    for (const name of after) {
      const run = yield* dialect.state.latestRun(stateNames, name)
      if (!run) return { reason: neverRun(name), awaits: name }
      if (run.status !== 'completed')
        return { reason: `"${name}", which it comes after, is ${run.status}`, awaits: name }
      const { failed } = yield* dialect.state.countFailures(stateNames, run.id)
      if (failed > 0)
        return { reason: `"${name}", which it comes after, has rows that could not be migrated`, awaits: name }
    }
    return undefined
  }
  const first = after.length > 0 ? await session.run(reading(dialect, scope, unfinished())) : undefined
  if (first) return first
  const reason = await askConditions(dialect, scope, session, when.postpone)
  return reason === undefined ? undefined : { reason, awaits: undefined }
}

/** What would become of a run that were asked for now: begun or gone on with, skipped, or postponed. */
export interface Foreseen {
  readonly outcome: 'begun' | 'skipped' | 'postponed'
  /** Why it would not be begun; null = it would. */
  readonly reason: string | null
}

/** Asks what a run would ask, and writes nothing; there may be no state tables yet. @throws RowshiftError CONDITION_FAILED, DATABASE_ERROR */
export async function foresee(
  database: Database,
  session: Session,
  scope: Scope,
  definition: BackfillDefinition,
): Promise<Foreseen> {
  const { dialect, stateNames } = database
  const { after, name, when } = definition
  function* look(): Script<'no-tables' | 'active' | 'none'> {
    if ((yield* dialect.state.version(stateNames)) === undefined) return 'no-tables'
    return (yield* dialect.state.activeRun(stateNames, name)) ? 'active' : 'none'
  }
  const found = await session.run(reading(dialect, scope, look()))
  // A run that was begun is not skipped any more.
  const skip = found === 'active' ? undefined : await askConditions(dialect, scope, session, when.skip)
  if (skip !== undefined) return { outcome: 'skipped', reason: skip }
  const [first] = after
  const wait =
    found === 'no-tables' && first !== undefined
      ? neverRun(first)
      : (await reasonToWait(database, session, scope, definition))?.reason
  return wait === undefined ? { outcome: 'begun', reason: null } : { outcome: 'postponed', reason: wait }
}

/**
 * Refuses to work on a run that has to wait, and says so in its row.
 * @param run undefined = it was not made yet, and is not
 * @throws RowshiftError POSTPONED, CONDITION_FAILED, DATABASE_ERROR
 */
export async function requireNoWait(
  database: Database,
  session: Session,
  scope: Scope,
  definition: BackfillDefinition,
  run: RunRow | undefined,
): Promise<void> {
  // A run that is over has nothing to wait for.
  if (run && !isClaimable(run.status as RunStatus) && run.status !== 'failed') return
  const wait = await reasonToWait(database, session, scope, definition)
  if (wait === undefined) return
  const { reason, awaits } = wait
  if (run) await session.run(scope.wrap(postpone(database, run, reason)))
  throw new RowshiftError('POSTPONED', {
    message: `backfill "${definition.name}" has to wait: ${reason}. Nothing was changed. Run it again when that is over; \`rowshift work\` does so by itself.`,
    details: { backfill: definition.name, reason, ...(awaits !== undefined && { awaits }) },
    retryable: false,
  })
}

function* postpone(database: Database, { id }: RunRow, reason: string) {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, id)
  if (!run || !isClaimable(run.status as RunStatus)) return keep(undefined)
  // Whoever is at work goes on. Whoever was killed at it says nothing of his end: only his lease does.
  const isAtRest = run.status !== 'running' || !isWorkedOn(yield* dialect.state.shards(stateNames, id))
  if (isAtRest) yield* moveRun(database, run, 'postponed', { code: 'POSTPONED', reason, postponedMs })
  return keep(undefined)
}
