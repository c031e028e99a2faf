import type { Database, Session } from '../../adapters/database.js'
import { ownConnections } from '../../backfill/connection/connections.js'
import { batchLimits } from '../../backfill/connection/limits.js'
import { keep, kept, type Scope } from '../../backfill/connection/transaction.js'
import type { PreparedBackfill, PreparedFollow } from '../../backfill/prepare/prepare-backfill.js'
import type { Script } from '../../dialects/script.js'
import type { RunRow } from '../../dialects/state-statements.js'
import { tableText } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'

/** Makes the triggers of a run that is about to begin, in its transaction. */
export function* installFollow({ dialect }: Database, { followed }: PreparedFollow): Script<void> {
  yield* dialect.follow.install(followed, batchLimits.lockTimeoutMs)
}

/** The same where DDL would end the transaction. */
export async function installFollowBeside(
  database: Database,
  session: Session,
  scope: Scope,
  follow: PreparedFollow,
): Promise<void> {
  if (scope.isEnclosing) await besideTransaction(database, (own) => own.run(installFollow(database, follow)))
  else await session.run(installFollow(database, follow))
}

/** DDL on another connection, where it commits nothing of the migration's. */
async function besideTransaction(database: Database, task: (own: Session) => Promise<void>): Promise<void> {
  const connections = ownConnections(database)
  try {
    await task(await connections.writer())
  } finally {
    await connections.release()
  }
}

/** @throws RowshiftError FOLLOW_LOST when the run is to follow, and its triggers are not there any more */
export function* requireFollowed({ dialect }: Database, prepared: PreparedBackfill, run: RunRow): Script<void> {
  if (run.follow !== 'on' || !prepared.follow) return
  if (yield* dialect.follow.stand(prepared.follow.followed)) return
  const { name } = prepared.definition
  const table = tableText(prepared.info.table)
  const before = run.status === 'completed' ? '' : `\`rowshift cancel ${name}\`, then `
  throw new RowshiftError('FOLLOW_LOST', {
    message: `the triggers that note changes of "${table}" for run ${run.id} of "${name}" are gone or disabled, so changes may have been missed. ${before}\`rowshift run ${name}\` makes them anew and goes over every row.`,
    details: { backfill: name, run: run.id, table },
  })
}

/** Removes the triggers of a backfill. */
export async function removeFollow(
  { dialect, stateNames }: Database,
  session: Session,
  scope: Scope,
  backfill: string,
): Promise<void> {
  const removed = dialect.follow.remove(stateNames, backfill)
  await session.run(dialect.hasTransactionalDdl ? scope.wrap(kept(removed)) : removed)
}

/**
 * Removes the triggers of a run and what they have noted, and says so in its row. Where DDL ends a transaction, the triggers go first:
 * stopped in between, the run has lost them.
 */
export async function endFollow(database: Database, session: Session, scope: Scope, run: RunRow): Promise<void> {
  const { dialect, stateNames } = database
  const isApart = scope.isEnclosing && !dialect.hasTransactionalDdl
  if (isApart) await besideTransaction(database, (own) => removeFollow(database, own, scope, run.name))
  else await removeFollow(database, session, scope, run.name)
  function* forget() {
    yield dialect.state.dropNotes(stateNames, run.name)
    yield dialect.state.endFollow(stateNames, run.name)
    return keep(undefined)
  }
  await session.run(scope.wrap(forget()))
}
