import type { Database, Session } from '../adapters/database.js'
import { limitInMigration } from '../backfill/batch/failure-limit.js'
import {
  borrowedConnections,
  type Connections,
  enclosedConnections,
  ownConnections,
} from '../backfill/connection/connections.js'
import { batchLimits, firstConnectionMs } from '../backfill/connection/limits.js'
import { type Workplace, withFaultsMended } from '../backfill/connection/mend.js'
import { databaseError } from '../backfill/connection/retry.js'
import { ownTransactions, reading, type Scope, savepoints } from '../backfill/connection/transaction.js'
import type { BackfillDefinition } from '../backfill/definition/definition.js'
import { undoSuffix } from '../backfill/definition/reverse-of.js'
import { endsWithWrite, type PreparedBackfill, prepareBackfill } from '../backfill/prepare/prepare-backfill.js'
import { verifyTable } from '../backfill/verify/verify.js'
import type { Dialect } from '../dialects/dialect.js'
import type { Script } from '../dialects/script.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { retryFailedRows } from './control/run-control.js'
import { executeRun } from './execute-run.js'
import { concludeRun, isOfEmpty } from './finish-run.js'
import { requireFollowedGate } from './follow/followed-gate.js'
import { requireOpenGate } from './gate.js'
import { openState, requireVersion } from './open-state.js'
import type { RunResult } from './run-result.js'
import { isActive, type RunStatus } from './run-status.js'
import { type StartedRun, startRun } from './start-run.js'
import { chooseUndo, endFollowForUndo, markUndone, prepareUndo, stopForUndo } from './undo/undo.js'
import { requireNoWait } from './when.js'

/*
 * What migrations call. Inside an ORM's migration anything but success throws, or the ORM would record it as done.
 */

/** A migration's connection, and whether a transaction is open on it: asked of the server, never of the ORM's flag. */
interface Place extends Workplace {
  readonly database: Database
}

const never = new AbortController().signal

/** Marks a transaction in which a run was scheduled, so that its gate can tell. */
const scheduledMark = 'rowshift_scheduled'

export async function inPlace<T>(given: Database, session: Session, task: (place: Place) => Promise<T>): Promise<T> {
  const place = await enter(given, session).catch((error: unknown) => {
    throw databaseError(given.dialect, error, 'looking at the transaction of the migration')
  })
  try {
    return await task(place)
  } finally {
    await place.connections.release()
  }
}

async function enter(given: Database, session: Session): Promise<Place> {
  await session.run(given.dialect.requirePrimary())
  const isEnclosed = await session.run(given.dialect.isInTransaction())
  const database = isEnclosed ? { ...given, dialect: enclosed(given.dialect) } : given
  const { dialect } = database
  const scope = isEnclosed ? savepoints(dialect) : ownTransactions(dialect, batchLimits)
  await prepareState(database, session, scope)
  return { database, dialect, scope, connections: await connectionsFor(database, session, isEnclosed), abort: never }
}

const enclosed = (dialect: Dialect): Dialect => ({ ...dialect, state: dialect.enclosedState })

async function connectionsFor(database: Database, session: Session, isEnclosed: boolean): Promise<Connections> {
  if (isEnclosed) return enclosedConnections(database, session)
  // A connection that the application shares is left to it where the database has another.
  return session.isShared ? ownConnections(database) : borrowedConnections(database, session)
}

/** Where DDL would commit the migration's own transaction, the state tables are made on another connection. */
async function prepareState(database: Database, session: Session, scope: Scope): Promise<void> {
  const { dialect } = database
  if (!scope.isEnclosing || dialect.hasTransactionalDdl) return openState(database, session, scope)
  const found = await session.run(dialect.state.version(database.stateNames))
  if (found !== undefined) return requireVersion(found)
  const other = await database.connect({ timeoutMs: firstConnectionMs })
  try {
    await openState(database, other, ownTransactions(dialect, batchLimits))
  } finally {
    await other.release()
  }
}

/**
 * Runs a definition to its end inside a migration: in the migration's transaction if there is one, so that it commits or rolls
 * back with it; else in transactions of its own, resumable when the migration is run again.
 * @throws RowshiftError for every end but a completed and verified run
 */
export async function runInMigration(
  given: Database,
  session: Session,
  definition: BackfillDefinition,
): Promise<RunResult & { status: 'completed' }> {
  return inPlace(given, session, async (place) => runToEnd(place, await prepare(place, definition)))
}

async function runToEnd(place: Place, prepared: PreparedBackfill): Promise<RunResult & { status: 'completed' }> {
  const { database, scope } = place
  const { definition } = prepared
  await withFaultsMended(place, { doing: `looking whether backfill "${definition.name}" may begin` }, (writer) =>
    requireNoWait(database, writer, scope, definition, undefined),
  )
  const { run } = await start(place, prepared)
  if (run.status === 'failed') {
    const doing = `trying backfill "${definition.name}" again`
    await withFaultsMended(place, { doing }, (writer) =>
      writer.run(scope.wrap(retryFailedRows(database, run.id, prepared))),
    )
  }
  const result = await executeRun({
    ...place,
    prepared,
    run,
    from: ['failed'],
    waitsForOthers: true,
    failureLimit: limitInMigration,
    stop: never,
    onProgress: () => undefined,
  })
  if (result.status === 'completed') return result
  throw await unfinished(place, definition, result)
}

function prepare(place: Place, definition: BackfillDefinition): Promise<PreparedBackfill> {
  const { database, dialect, scope } = place
  return withFaultsMended(place, { doing: `preparing backfill "${definition.name}"` }, (writer) =>
    writer.run(reading(dialect, scope, prepareBackfill(database, definition))),
  )
}

function start(place: Place, prepared: PreparedBackfill): Promise<StartedRun> {
  return withFaultsMended(place, { doing: `starting backfill "${prepared.definition.name}"` }, (writer) =>
    startRun(place.database, writer, place.scope, prepared),
  )
}

/** Failed rows shown in an error: a rollback erases the table that lists them all. */
const failuresShown = 20

async function unfinished(
  place: Place,
  definition: BackfillDefinition,
  result: Exclude<RunResult, { status: 'completed' }>,
): Promise<RowshiftError> {
  const { database, dialect, scope } = place
  const doing = `reading the failures of backfill "${definition.name}"`
  const failures = await withFaultsMended(place, { doing }, (writer) => {
    const page = dialect.state.failures(database.stateNames, result.runId, { limit: failuresShown })
    return writer.run(reading(dialect, scope, page))
  })
  const details = {
    backfill: definition.name,
    run: result.runId,
    counts: result.counts,
    failures: failures.map(({ key, code, message }) => ({ key, code, message })),
  }
  const listed = failures.map(({ key, code, message }) => `\n  ${key} ${code}: ${message}`).join('')
  if (result.status === 'failed') {
    const more = result.counts.failures - failures.length
    return new RowshiftError(result.code, {
      message: `backfill "${definition.name}" failed: ${result.reason}.${listed}${more > 0 ? `\n  and ${more} more` : ''}\nThe migration is not recorded as done. Mend the rows or the transform, then run it again.`,
      details,
    })
  }
  return new RowshiftError('RUN_UNFINISHED', {
    message: `backfill "${definition.name}" is unfinished (${result.reason}), so the migration is not recorded as done. Run it again to go on from the checkpoint.`,
    details,
    retryable: true,
  })
}

/**
 * Schedules a run for background workers and returns at once. Called again, or by two migrations at once, it finds the run that
 * is there. A run of an empty table ends at once, by its verification.
 * @throws RowshiftError SCHEDULE_NEEDS_WHERE and what the checks of the definition throw
 */
export async function scheduleInMigration(
  given: Database,
  session: Session,
  definition: BackfillDefinition,
): Promise<void> {
  if (!endsWithWrite(definition) && !definition.follow) {
    const { where, work } = definition
    const lack =
      where === undefined ? 'has no `where`' : 'has a `where` that stays true of a row when others are created of it'
    const remedy =
      work.form === 'transform' && work.into
        ? 'Say in SQL what is still to be created: where: sql`not exists (select 1 from ... where ...)`.'
        : 'Add one, such as where: { slug: null }, or follow: true.'
    throw new RowshiftError('SCHEDULE_NEEDS_WHERE', {
      message: `backfill "${definition.name}" ${lack}: while the application goes on writing, nothing would tell which rows are left. ${remedy}`,
      details: { backfill: definition.name },
    })
  }
  await inPlace(given, session, async (place) => {
    const { database, dialect, scope } = place
    const prepared = await prepare(place, definition)
    const { run } = await start(place, prepared)
    await withFaultsMended(place, { doing: `scheduling backfill "${definition.name}"` }, async (writer) => {
      if (await writer.run(reading(dialect, scope, isOfEmpty(database, run)))) {
        const verification = await verifyTable({ ...place, session: writer, prepared, signal: never }, 0, [], undefined)
        await writer.run(scope.wrap(concludeRun(database, run.id, verification)))
      } else if (scope.isEnclosing && isActive(run.status as RunStatus))
        await writer.run(dialect.savepoint(scheduledMark))
    })
  })
}

/**
 * The gate: passes only when the latest run of each definition is completed and verified and no row matches again.
 * @throws RowshiftError GATE_SHUT with what is left and the command that finishes it; GATE_IN_SAME_TRANSACTION; FOLLOW_LOST
 */
export async function requireCompletedInMigration(
  given: Database,
  session: Session,
  definition: BackfillDefinition,
): Promise<void> {
  await inPlace(given, session, async (place) => {
    const { database, dialect } = place
    const writer = await place.connections.writer()
    if (place.scope.isEnclosing && (await writer.run(dialect.hasSavepoint(scheduledMark)))) {
      throw new RowshiftError('GATE_IN_SAME_TRANSACTION', {
        message: `the schedule of "${definition.name}" and its gate are in one transaction, so the run can never start: this error takes the schedule back. Run the migrations with \`-t each\`, or release the gate's migration after the run has finished.`,
        details: { backfill: definition.name },
      })
    }
    const prepared = await prepare(place, definition)
    if (prepared.follow) return requireFollowedGate(place, given, prepared)
    await withFaultsMended(place, { doing: `checking the gate of backfill "${definition.name}"` }, (session) =>
      requireOpenGate(database, session, place.scope, prepared),
    )
  })
}

/**
 * Takes a change back inside a migration, by its journal or by the definition's `reverse`, with the same engine; the gate shuts. Rows
 * that were changed since the journal was written are left as they are, and warned of.
 * @throws RowshiftError IRREVERSIBLE before anything is read
 */
export async function undoInMigration(
  given: Database,
  session: Session,
  definition: BackfillDefinition,
): Promise<void> {
  await inPlace(given, session, async (place) => {
    const { database, dialect, scope } = place
    const { name } = definition
    const inWriter = <T>(script: () => Script<T>) =>
      withFaultsMended(place, { doing: `undoing backfill "${name}"` }, (writer) => writer.run(script()))
    const way = await inWriter(() => reading(dialect, scope, chooseUndo(database, definition)))
    await inWriter(() => scope.wrap(stopForUndo(database, name)))
    await withFaultsMended(place, { doing: `undoing backfill "${name}"` }, (writer) =>
      endFollowForUndo(database, writer, scope, name),
    )
    if (way.by !== 'not-needed') {
      const prepared = await inWriter(() => reading(dialect, scope, prepareUndo(database, way)))
      const { counts } = await runToEnd(place, prepared)
      if (way.by === 'journal' && counts.failures > 0) warnOfChanged(name, counts.failures)
    }
    await inWriter(() => scope.wrap(markUndone(database, name)))
  })
}

/** Of a sequence: whether each can be taken back, asked before the first is. @throws RowshiftError IRREVERSIBLE */
export async function requireWaysBack(
  given: Database,
  session: Session,
  definitions: readonly BackfillDefinition[],
): Promise<void> {
  await inPlace(given, session, async (place) => {
    const { database, dialect, scope } = place
    for (const definition of definitions) {
      await withFaultsMended(place, { doing: `looking how backfill "${definition.name}" is undone` }, (writer) =>
        writer.run(reading(dialect, scope, chooseUndo(database, definition))),
      )
    }
  })
}

function warnOfChanged(name: string, rows: number): void {
  process.emitWarning(
    `undo of "${name}" left ${rows} rows as they are, because they were changed since or could not be restored: \`rowshift failures ${name}${undoSuffix}\` lists them.`,
    { type: 'RowshiftWarning', code: 'CHANGED_SINCE' },
  )
}
