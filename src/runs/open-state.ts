import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, Session } from '../adapters/database.js'
import { keep, type Scope, undo } from '../backfill/connection/transaction.js'
import { stateVersion } from '../dialects/state-statements.js'
import { RowshiftError } from '../errors/rowshift-error.js'

/** How long another process may take to create the tables. */
const creationWaitMs = 15_000
const creationPollMs = 100

/**
 * Makes sure the state tables exist and are of a version this rowshift understands: created on first use, once, whoever comes
 * first. `session` may be inside somebody's transaction only where DDL does not end it.
 * @throws RowshiftError STATE_VERSION, STATE_LOCKED
 */
export async function openState(database: Database, session: Session, scope: Scope): Promise<void> {
  const { dialect, stateNames } = database
  const found = await session.run(dialect.state.version(stateNames))
  if (found !== undefined) return requireVersion(found)

  const deadline = performance.now() + creationWaitMs
  for (;;) {
    function* create() {
      const outcome = yield* dialect.state.create(stateNames)
      return outcome === 'created' ? keep(outcome) : undo(outcome)
    }
    if ((await session.run(scope.wrap(create()))) === 'created') return
    if ((await session.run(dialect.state.version(stateNames))) !== undefined) return
    if (performance.now() > deadline) {
      throw new RowshiftError('STATE_LOCKED', {
        message:
          'another process has been creating the state tables for 15 s. Look for a stuck transaction, then try again.',
        retryable: true,
      })
    }
    await sleep(creationPollMs)
  }
}

/** @throws RowshiftError STATE_VERSION */
export function requireVersion(found: number): void {
  if (found > stateVersion) {
    throw new RowshiftError('STATE_VERSION', {
      message: `the state tables have version ${found}, this rowshift knows ${stateVersion}. Upgrade the package here.`,
      details: { found, known: stateVersion },
    })
  }
}
