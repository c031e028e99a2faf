import type { Database } from '../../adapters/database.js'
import { reading } from '../../backfill/connection/transaction.js'
import type { BackfillDefinition } from '../../backfill/definition/definition.js'
import type { Script } from '../../dialects/script.js'
import { withSession } from '../control/run-control.js'
import { chooseUndo } from './undo.js'

/**
 * Of the definitions of a sequence those that have to be taken back, the last first: those that have had a run. Each has a way back.
 * @throws RowshiftError IRREVERSIBLE, before anything is taken back
 */
export function membersToUndo(
  database: Database,
  definitions: readonly BackfillDefinition[],
): Promise<readonly BackfillDefinition[]> {
  const { dialect, stateNames } = database
  function* look(): Script<readonly BackfillDefinition[]> {
    if ((yield* dialect.state.version(stateNames)) === undefined) return []
    const found: BackfillDefinition[] = []
    for (const definition of definitions.toReversed()) {
      if (!(yield* dialect.state.latestRun(stateNames, definition.name))) continue
      yield* chooseUndo(database, definition)
      found.push(definition)
    }
    return found
  }
  return withSession(database, { doing: 'looking for runs to be taken back' }, (session, scope) =>
    session.run(reading(dialect, scope, look())),
  )
}
