import type { Database, Session } from '../adapters/database.js'
import { writeKey } from '../backfill/cursor.js'
import { readLastKey } from '../backfill/keyset-reader.js'
import { leaseMs } from '../backfill/limits.js'
import { requireRangePages } from '../backfill/page-range.js'
import type { PreparedBackfill } from '../backfill/prepare-backfill.js'
import { keep, reading, readModeIn, type Scope } from '../backfill/transaction.js'
import type { Script } from '../dialects/script.js'
import type { RunRow } from '../dialects/state-statements.js'
import { tableText } from '../dialects/table.js'
import { RowshiftError } from '../errors/rowshift-error.js'

/** The active run of a definition, and whether this call made it. */
export interface StartedRun {
  readonly run: RunRow
  readonly isNew: boolean
}

/**
 * The active run of a definition, made if there is none; of two callers at once one makes it and both are given it.
 * @throws RowshiftError DEFINITION_CHANGED, TABLE_CHANGED when there is one that was started with something else;
 * PAGE_NOT_A_RANGE
 */
export async function startRun(
  database: Database,
  session: Session,
  scope: Scope,
  prepared: PreparedBackfill,
): Promise<StartedRun> {
  const { dialect, stateNames } = database
  const [estimatedRows, upper] = await session.run(reading(dialect, scope, measure(database, scope, prepared)))
  function* start() {
    const run = yield* dialect.state.insertRun(stateNames, {
      name: prepared.definition.name,
      status: 'scheduled',
      table: tableText(prepared.info.table),
      definitionHash: prepared.definitionHash,
      tableHash: prepared.tableHash,
      estimatedRows,
      journalDays: prepared.definition.journal?.keepDays,
    })
    const shards = yield* dialect.state.shards(stateNames, run.id)
    if (shards.length > 0) return keep({ run, isNew: false })
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
  const upper = yield* readLastKey(database.dialect, prepared.plan, readModeIn(scope))
  if (upper) yield* requireRangePages(database.dialect, prepared.plan, upper)
  return [Math.max(estimatedRows, upper === undefined ? 0 : 1), upper && writeKey(upper)]
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
