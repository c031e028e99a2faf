import type { Database } from '../../adapters/database.js'
import { type Decision, keep } from '../../backfill/connection/transaction.js'
import type { BackfillDefinition } from '../../backfill/definition/definition.js'
import { prepareBackfill } from '../../backfill/prepare/prepare-backfill.js'
import type { Script } from '../../dialects/script.js'
import type { RunRow } from '../../dialects/state-statements.js'
import { moveRun } from '../move-run.js'
import { inForeground } from '../run-in-foreground.js'
import { startRun } from '../start-run.js'

/** The reason a run is kept with that was marked as completed instead of being worked on. */
export const fakedCode = 'FAKED'

/**
 * Marks a backfill as completed without working on any row: for rows that were filled by other means. Takes the active run away from
 * whoever works on it, or makes one. The gate still looks for itself whether a row matches.
 * @throws RowshiftError what the checks of the definition throw
 */
export function fakeRun(database: Database, definition: BackfillDefinition): Promise<RunRow> {
  const doing = `marking backfill "${definition.name}" as completed`
  return inForeground(database, { doing, abort: undefined }, async (place) => {
    const prepared = await place.read(prepareBackfill(database, definition))
    const { run } = await place.mended((session) => startRun(database, session, place.scope, prepared))
    return place.mended((session) => session.run(place.scope.wrap(complete(database, run))))
  })
}

function* complete(database: Database, run: RunRow): Script<Decision<RunRow>> {
  const { dialect, stateNames } = database
  const locked = (yield* dialect.state.lockRun(stateNames, run.id)) ?? run
  if (locked.status === 'completed') return keep(locked)
  yield dialect.state.dropClaims(stateNames, run.id)
  yield* moveRun(database, locked, 'completed', {
    code: fakedCode,
    reason: 'marked as completed by hand, no row was worked on',
  })
  return keep((yield* dialect.state.lockRun(stateNames, run.id)) ?? locked)
}
