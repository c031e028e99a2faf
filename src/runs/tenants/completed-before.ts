import type { Database } from '../../adapters/database.js'
import { reading } from '../../backfill/connection/transaction.js'
import type { BackfillDefinition } from '../../backfill/definition/definition.js'
import { definitionFingerprint } from '../../backfill/definition/definition-fingerprint.js'
import type { Script } from '../../dialects/script.js'
import { withSession } from '../control/run-control.js'
import { skippedCode } from '../when.js'

/**
 * Whether the latest run of a definition is completed, none of its rows failed, and it was of this very definition. One that was skipped
 * is not: what it was skipped for may be over.
 */
export function wasCompleted(database: Database, definition: BackfillDefinition): Promise<boolean> {
  const { dialect, stateNames } = database
  function* look(): Script<boolean> {
    if ((yield* dialect.state.version(stateNames)) === undefined) return false
    const run = yield* dialect.state.latestRun(stateNames, definition.name)
    if (run?.status !== 'completed' || run.reasonCode === skippedCode) return false
    if (run.definitionHash !== definitionFingerprint(definition)) return false
    return (yield* dialect.state.countFailures(stateNames, run.id)).failed === 0
  }
  return withSession(database, { doing: `looking for a run of "${definition.name}"` }, (session, scope) =>
    session.run(reading(dialect, scope, look())),
  )
}
