import { setTimeout as sleep } from 'node:timers/promises'
import type { Key } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import type { FailureRow } from '../../dialects/state-statements.js'
import type { RowshiftError } from '../../errors/rowshift-error.js'
import { batchLimits, conflictAttempts, lockedTransformMs, unlockedAttempts } from '../connection/limits.js'
import { withFaultsMended } from '../connection/mend.js'
import { refusalOf } from '../connection/retry.js'
import {
  begin,
  CommitInDoubt,
  type Decision,
  endWith,
  reading,
  readModeIn,
  savepoints,
  undo,
} from '../connection/transaction.js'
import { readKey, writeKey } from '../pages/cursor.js'
import { rereadRows } from '../pages/keyset-reader.js'
import type { PreparedTransform } from '../prepare/prepare-backfill.js'
import { nameOf, type ShardContext } from '../shard-context.js'
import { asksOf } from '../transform/asks.js'
import { pickRows } from '../transform/change-set.js'
import { type Changes, transformRowNow, transformRows } from '../transform/transform.js'
import { allotFree } from './allot-free.js'
import { type Batch, type BatchOutcome, decided, writeBatch } from './bulk-writer.js'
import { newBatchId } from './checkpoint.js'
import { commitAllotted, isClash, uniqueAttempts } from './commit-allotted.js'
import { type CommitOutcome, commit, commitBatch } from './commit-batch.js'
import { hasFailedTooOften } from './failure-limit.js'
import { isRowRefused, type Portions, writeByHalves } from './isolate.js'
import { portionsOfRefused } from './range-portions.js'
import { UniqueValues } from './unique-values.js'

/** Conflicts settled in one batch. */
const conflictsPerBatch = 500

/**
 * Rows that changed between read and write are read again as they are now, transformed again and written by the same guarded
 * step; a row that keeps changing is locked for its last attempt. A shard is not done while one remains.
 */
export async function settleConflicts(
  given: ShardContext,
): Promise<'settled' | 'claim-lost' | 'stopped' | 'rows-failed'> {
  const { work, follow } = given.prepared
  // A row that is followed is computed anew though it was migrated before, and matches `where` no more.
  const context = follow ? { ...given, prepared: { ...given.prepared, plan: follow.plan } } : given
  // What is restored is written or listed.
  if (work.form === 'restore') return 'settled'
  for (let round = 0; ; round++) {
    const entries = await listConflicts(context)
    if (entries.length === 0) return 'settled'
    if (context.stop.aborted) return 'stopped'
    const outcome = work.form === 'sql' ? await retryRefused(context, entries) : await settle(context, work, entries)
    if (outcome === 'aborted') return 'stopped'
    if (outcome.status === 'fenced') return 'claim-lost'
    // What was not written yet is listed still; rows behind the cursor stay this worker's.
    if (outcome.status === 'cut') continue
    if (outcome.failures > 0 && (await hasFailedTooOften(context))) return 'rows-failed'
    // The writers that got in between are given a moment.
    if (outcome.conflicts > 0) await sleep(5 * 2 ** Math.min(round, 5))
  }
}

async function listConflicts(context: ShardContext): Promise<readonly FailureRow[]> {
  const { dialect, names, hold } = context
  const page = { state: 'conflict', shard: hold.shard, limit: conflictsPerBatch } as const
  return withFaultsMended(context, { doing: `listing conflicts of ${nameOf(context)}` }, (session) =>
    session.run(reading(dialect, context.scope, dialect.state.failures(names, hold.runId, page))),
  )
}

type Outcome = CommitOutcome | 'aborted'

/** SQL that computes its values from the row as it is has nothing to conflict with: what is listed was refused. */
async function retryRefused(context: ShardContext, entries: readonly FailureRow[]): Promise<Outcome> {
  const portions = portionsOfRefused(entries)
  try {
    return await commitBatch(context, { ...portions.batchOf(0, entries.length), id: newBatchId() })
  } catch (error) {
    if (!isRowRefused(error)) throw error
    return writeAgainByHalves(context, portions, error)
  }
}

async function writeAgainByHalves(context: ShardContext, portions: Portions, error: RowshiftError): Promise<Outcome> {
  // A batch of conflicts is small, so what is noted can wait for the next round.
  const outcome = await writeByHalves<never>(context, portions, error, async () => 'settled')
  return outcome.status === 'ended' ? 'aborted' : outcome
}

function settle(context: ShardContext, work: PreparedTransform, entries: readonly FailureRow[]): Promise<Outcome> {
  const isLast = entries.every((entry) => entry.attempts >= conflictAttempts)
  return isLast ? settleAlone(context, work, entries[0]!) : settleTogether(context, work, entries)
}

async function settleTogether(
  context: ShardContext,
  work: PreparedTransform,
  entries: readonly FailureRow[],
  attempt = 1,
): Promise<Outcome> {
  const { dialect, prepared, scope } = context
  const keys = entries.map((entry) => readKey(entry.key))
  const mode = readModeIn(scope)
  const doing = `reading changed rows of ${nameOf(context)}`
  const found = await withFaultsMended(context, { doing }, (session) =>
    session.run(reading(dialect, scope, rereadRows(dialect, prepared.plan, keys, mode))),
  )
  const changes = await transformRows(work, found.matching, asksOf(context, work.backfill))
  if (context.abort.aborted) return 'aborted'
  const skipped = keys.length - found.matching.length
  const unique = new UniqueValues(dialect, prepared, work)
  try {
    const batch = batchOf(context, changes, entries, skipped)
    if (work.work.unique.size === 0) return await commitBatch(context, batch)
    return await commitAllotted(context, unique, batch.id, () => batch)
  } catch (error) {
    if (!isRowRefused(error)) throw error
    // The rest is listed still.
    const fewer = entries.slice(0, Math.ceil(entries.length / 2))
    const isAgain = isClash(context, work, error) && (entries.length > 1 || attempt < uniqueAttempts)
    if (isAgain) return settleTogether(context, work, fewer, entries.length > 1 ? 1 : attempt + 1)
    unique.forget()
    const free = await allotFree(context, unique, changes)
    return writeAgainByHalves(context, portionsOfConflicts(context, free, entries, skipped), error)
  }
}

/** The first part takes with it what is not written. */
function portionsOfConflicts(
  context: ShardContext,
  changes: Changes,
  entries: readonly FailureRow[],
  skipped: number,
): Portions {
  const width = context.prepared.info.key.length
  const rows = changes.sets.flatMap((set) =>
    set.rows.map((row) => ({ set, row, key: row.slice(0, width) as string[] })),
  )
  const places = new Map(rows.map(({ key }, i) => [writeKey(key), i]))
  const refusedBefore = new Set(entries.filter(({ code }) => code === 'ROW_REFUSED').map(({ key }) => key))
  return {
    rows: rows.map(({ key }) => key),
    isRetried: (key) => refusedBefore.has(writeKey(key)),
    batchOf(from, to) {
      const isFirst = from === 0
      const part = rows.slice(from, to)
      const own = entries.filter(({ key }) => {
        const place = places.get(key)
        return place === undefined ? isFirst : place >= from && place < to
      })
      const written = new Set(part.map(({ row }) => row))
      const sets = changes.sets.map((set) => pickRows(set, (row) => written.has(row)))
      const rest = { left: isFirst ? changes.left : 0, failures: isFirst ? changes.failures : [] }
      const present = sets.filter((set) => set.rows.length > 0)
      return batchOf(context, { ...rest, sets: present }, own, isFirst ? skipped : 0)
    },
  }
}

function batchOf(context: ShardContext, changes: Changes, entries: readonly FailureRow[], skipped: number): Batch {
  const hasWhere = context.prepared.plan.endsWithWrite
  return {
    id: newBatchId(),
    advance: {
      cursor: undefined,
      add: { skipped, passLeft: hasWhere ? changes.left : 0, unchanged: hasWhere ? 0 : changes.left },
    },
    sets: changes.sets,
    failures: changes.failures,
    retried: new Map(entries.map((entry) => [entry.key, entry.attempts])),
  }
}

/** A row that the database refuses at its last attempt is a failure. */
async function settleAlone(
  context: ShardContext,
  work: PreparedTransform,
  entry: FailureRow,
  attempt = 1,
): Promise<Outcome> {
  try {
    return await settleLocked(context, work, entry)
  } catch (error) {
    if (!isRowRefused(error)) throw error
    if (isClash(context, work, error) && attempt < uniqueAttempts) return settleAlone(context, work, entry, attempt + 1)
    const failure = { key: entry.key, step: 'write' as const, ...refusalOf(context.dialect, error.cause) }
    return commitBatch(context, {
      ...batchOf(context, { sets: [], left: 0, failures: [] }, [entry], 0),
      failures: [failure],
    })
  }
}

/**
 * The last attempt: the row is locked while its transform runs, so that nothing can change it. The only moment at which a lock
 * is held during user code, and bounded in time.
 */
async function settleLocked(context: ShardContext, work: PreparedTransform, entry: FailureRow): Promise<Outcome> {
  const session = await context.connections.writer()
  const { dialect, prepared, scope } = context
  const key = readKey(entry.key)
  // Where other code shares the connection or the lock, a transaction encloses it, or what the transform asks would have to be
  // answered on it, the transaction is one script.
  const isAlone = !session.isShared && !scope.isEnclosing && !dialect.locksWholeDatabase
  const mayWait = !work.computation.asks || (await context.connections.reader()) !== session
  if (!isAlone || !mayWait) return settleAtOnce(context, work, entry, key)

  const id = newBatchId()
  const limits = { ...batchLimits, idleTimeoutMs: 2 * lockedTransformMs }
  return commit(context, id, async (locking) => {
    await locking.run(begin(dialect, limits))
    const write = async (batch: Batch) =>
      locking.run(endWith(dialect, decided(writeBatch({ ...context, scope: savepoints(dialect) }, { ...batch, id }))))
    try {
      const found = await locking.run(rereadRows(dialect, prepared.plan, [key], 'current'))
      const changes = await withinTime(transformRows(work, found.matching, asksOf(context, work.backfill)))
      if (context.abort.aborted) {
        await locking.run(dialect.rollback())
        return { status: 'fenced' }
      }
      if (changes === 'too-slow') return await write(givingUp(context, entry))
      const free = await locking.run(new UniqueValues(dialect, prepared, work).allot(changes, 'current'))
      return await write(batchOf(context, free, [entry], 1 - found.matching.length))
    } catch (error) {
      // `endWith` has rolled back after an error of its own; a second ROLLBACK finds nothing to do.
      if (!(error instanceof CommitInDoubt)) await locking.run(dialect.rollback()).catch(() => undefined)
      throw error
    }
  })
}

/** A synchronous transform can have no writer come between; an asynchronous one is given further attempts without a lock. */
async function settleAtOnce(
  context: ShardContext,
  work: PreparedTransform,
  entry: FailureRow,
  key: Key,
): Promise<Outcome> {
  const { dialect, prepared, scope } = context
  const id = newBatchId()
  let isPostponed = false
  function* body(): Script<Decision<BatchOutcome>> {
    const found = yield* rereadRows(dialect, prepared.plan, [key], 'current')
    const row = found.matching[0]
    const changes = row ? transformRowNow(work, row, context.abort) : { sets: [], left: 0, failures: [] }
    isPostponed = changes === undefined && entry.attempts < unlockedAttempts
    if (isPostponed) return undo({ status: 'fenced' })
    const free = changes && (yield* new UniqueValues(dialect, prepared, work).allot(changes, 'current'))
    const batch = free ? batchOf(context, free, [entry], row ? 0 : 1) : givingUp(context, entry)
    return yield* decided(writeBatch({ ...context, scope: savepoints(dialect) }, { ...batch, id }))
  }
  const outcome = await commit(context, id, (session) => session.run(scope.wrap(body())))
  return isPostponed ? settleTogether(context, work, [entry]) : outcome
}

/** A row that could not be had: listed as a failure, with the number of attempts. */
function givingUp(context: ShardContext, entry: FailureRow): Batch {
  const message = `kept changing through ${entry.attempts} attempts, and its transform took too long to hold a lock for`
  return {
    ...batchOf(context, { sets: [], left: 0, failures: [] }, [entry], 0),
    failures: [{ key: entry.key, code: 'CONFLICT', step: 'write', message }],
  }
}

async function withinTime(changes: Promise<Changes>): Promise<Changes | 'too-slow'> {
  const timer = new AbortController()
  const timeout = sleep(lockedTransformMs, 'too-slow' as const, { signal: timer.signal }).catch(
    () => 'too-slow' as const,
  )
  try {
    return await Promise.race([changes, timeout])
  } finally {
    timer.abort()
  }
}
