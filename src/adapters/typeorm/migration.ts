import type { Backfill } from '../../backfill/definition/define-backfill.js'
import { definitionsOf, isSequence, type Sequence } from '../../backfill/definition/sequence.js'
import { changeSchema as runStatements } from '../../runs/change-schema.js'
import {
  requireCompletedInMigration,
  requireWaysBack,
  runInMigration,
  scheduleInMigration,
  undoInMigration,
} from '../../runs/in-migration.js'
import type { RunResult } from '../../runs/run-result.js'
import { recordVersionInMigration } from '../../runs/versions/recorded-versions.js'
import { requireVersion, type SemVer } from '../../schema-version/semver.js'
import type { Database, Session } from '../database.js'
import { whileAwaited } from './awaited.js'
import type { QueryRunnerLike } from './data-source.js'
import { borrowSession, databaseOf } from './database.js'

/** The query runner that TypeORM passes to `up` and `down`, by structure. */
export interface MigrationQueryRunner {
  query(query: string, parameters?: never): Promise<unknown>
  readonly isTransactionActive: boolean
}

async function inMigration<T>(
  queryRunner: MigrationQueryRunner,
  call: string,
  task: (database: Database, session: Session) => Promise<T>,
): Promise<T> {
  const runner = queryRunner as unknown as QueryRunnerLike
  return whileAwaited(runner, call, async () => {
    const session = await borrowSession(runner)
    return task(databaseOf(runner.dataSource), session)
  })
}

/**
 * Runs a backfill to its end inside a migration, under every transaction mode. With a transaction open it commits or rolls back
 * with the migration; without one it commits batch by batch, and running the migration again resumes it.
 *
 *   await backfill(queryRunner, citySlug)
 *
 * @throws RowshiftError for every end but a completed run, so that the migration is never recorded by mistake
 */
export function backfill(
  queryRunner: MigrationQueryRunner,
  definition: Backfill,
): Promise<RunResult & { status: 'completed' }>
/** The same for the backfills of a sequence, one after another: a result for each. */
export function backfill(
  queryRunner: MigrationQueryRunner,
  sequence: Sequence,
): Promise<readonly (RunResult & { status: 'completed' })[]>
export function backfill(queryRunner: MigrationQueryRunner, given: Backfill | Sequence): Promise<unknown> {
  return inMigration(queryRunner, `backfill("${given?.name}")`, async (database, session) => {
    const results: (RunResult & { status: 'completed' })[] = []
    for (const definition of definitionsOf(given)) results.push(await runInMigration(database, session, definition))
    return isSequence(given) ? results : results[0]
  })
}

/**
 * Schedules a backfill for background workers (`rowshift work`) and returns at once. Idempotent: a run that is active already is
 * kept, also when two instances migrate at the same time. On an empty table the run completes at once.
 *
 * @throws RowshiftError SCHEDULE_NEEDS_WHERE, and what the checks of the definition throw
 */
export function schedule(queryRunner: MigrationQueryRunner, given: Backfill | Sequence): Promise<void> {
  return inMigration(queryRunner, `schedule("${given?.name}")`, async (database, session) => {
    for (const definition of definitionsOf(given)) await scheduleInMigration(database, session, definition)
  })
}

/**
 * The gate before a contract: passes only if each definition's latest run is completed and verified and no row matches again.
 *
 * @throws RowshiftError GATE_SHUT with what is left and the command that finishes it; GATE_IN_SAME_TRANSACTION when the
 * schedule is in the same, uncommitted transaction
 */
export function requireCompleted(
  queryRunner: MigrationQueryRunner,
  ...given: [Backfill | Sequence, ...(Backfill | Sequence)[]]
): Promise<void> {
  const names = given.map((one) => `"${one?.name}"`).join(', ')
  return inMigration(queryRunner, `requireCompleted(${names})`, async (database, session) => {
    for (const definition of given.flatMap(definitionsOf))
      await requireCompletedInMigration(database, session, definition)
  })
}

/**
 * Records which version a table has from here on, with its columns as they are now: what `rowshift status` and the next
 * `rowshift generate` compare the code with. It commits or rolls back with the migration. `undefined` forgets what was recorded.
 *
 *   await recordVersion(queryRunner, 'city', '2.0.0', this.name)
 *
 * @throws RowshiftError TABLE_NOT_FOUND, VERSION_INVALID
 */
export function recordVersion(
  queryRunner: MigrationQueryRunner,
  table: string,
  version: SemVer | undefined,
  migration?: string,
): Promise<void> {
  if (version !== undefined) requireVersion(version, `the record of table "${table}"`)
  return inMigration(queryRunner, `recordVersion("${table}")`, (database, session) =>
    recordVersionInMigration(database, session, { table, version, migration }),
  )
}

/**
 * Runs statements on the schema, with a limit on how long they may keep others waiting: 2 s for a lock, where every reader would queue
 * behind them, and 10 s for what reads no rows. One that reaches its limit is undone and tried again. Works in a transaction, and
 * without one, where each statement commits by itself. With `CREATE INDEX CONCURRENTLY`, which needs `transaction = false`, a call should begin with what clears
 * away an earlier attempt. SQLite has no such limits: there the statements are simply run.
 *
 *   await changeSchema(queryRunner, `ALTER TABLE "city" ALTER COLUMN "slug" SET NOT NULL`)
 *
 * @throws RowshiftError DATABASE_UNAVAILABLE when the locks could not be had, ROW_REFUSED when rows are in the way, DATABASE_ERROR when
 * the database refuses
 */
export function changeSchema(queryRunner: MigrationQueryRunner, ...statements: readonly string[]): Promise<void> {
  const runner = queryRunner as unknown as QueryRunnerLike
  // Shown as TypeORM shows its own: they have no parameters and hold no contents of rows.
  for (const text of statements) runner.dataSource.logger.logQuery(text, undefined, runner)
  return inMigration(queryRunner, 'changeSchema()', (database, session) => runStatements(database, session, statements))
}

/**
 * Takes a backfill back, for a migration's `down`: by the journal of its runs if they kept one, else by its `reverse`. Its gate shuts
 * again. Rows that were changed since a journal was written are left as they are and warned of. Of a sequence the last comes first.
 *
 * @throws RowshiftError IRREVERSIBLE before anything is taken back
 */
export function undo(queryRunner: MigrationQueryRunner, given: Backfill | Sequence): Promise<void> {
  return inMigration(queryRunner, `undo("${given?.name}")`, async (database, session) => {
    const definitions = definitionsOf(given).toReversed()
    await requireWaysBack(database, session, definitions)
    for (const definition of definitions) await undoInMigration(database, session, definition)
  })
}
