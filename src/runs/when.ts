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

/** The reason code of a run that was skipped: completed, and no row was worked on. */
export const skippedCode = 'SKIPPED'

/** How long until a postponed run may be looked at again. */
export const postponedMs = 5_000

const nothingVerified: Verification = {
  isPassed: true,
  remaining: 0,
  checked: 0,
  refused: [],
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

/** Why a definition's run has to wait now; undefined = it has not. */
async function reasonToWait(
  { dialect, stateNames }: Database,
  session: Session,
  scope: Scope,
  { after, when }: BackfillDefinition,
): Promise<string | undefined> {
  function* unfinished(): Script<string | undefined> {
    for (const name of after) {
      const run = yield* dialect.state.latestRun(stateNames, name)
      if (run?.status !== 'completed')
        return `"${name}", which it comes after, ${run ? `is ${run.status}` : 'was never run'}`
      const { failed } = yield* dialect.state.countFailures(stateNames, run.id)
      if (failed > 0) return `"${name}", which it comes after, has rows that could not be migrated`
    }
    return undefined
  }
  const first = after.length > 0 ? await session.run(reading(dialect, scope, unfinished())) : undefined
  return first ?? askConditions(dialect, scope, session, when.postpone)
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
  const reason = await reasonToWait(database, session, scope, definition)
  if (reason === undefined) return
  if (run) await session.run(scope.wrap(postpone(database, run, reason)))
  throw new RowshiftError('POSTPONED', {
    message: `backfill "${definition.name}" has to wait: ${reason}. Nothing was changed. Run it again when that is over; \`rowshift work\` does so by itself.`,
    details: { backfill: definition.name, reason },
    retryable: false,
  })
}

function* postpone(database: Database, { id }: RunRow, reason: string) {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, id)
  const isAtRest = run && isClaimable(run.status as RunStatus) && run.status !== 'running'
  if (isAtRest) yield* moveRun(database, run, 'postponed', { code: 'POSTPONED', reason, postponedMs })
  return keep(undefined)
}
