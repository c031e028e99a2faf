import type { Dialect, Key, KeyRange, UpdateRow } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import type { NewFailure, StateNames } from '../../dialects/state-statements.js'
import { tableText } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { type Decision, keep, readModeIn, type Scope, undo } from '../connection/transaction.js'
import { writeKey } from '../pages/cursor.js'
import { type PageRow, rereadRows } from '../pages/keyset-reader.js'
import type { PreparedBackfill, PreparedTransform } from '../prepare/prepare-backfill.js'
import { type ChangeSet, pickRows } from '../transform/change-set.js'
import type { RowFailure } from '../transform/transform.js'
import type { Advance, ShardHold } from './checkpoint.js'
import type { Destination, WritePlace } from './destination.js'
import { journalBytesOf, requireJournalRoom } from './journal.js'
import type { RangeResult } from './range-action.js'
import { awaitTurn, refuseTaken } from './unindexed-values.js'

export interface Batch {
  readonly id: string
  readonly advance: Advance
  readonly sets: readonly ChangeSet[]
  /** Ranges whose matching rows are given values that the database computes: they never leave it. One key each in `retried` batches. */
  readonly ranges?: readonly KeyRange[]
  readonly failures: readonly RowFailure[]
  /** Rows that the database has refused once, to be tried again. */
  readonly refused?: readonly RowFailure[]
  /** Earlier attempts at these rows, by key: their entries are replaced or removed. */
  readonly retried: ReadonlyMap<string, number>
  /** Rows to be looked at in the same transaction, once they are written. */
  readonly sampled?: readonly Key[]
  /** Called as the rows of a set are sent to be written. */
  readonly onSent?: () => void
}

export type BatchOutcome =
  | { readonly status: 'fenced' }
  | {
      readonly status: 'written'
      readonly written: number
      readonly skipped: number
      readonly conflicts: number
      readonly failures: number
      /** Rows that were noted to be tried again, because the database has refused them. */
      readonly refused: number
      /** The rows of `sampled` that were written, as the batch leaves them. */
      readonly sampled?: readonly PageRow[]
    }

/** What the writer of a run's batches stands on. */
export interface WriterContext {
  readonly dialect: Dialect
  readonly names: StateNames
  readonly prepared: PreparedBackfill
  readonly hold: ShardHold
  readonly scope: Scope
}

/** Attempts at a batch that others come in between of: each is a transaction that is rolled back. */
const attempts = 5

/**
 * One batch, one transaction: fence, guarded writes, failures and conflicts. Either all of it is committed or nothing.
 *
 * Where the database cannot say which rows it left out, or somebody else was quicker to create a row, the transaction is rolled back and
 * made anew with the rows whose guard holds locked first: rare, and cheaper than a savepoint in every batch.
 */
export function* writeBatch(context: WriterContext, batch: Batch): Script<BatchOutcome> {
  for (let n = 1; n <= attempts; n++) {
    const outcome = yield* context.scope.wrap(attempt(context, batch, n > 1))
    if (outcome !== 'unknown') return outcome
  }
  throw new Error(`rows that were locked first could not be told apart in ${attempts} attempts`)
}

function* attempt(
  context: WriterContext,
  batch: Batch,
  isCareful: boolean,
): Script<Decision<BatchOutcome | 'unknown'>> {
  const { hold, prepared } = context
  // Values that the database computes come in ranges, never in sets.
  const { destination } = prepared.work as PreparedTransform
  const expected = batch.sets.reduce((sum, set) => sum + destination.rowsOf(set), 0)
  const journalBytes = journalBytesOf(prepared, batch)
  const add = { ...batch.advance.add, written: expected, passWritten: expected, journalBytes }
  yield* awaitTurn(context)
  if (!(yield* hold.fence(batch.id, { ...batch.advance, add }))) return undo({ status: 'fenced' })
  yield* requireJournalRoom(context)

  const unwritten: Key[] = []
  let [written, left] = [0, 0]
  for (const set of batch.sets) {
    const outcome = yield* writeSet(context, destination, set, { isCareful, onSent: batch.onSent })
    if (outcome === 'unknown') return undo('unknown')
    for (const position of outcome.missed) unwritten.push(keyOf(context, set.rows[position]!))
    written += outcome.written
    left += outcome.skipped
  }
  const { conflicts, skipped: gone } = yield* sortOut(context, unwritten)
  const { ranges = [] } = batch
  const { written: computed, journalBytes: noted } = yield* writeRanges(context, ranges)
  // A range of one key that wrote nothing was about a row that is gone, or matches no more.
  const passed = batch.retried.size > 0 ? ranges.length - computed : 0
  const skipped = gone + left + passed
  const sampled = yield* readSampled(context, batch.sampled ?? [], unwritten)
  yield* noteFailures(context, batch, conflicts)
  const added = written + computed - expected
  if (added !== 0 || skipped > 0 || conflicts.length > 0) {
    yield* hold.count({
      written: added,
      passWritten: added,
      skipped,
      // Further attempts at a row are the same conflict.
      conflicts: batch.advance.cursor ? conflicts.length : 0,
      journalBytes: noted,
    })
  }
  // What the database notes is known only once it has.
  if (noted > 0) yield* requireJournalRoom(context)
  return keep({
    status: 'written',
    written: expected + added,
    skipped,
    conflicts: conflicts.length,
    failures: batch.failures.length,
    refused: batch.refused?.length ?? 0,
    sampled,
  })
}

/** The body of a transaction that is kept unless its batch was refused. */
export function* decided(script: Script<BatchOutcome>): Script<Decision<BatchOutcome>> {
  const outcome = yield* script
  return outcome.status === 'fenced' ? undo(outcome) : keep(outcome)
}

/** Lets the database do its part with each range. */
function* writeRanges(
  context: WriterContext,
  ranges: readonly KeyRange[],
): Script<Pick<RangeResult, 'written' | 'journalBytes'>> {
  const { work, plan } = context.prepared
  const sum = { written: 0, journalBytes: 0 }
  if (work.form !== 'sql') return sum
  for (const range of ranges) {
    const { written, journalBytes, stillMatching } = yield* work.action.write(placeOf(context), plan, range)
    refuseStillMatching(context.prepared, stillMatching)
    sum.written += written
    sum.journalBytes += journalBytes
  }
  return sum
}

function placeOf({ dialect, names, prepared, hold, scope }: WriterContext): WritePlace {
  const journal = prepared.definition.journal && { table: dialect.state.journalTable(names), runId: hold.runId }
  return { dialect, mode: readModeIn(scope), journal }
}

/** Writes one set, and says which of its rows were missed. */
function* writeSet(
  context: WriterContext,
  destination: Destination,
  given: ChangeSet,
  { isCareful, onSent }: { readonly isCareful: boolean; readonly onSent: Batch['onSent'] },
): Script<{ readonly missed: readonly number[]; readonly written: number; readonly skipped: number } | 'unknown'> {
  const { dialect, prepared } = context
  const { plan } = prepared
  const isLocked = isCareful || destination.locksFirst
  const guarded = isLocked ? new Set(yield* dialect.lockGuarded(plan, given.rows)) : undefined
  const set = guarded ? pickRows(given, (_, i) => guarded.has(i)) : given
  const left = guarded ? given.rows.flatMap((_, i) => (guarded.has(i) ? [] : [i])) : []
  if (set.rows.length === 0) return { missed: left, written: 0, skipped: 0 }
  yield* refuseTaken(context, set)
  onSent?.()
  const { missed, stillMatching, ...counts } = yield* destination.write(placeOf(context), plan, set, isLocked)
  refuseStillMatching(prepared, stillMatching)
  return missed === 'unknown' ? missed : { ...counts, missed: isLocked ? left : missed }
}

export function refuseStillMatching(prepared: PreparedBackfill, key: Key | undefined): void {
  if (key === undefined) return
  throw new RowshiftError('WHERE_STILL_TRUE', {
    message: `backfill "${prepared.definition.name}": the row with key ${writeKey(key)} still matches \`where\` after it was written, so it would be migrated again and again. Let \`where\` name what the change makes true. Nothing of this batch was kept.`,
    details: { backfill: prepared.definition.name, table: tableText(prepared.info.table), key },
  })
}

/** Rows that were not written are gone, migrated by somebody else, or changed under us. */
function* sortOut(
  { dialect, prepared, scope }: WriterContext,
  keys: readonly Key[],
): Script<{ readonly conflicts: readonly Key[]; readonly skipped: number }> {
  if (keys.length === 0) return { conflicts: [], skipped: 0 }
  const found = yield* rereadRows(dialect, prepared.plan, keys, readModeIn(scope))
  const conflicts = found.matching.map((row) => row.key)
  return { conflicts, skipped: keys.length - conflicts.length }
}

function* readSampled(
  { dialect, prepared, scope }: WriterContext,
  keys: readonly Key[],
  unwritten: readonly Key[],
): Script<readonly PageRow[]> {
  const missed = new Set(unwritten.map(writeKey))
  const written = keys.filter((key) => !missed.has(writeKey(key)))
  if (written.length === 0) return []
  const plan = { ...prepared.plan, where: undefined }
  return (yield* rereadRows(dialect, plan, written, readModeIn(scope))).matching
}

/** A conflict lives in the table, never only in memory: a process that dies now leaves it to the next. */
function* noteFailures(context: WriterContext, batch: Batch, conflicts: readonly Key[]): Script<void> {
  const { dialect, names, hold } = context
  const attemptsOf = (key: string) => (batch.retried.get(key) ?? 0) + 1
  const entries: NewFailure[] = [
    ...batch.failures.map(
      (failure): NewFailure => ({
        ...failure,
        shard: hold.shard,
        state: 'failed',
        attempts: attemptsOf(failure.key),
      }),
    ),
    ...(batch.refused ?? []).map(
      (refusal): NewFailure => ({
        ...refusal,
        shard: hold.shard,
        state: 'conflict',
        attempts: attemptsOf(refusal.key),
      }),
    ),
    ...conflicts.map(
      (key): NewFailure => ({
        key: writeKey(key),
        shard: hold.shard,
        state: 'conflict',
        code: 'CONFLICT',
        step: 'write',
        message: 'changed between read and write',
        attempts: attemptsOf(writeKey(key)),
      }),
    ),
  ]
  const stillListed = new Set(entries.map((entry) => entry.key))
  const settled = [...batch.retried.keys()].filter((key) => !stillListed.has(key))
  if (settled.length > 0) yield* dialect.state.deleteFailures(names, hold.runId, settled)
  if (entries.length > 0) yield* dialect.state.putFailures(names, hold.runId, entries)
}

function keyOf(context: WriterContext, row: UpdateRow): Key {
  return row.slice(0, context.prepared.info.key.length) as string[]
}
