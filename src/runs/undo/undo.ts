import type { Database, Session } from '../../adapters/database.js'
import { type Decision, keep, kept, reading, type Scope } from '../../backfill/connection/transaction.js'
import type { BackfillDefinition } from '../../backfill/definition/definition.js'
import { reverseOf } from '../../backfill/definition/reverse-of.js'
import { type PreparedBackfill, prepareBackfill, prepareRestore } from '../../backfill/prepare/prepare-backfill.js'
import type { Script } from '../../dialects/script.js'
import type { RunRow } from '../../dialects/state-statements.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { endFollow } from '../follow/follow.js'
import { moveRun } from '../move-run.js'
import { isActive, type RunStatus } from '../run-status.js'

/** How a change is taken back, decided before anything is touched. */
export type UndoWay =
  /** By the before-images of these runs. */
  | { readonly by: 'journal'; readonly runIds: readonly number[]; readonly definition: BackfillDefinition }
  /** By the definition's `reverse`, for all rows that `where` does not select. */
  | { readonly by: 'reverse'; readonly definition: BackfillDefinition }
  | { readonly by: 'not-needed' }

/**
 * A journal is preferred: it knows what was there. `run` is one run, or undefined for all of the backfill's.
 * @throws RowshiftError IRREVERSIBLE when there is neither a journal nor a `reverse`
 */
export function* chooseUndo(
  { dialect, stateNames }: Database,
  definition: BackfillDefinition,
  run?: RunRow,
): Script<UndoWay> {
  const decisive = run ?? (yield* dialect.state.latestRun(stateNames, definition.name))
  if (decisive?.journalDays) {
    const runIds = run ? [run.id] : yield* dialect.state.journaledRuns(stateNames, definition.name)
    return { by: 'journal', runIds, definition }
  }
  if (decisive?.journalDays === 0 && definition.reverse === undefined) {
    throw new RowshiftError('IRREVERSIBLE', {
      message: `the journal of run ${decisive.id} of "${definition.name}" was removed when its \`keepDays\` had passed, and there is no \`reverse\`.`,
      details: { backfill: definition.name, run: decisive.id },
    })
  }
  if (run) {
    throw new RowshiftError('IRREVERSIBLE', {
      message: `run ${run.id} of "${definition.name}" has no journal, so it cannot be told from others. \`rowshift undo ${definition.name}\` takes all of them back, if the definition has a \`reverse\`.`,
      details: { backfill: definition.name, run: run.id },
    })
  }
  const reverse = reverseOf(definition)
  return reverse === 'not-needed' ? { by: 'not-needed' } : { by: 'reverse', definition: reverse }
}

/** What the undo run works with. */
export function prepareUndo(database: Database, way: Exclude<UndoWay, { by: 'not-needed' }>): Script<PreparedBackfill> {
  return way.by === 'journal'
    ? prepareRestore(database, way.definition, way.runIds)
    : prepareBackfill(database, way.definition)
}

/**
 * Ends an unfinished run for good: what is being taken back must not be written anew. `run`: that one only. The body of one
 * transaction.
 */
export function* stopForUndo(database: Database, name: string, only?: RunRow): Script<Decision<undefined>> {
  const { dialect, stateNames } = database
  const active = yield* dialect.state.activeRun(stateNames, name)
  const run = active && (yield* dialect.state.lockRun(stateNames, active.id))
  if (run && (!only || only.id === run.id) && isActive(run.status as RunStatus)) {
    yield dialect.state.dropClaims(stateNames, run.id)
    yield* moveRun(database, run, 'cancelled')
  }
  return keep(undefined)
}

/** Changes of a run that is taken back are not to be followed any more, from before its rows are restored. */
export async function endFollowForUndo(
  database: Database,
  session: Session,
  scope: Scope,
  name: string,
  only?: RunRow,
): Promise<void> {
  const { dialect, stateNames } = database
  const run = only ?? (await session.run(reading(dialect, scope, dialect.state.latestRun(stateNames, name))))
  if (run?.follow === 'on') await endFollow(database, session, scope, run)
}

/** Shuts the gate: the run, by default the latest, is completed no more. The body of one transaction. */
export function* markUndone(database: Database, name: string, only?: RunRow): Script<Decision<undefined>> {
  const { dialect, stateNames } = database
  const latest = only ?? (yield* dialect.state.latestRun(stateNames, name))
  const run = latest && (yield* dialect.state.lockRun(stateNames, latest.id))
  if (run?.status === 'completed') yield* moveRun(database, run, 'undone')
  return keep(undefined)
}

/** Entries that a transaction removes, so that it is a short one. */
const entriesPerPurge = 5_000

/** Removes journals that have outlived their `keepDays`. A run is marked first: it can then not be undone by half. */
export async function purgeJournals({ dialect, stateNames }: Database, session: Session, scope: Scope): Promise<void> {
  const expired = await session.run(reading(dialect, scope, dialect.state.expiredJournals(stateNames)))
  for (const runId of expired) {
    function* drop() {
      yield dialect.state.dropJournal(stateNames, runId)
      return keep(undefined)
    }
    await session.run(scope.wrap(drop()))
    const purge = () => session.run(scope.wrap(kept(dialect.state.purgeJournal(stateNames, runId, entriesPerPurge))))
    while ((await purge()) > 0);
  }
}
