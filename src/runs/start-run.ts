import type { Database, Session } from '../adapters/database.js'
import { leaseMs } from '../backfill/connection/limits.js'
import { keep, reading, readModeIn, type Scope } from '../backfill/connection/transaction.js'
import { readKey, writeKey } from '../backfill/pages/cursor.js'
import { readLastKey } from '../backfill/pages/keyset-reader.js'
import { requireLookups } from '../backfill/pages/look-ups.js'
import { requireRangePages } from '../backfill/pages/page-range.js'
import type { PreparedBackfill } from '../backfill/prepare/prepare-backfill.js'
import { askAssertions, askConditions, describeUnheld, prepareAssertions } from '../backfill/verify/assertions.js'
import type { Script } from '../dialects/script.js'
import type { RunRow } from '../dialects/state-statements.js'
import { tableText } from '../dialects/table.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { installFollow, installFollowBeside } from './follow/follow.js'
import { skipRun } from './when.js'

/** The active run of a definition, and whether this call made it. */
export interface StartedRun {
  readonly run: RunRow
  readonly isNew: boolean
}

/**
 * The active run of a definition, made if there is none; of two callers at once one makes it and both are given it.
 * @throws RowshiftError DEFINITION_CHANGED, TABLE_CHANGED when there is one that was started with something else;
 * PAGE_NOT_A_RANGE, FOLLOW_UNSUPPORTED, FOLLOW_NOT_PERMITTED; ASSERTION_FAILED, CONDITION_FAILED before a new one is made
 */
export async function startRun(
  database: Database,
  session: Session,
  scope: Scope,
  prepared: PreparedBackfill,
): Promise<StartedRun> {
  const { dialect, stateNames } = database
  const isToBeMade = asksFirst(database, prepared) && (await hasNoActive(database, session, prepared))
  const skip = isToBeMade ? await askConditions(dialect, scope, session, prepared.definition.when.skip) : undefined
  const isToBegin = isToBeMade && skip === undefined
  if (isToBegin) await requireAssertions(database, session, scope, prepared)
  // Before the run, so that no run is without its triggers; one that is active has them, or has lost them.
  if (isToBegin && prepared.follow && !dialect.hasTransactionalDdl)
    await installFollowBeside(database, session, scope, prepared.follow)
  const [estimatedRows, measured] = await session.run(reading(dialect, scope, measure(database, scope, prepared)))
  function* start() {
    const wanted = {
      name: prepared.definition.name,
      status: 'scheduled',
      table: tableText(prepared.info.table),
      definitionHash: prepared.definitionHash,
      tableHash: prepared.tableHash,
      estimatedRows,
      journalDays: prepared.definition.journal?.keepDays,
      follow: skip === undefined && prepared.follow ? ('on' as const) : undefined,
    }
    const found = yield* dialect.state.insertRun(stateNames, wanted)
    const run = isUnadopted(found) ? yield* dialect.state.adoptRun(stateNames, found.id, wanted) : found
    const shards = yield* dialect.state.shards(stateNames, run.id)
    if (shards.length > 0) return keep({ run, isNew: false })
    if (skip !== undefined) return keep({ run: yield* skipRun(database, run, skip), isNew: true })
    let upper = measured
    if (prepared.follow && dialect.hasTransactionalDdl) {
      yield* installFollow(database, prepared.follow)
      // Rows that came before there was a trigger belong to the range.
      upper = yield* readUpper(database, scope, prepared)
    }
    yield dialect.state.insertShard(stateNames, {
      runId: run.id,
      shard: 0,
      status: upper === undefined && prepared.work.form !== 'restore' ? 'done' : 'open',
      lowerKey: undefined,
      upperKey: upper,
      leaseMs,
    })
    return keep({ run, isNew: true })
  }
  const started = await session.run(scope.wrap(start()))
  if (!started.isNew) requireSame(prepared, started.run)
  return started
}

/**
 * Whether anything is asked or made before a run. Only then is it looked whether there is one: in an enclosing transaction on MySQL the
 * look locks, and of two migrations that schedule a run at once one would be a deadlock's victim.
 */
function asksFirst({ dialect }: Database, { definition, follow }: PreparedBackfill): boolean {
  const { when, verify } = definition
  const isFollowedBeside = follow !== undefined && !dialect.hasTransactionalDdl
  return isFollowedBeside || when.skip.size + verify.before.size + verify.after.size > 0
}

async function hasNoActive(
  { dialect, stateNames }: Database,
  session: Session,
  { definition }: PreparedBackfill,
): Promise<boolean> {
  const active = await session.run(dialect.state.activeRun(stateNames, definition.name))
  return !active || isUnadopted(active)
}

/**
 * What must be true before a run is begun; and whether the database understands what is to be asked after it, which nobody wants to
 * learn only then.
 */
async function requireAssertions(
  database: Database,
  session: Session,
  scope: Scope,
  { definition }: PreparedBackfill,
): Promise<void> {
  const { before, after } = definition.verify
  const { dialect } = database
  const outcomes = await askAssertions(dialect, scope, session, before)
  if (outcomes.some(({ holds }) => !holds)) {
    throw new RowshiftError('ASSERTION_FAILED', {
      message: `backfill "${definition.name}" is not begun, because \`verify.before\` does not hold: ${describeUnheld(outcomes)}. Nothing was changed. Mend the rows it speaks of, then run it again.`,
      details: { backfill: definition.name, unheld: outcomes.filter(({ holds }) => !holds).map(({ says }) => says) },
    })
  }
  await prepareAssertions(dialect, scope, session, after)
}

/** Scheduled by a migration of plain SQL, and not begun: whoever comes first completes its row. */
export function isUnadopted(run: RunRow): boolean {
  return run.definitionHash === ''
}

function* measure(
  database: Database,
  scope: Scope,
  prepared: PreparedBackfill,
): Script<readonly [number, string | undefined]> {
  if (prepared.work.form === 'restore') {
    // Without bounds, because its cursor is no key of the table: nobody cuts such a shard.
    return [yield* database.dialect.state.countJournal(database.stateNames, prepared.work.runIds), undefined]
  }
  const estimatedRows = yield* database.dialect.estimateRows(prepared.info.table)
  const upper = yield* readUpper(database, scope, prepared)
  yield* requireLookups(database.dialect, prepared)
  if (upper) yield* requireRangePages(database.dialect, prepared.plan, readKey(upper))
  return [Math.max(estimatedRows, upper === undefined ? 0 : 1), upper]
}

function* readUpper({ dialect }: Database, scope: Scope, { plan }: PreparedBackfill): Script<string | undefined> {
  const last = yield* readLastKey(dialect, plan, readModeIn(scope))
  return last && writeKey(last)
}

/** A run goes on only with what it was started with: a deploy in between may have changed its meaning. */
export function requireSame(prepared: PreparedBackfill, run: RunRow): void {
  const { name } = prepared.definition
  const remedy = `Finish it with the code it was started with, or \`rowshift cancel ${name}\` and run it anew.`
  const details = { backfill: name, run: run.id }
  if (run.definitionHash !== prepared.definitionHash) {
    throw new RowshiftError('DEFINITION_CHANGED', {
      message: `run ${run.id} of "${name}" was started with another definition (columns, where, SQL or revision). ${remedy}`,
      details,
    })
  }
  if (run.tableHash !== prepared.tableHash) {
    throw new RowshiftError('TABLE_CHANGED', {
      message: `the key or the columns of "${run.table}" have changed since run ${run.id} of "${name}" was started. ${remedy}`,
      details,
    })
  }
}
