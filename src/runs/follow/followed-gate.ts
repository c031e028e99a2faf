import type { Database } from '../../adapters/database.js'
import { findStale } from '../../backfill/batch/find-stale.js'
import { ownConnections } from '../../backfill/connection/connections.js'
import { batchLimits, secondConnectionMs } from '../../backfill/connection/limits.js'
import { type Workplace, withFaultsMended } from '../../backfill/connection/mend.js'
import { kept, ownTransactions } from '../../backfill/connection/transaction.js'
import { writeKey } from '../../backfill/pages/cursor.js'
import type { PreparedBackfill } from '../../backfill/prepare/prepare-backfill.js'
import type { RunRow } from '../../dialects/state-statements.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { requireCompleted, requireNoMatch, requireOpenGate } from '../gate.js'
import { type Draining, drainRun } from './drain-run.js'
import { endFollow, removeFollow } from './follow.js'

export interface GatePlace extends Workplace {
  readonly database: Database
}

const never = new AbortController().signal

/**
 * The gate of a run that follows. First, while writers go on: the run is completed, the rows noted so far are computed anew, and no row
 * matches. Then for good: where the migration's transaction can hold them, writers are kept out until its contract is committed, and
 * what they noted last is computed before the triggers go with that same commit. Elsewhere the triggers go first, which waits for
 * every transaction that may note, and then what they have left.
 *
 * @param given the database as it is outside the migration's transaction
 * @throws RowshiftError GATE_SHUT, FOLLOW_LOST
 */
export async function requireFollowedGate(
  place: GatePlace,
  given: Database,
  prepared: PreparedBackfill,
): Promise<void> {
  const apart = await apartFrom(place, given, prepared)
  const closesWithin = place.scope.isEnclosing && given.dialect.hasTransactionalDdl
  try {
    const run = await checked(apart, prepared)
    if (run.follow !== 'on') {
      if (!closesWithin) await requireStillTrue(apart, prepared, run)
      return await openAsAny(place, prepared)
    }
    await drainAt(apart, prepared, run, 'present')
    await checked(apart, prepared)
    await mended(apart, prepared, (session) => requireNoMatch(apart.database, session, apart.scope, prepared, run))
    if (!closesWithin) return await closeAfterTriggers(apart, prepared, run)
    if (apart !== place) await apart.connections.release()
    await closeUnderLock(place, prepared, run)
  } finally {
    if (apart !== place) await apart.connections.release()
  }
}

/**
 * Beside the migration's transaction, so that it holds no locks of ours while writers go on, and DDL does not commit it. In it, where
 * nobody else can write meanwhile, or where the pool has no second connection and nothing would commit it; nor where an earlier gate
 * or statement of the migration would keep that one waiting.
 */
async function apartFrom(place: GatePlace, given: Database, prepared: PreparedBackfill): Promise<GatePlace> {
  const { dialect } = given
  if (!place.scope.isEnclosing || dialect.locksWholeDatabase) return place
  if (dialect.hasTransactionalDdl) {
    const isLocked = () => dialect.follow.isLockedHere(prepared.info.table)
    if (await mended(place, prepared, (session) => session.run(isLocked()))) return place
    if (!(await hasSecondConnection(given))) return place
  }
  const scope = ownTransactions(dialect, batchLimits)
  return { database: given, dialect, scope, connections: ownConnections(given), abort: never }
}

async function hasSecondConnection(given: Database): Promise<boolean> {
  try {
    await (await given.connect({ timeoutMs: secondConnectionMs })).release()
    return true
  } catch (error) {
    if (error instanceof RowshiftError && error.code === 'CONNECTION_UNAVAILABLE') return false
    throw error
  }
}

/**
 * The triggers went at an earlier gate, and not with a contract's commit: it may have failed, and rows have changed that nobody noted.
 */
async function requireStillTrue(place: GatePlace, prepared: PreparedBackfill, run: RunRow): Promise<void> {
  const key = await findStale(place, prepared)
  if (key === undefined) return
  const { name } = prepared.definition
  throw new RowshiftError('GATE_SHUT', {
    message: `run ${run.id} of "${name}" is completed, but rows have changed since an earlier gate ended its following, the one with key ${writeKey(key)} for instance. \`rowshift run ${name}\` goes over every row and follows anew; then migrate again.`,
    details: { backfill: name, run: run.id, status: run.status, key },
  })
}

function openAsAny(place: GatePlace, prepared: PreparedBackfill): Promise<void> {
  return mended(place, prepared, (session) => requireOpenGate(place.database, session, place.scope, prepared))
}

function checked(place: GatePlace, prepared: PreparedBackfill): Promise<RunRow> {
  return mended(place, prepared, (session) => requireCompleted(place.database, session, place.scope, prepared))
}

/** Times that writers are asked to wait: they have a moment's peace between two. */
const lockAttempts = 3

async function closeUnderLock(place: GatePlace, prepared: PreparedBackfill, run: RunRow): Promise<void> {
  const { database, dialect, scope } = place
  const { table } = prepared.info
  for (let attempt = 1; ; attempt++) {
    // From here on the run's rows are locked by this transaction: no worker comes between, and none has rows that we wait for.
    await drainAt(place, prepared, run, 'present')
    try {
      const lock = dialect.lockTable(table, batchLimits.lockTimeoutMs)
      await mended(place, prepared, (session) => session.run(scope.wrap(kept(lock))))
      break
    } catch (error) {
      if (!(error instanceof RowshiftError && error.retryable) || attempt === lockAttempts) throw error
    }
  }
  await drainAt(place, prepared, run, 'all')
  await checked(place, prepared)
  await mended(place, prepared, (session) => endFollow(database, session, scope, run))
}

async function closeAfterTriggers(place: GatePlace, prepared: PreparedBackfill, run: RunRow): Promise<void> {
  const { database, scope } = place
  await mended(place, prepared, (session) => removeFollow(database, session, scope, run.name))
  await drainAt(place, prepared, run, 'all')
  await checked(place, prepared)
  await mended(place, prepared, (session) => endFollow(database, session, scope, run))
}

async function drainAt(
  place: GatePlace,
  prepared: PreparedBackfill,
  run: RunRow,
  extent: Draining['extent'],
): Promise<void> {
  await drainRun({ ...place, prepared, run, stop: never }, { takesOver: true, extent })
}

function mended<T>(
  place: GatePlace,
  { definition }: PreparedBackfill,
  task: Parameters<typeof withFaultsMended<T>>[2],
): Promise<T> {
  return withFaultsMended(place, { doing: `checking the gate of backfill "${definition.name}"` }, task)
}
