import type { Database } from '../../adapters/database.js'
import { type Decision, keep, undo } from '../../backfill/connection/transaction.js'
import type { Script } from '../../dialects/script.js'
import type { PaceOverrides, RunRow } from '../../dialects/state-statements.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { isActive, type RunStatus } from '../run-status.js'
import { withSession } from './run-control.js'

/** What is to be set; null = as the definition and the configuration say. */
export type PaceChange = { readonly [K in keyof PaceOverrides]?: number | null }

/**
 * Changes the pace of a backfill's active run while it goes on. The values are kept in the run's row; each worker takes them with its next
 * batch: what it has read ahead is written in parts, if need be.
 * @throws RowshiftError RUN_NOT_FOUND
 */
export async function setPace(database: Database, name: string, change: PaceChange): Promise<RunRow> {
  const run = await withSession(database, { doing: `setting the pace of "${name}"` }, (session, scope) =>
    session.run(scope.wrap(set(database, name, change))),
  )
  if (run) return run
  throw new RowshiftError('RUN_NOT_FOUND', {
    message: `backfill "${name}" has no run whose pace could be set. See \`rowshift status\`.`,
    details: { backfill: name },
  })
}

function* set(
  { dialect, stateNames }: Database,
  name: string,
  change: PaceChange,
): Script<Decision<RunRow | undefined>> {
  if ((yield* dialect.state.version(stateNames)) === undefined) return undo(undefined)
  const active = yield* dialect.state.activeRun(stateNames, name)
  const run = active && (yield* dialect.state.lockRun(stateNames, active.id))
  if (!run || !isActive(run.status as RunStatus)) return undo(undefined)
  const value = (option: keyof PaceOverrides) => {
    const changed = change[option]
    return changed === undefined ? run[option] : (changed ?? undefined)
  }
  yield dialect.state.setPace(stateNames, run.id, {
    batchRows: value('batchRows'),
    delayMs: value('delayMs'),
    targetMs: value('targetMs'),
  })
  return keep(yield* dialect.state.lockRun(stateNames, run.id))
}
