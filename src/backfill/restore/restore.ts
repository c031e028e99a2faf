import type { TablePlan, UpdateRow } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import type { JournalEntry, NewFailure } from '../../dialects/state-statements.js'
import type { ColumnInfo } from '../../dialects/table.js'
import { tableText } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { BatchOutcome } from '../batch/bulk-writer.js'
import { byHalves } from '../batch/by-halves.js'
import { newBatchId } from '../batch/checkpoint.js'
import { commit } from '../batch/commit-batch.js'
import { withFaultsMended } from '../connection/mend.js'
import { refusalOf } from '../connection/retry.js'
import { type Decision, keep, reading, readModeIn, undo } from '../connection/transaction.js'
import { readKey } from '../pages/cursor.js'
import { rereadRows } from '../pages/keyset-reader.js'
import type { PreparedBackfill, PreparedRestore } from '../prepare/prepare-backfill.js'
import { rest } from '../rest.js'
import { nameOf, type ShardContext } from '../shard-context.js'
import { takePace } from '../take-pace.js'
import { restoreRemoved } from './restore-removed.js'

/** Entries of a batch, at most: they are held in memory, and their rows stay locked until its commit. */
const mostEntries = 2_000

/**
 * Gives rows back what the journal has of them, deletes those that the run created, or creates those that it deleted, from the newest entry to the oldest, each only where
 * the row still is as the run left it. The cursor is the id of an entry; an entry is removed in the transaction that restores its row, so nothing is restored
 * twice. What was changed since is listed, and its entry stays.
 */
export async function runRestore(
  context: ShardContext,
  work: PreparedRestore,
): Promise<'done' | 'stopped' | 'postponed' | 'claim-lost'> {
  const { admission, dialect, pace, scope, stop } = context
  const doing = `reading the journal of ${nameOf(context)}`
  const { cursorKey } = context.shard
  let upTo = cursorKey === undefined ? Number.MAX_SAFE_INTEGER : Number(readKey(cursorKey)[0]) - 1
  for (;;) {
    if (stop.aborted) return 'stopped'
    const entries = await withFaultsMended(context, { doing }, (session) =>
      session.run(reading(dialect, scope, pacedEntries(context, work, upTo))),
    )
    const last = entries.at(-1)
    if (!last) return 'done'
    if (!(await admission.admit(entries.length))) return 'postponed'
    const id = newBatchId()
    const startedAt = performance.now()
    const outcome = await commit(context, id, (session) =>
      session.run(scope.wrap(restoreBatch(context, work, entries, id))),
    )
    // A shard without bounds is never cut, so it can only have been lost.
    if (outcome.status !== 'written') return 'claim-lost'
    const ms = performance.now() - startedAt
    pace.took({ keys: entries.length, rows: entries.length, databaseMs: ms, totalMs: ms }, context.shard.leaseMs)
    context.onBatch({ ...outcome, scanned: entries.length, ms })
    upTo = last.id - 1
    await rest(context)
  }
}

/** The next entries, by the pace of now. */
function* pacedEntries(
  context: ShardContext,
  { runIds }: PreparedRestore,
  upTo: number,
): Script<readonly JournalEntry[]> {
  const { admission, dialect, names, pace } = context
  yield* takePace(context)
  const limit = Math.min(pace.rows, admission.mostRows, mostEntries)
  return yield* dialect.state.journal(names, runIds, upTo, limit)
}

function* restoreBatch(
  context: ShardContext,
  work: PreparedRestore,
  entries: readonly JournalEntry[],
  batchId: string,
): Script<Decision<BatchOutcome>> {
  const { dialect, names, hold } = context
  const scanned = entries.length
  const cursor = [String(entries.at(-1)!.id)]
  if (!(yield* hold.fence(batchId, { cursor, add: { scanned, passScanned: scanned } })))
    return undo({ status: 'fenced' })

  let [written, skipped] = [0, 0]
  const settled: number[] = []
  // By key: of two entries of one row the older one's reason is kept.
  const failures = new Map<string, NewFailure>()
  for (const group of statementsOf(entries)) {
    const outcome = yield* restoreGroup(context, work, group)
    written += outcome.restored.length
    skipped += outcome.needless.length
    for (const { id } of [...outcome.restored, ...outcome.needless]) settled.push(id)
    for (const failure of outcome.failures) failures.set(failure.key, failure)
  }
  yield* dialect.state.deleteJournal(names, settled)
  if (failures.size > 0) yield* dialect.state.putFailures(names, hold.runId, [...failures.values()])
  yield* hold.count({ written, passWritten: written, skipped })
  return keep({ status: 'written', written, skipped, conflicts: 0, failures: failures.size, refused: 0 })
}

/** Entries that one statement can take: of the same columns, created and removed rows by themselves, and no row twice, because the newer entry comes first. */
function statementsOf(entries: readonly JournalEntry[]): readonly (readonly JournalEntry[])[] {
  const rounds: Map<string, JournalEntry[]>[] = []
  const seen = new Map<string, number>()
  for (const entry of entries) {
    const row = JSON.stringify([entry.table, entry.key])
    const round = seen.get(row) ?? 0
    seen.set(row, round + 1)
    rounds[round] ??= new Map()
    const kind = JSON.stringify([entry.table, entry.before === null, entry.after === null, entry.columns])
    const group = rounds[round].get(kind) ?? []
    rounds[round].set(kind, group)
    group.push(entry)
  }
  return rounds.flatMap((round) => {
    const groups = [...round.values()]
    const isRemoved = (group: readonly JournalEntry[]) => group[0]!.after === null
    return [
      // What is restored may refer to them; and what was removed later may be what a row refers to that was removed before.
      ...groups.filter(isRemoved),
      // Most often in key order, then: as they were written.
      ...groups.filter((group) => !isRemoved(group)).map((group) => group.reverse()),
    ]
  })
}

interface GroupOutcome {
  readonly restored: readonly JournalEntry[]
  /** The row is gone, or is as it was before already. */
  readonly needless: readonly JournalEntry[]
  readonly failures: readonly NewFailure[]
}

function* restoreGroup(
  context: ShardContext,
  { archive, tables }: PreparedRestore,
  entries: readonly JournalEntry[],
): Script<GroupOutcome> {
  const { dialect, prepared } = context
  const { table } = entries[0]!
  const info = table === undefined ? prepared.info : (tables.get(table) ?? failTable(prepared, table))
  const columns = entries[0]!.columns.map((name) => columnOf({ ...prepared, info }, name))
  if (entries[0]!.after === null) {
    const { failures, ...outcome } = yield* restoreRemoved(context, info, columns, entries, archive)
    return { ...outcome, failures: failures.map(([entry, why]) => failureOf(context, entry, why)) }
  }
  const plan: TablePlan = { info, read: columns, where: undefined, endsWithWrite: false }
  const rows = entries.map(
    ({ key, before, after }): UpdateRow => [...readKey(key), ...(after ?? []), ...(before ?? [])],
  )
  const standing = new Set(yield* dialect.lockGuarded(plan, rows))
  const others = entries.filter((_, i) => !standing.has(i))
  const { needless, changed } = yield* sortOut(context, plan, others)

  const failures = changed.map((entry) =>
    failureOf(context, entry, { code: 'CHANGED_SINCE', message: 'changed after the run, so it was left as it is' }),
  )
  const refused = new Set<JournalEntry>()
  const sound = entries.map((entry, i) => ({ entry, row: rows[i]! })).filter((_, i) => standing.has(i))
  yield* byHalves(
    dialect,
    sound,
    function* (part) {
      const texts = part.map(({ row }) => row)
      // Locked rows are written even where the driver counts only those whose bytes changed.
      if (part[0]?.entry.before) yield* dialect.updateRows(plan, columns, texts, 'restored')
      else {
        const width = info.key.length
        yield* dialect.deleteRows(
          info,
          texts.map((row) => row.slice(0, width) as string[]),
        )
      }
    },
    ({ entry }, error) => {
      refused.add(entry)
      failures.push(failureOf(context, entry, refusalOf(dialect, error)))
    },
  )
  const restored = sound.map(({ entry }) => entry).filter((entry) => !refused.has(entry))
  return { restored, needless, failures }
}

/** Rows that are not as the run left them. */
function* sortOut({ dialect, scope }: ShardContext, plan: TablePlan, entries: readonly JournalEntry[]) {
  const needless: JournalEntry[] = []
  const changed: JournalEntry[] = []
  if (entries.length === 0) return { needless, changed }
  const keys = entries.map(({ key }) => readKey(key))
  const { matching } = yield* rereadRows(dialect, plan, keys, readModeIn(scope))
  const found = new Map(matching.map(({ key, tokens }) => [JSON.stringify(key), JSON.stringify(tokens)]))
  for (const entry of entries) {
    const now = found.get(entry.key)
    const isNeedless = now === undefined || now === JSON.stringify(entry.before)
    ;(isNeedless ? needless : changed).push(entry)
  }
  return { needless, changed }
}

/** A row of another table is listed with its name before its key: `["order","7"]`. */
function failureOf({ hold }: ShardContext, entry: JournalEntry, why: Pick<NewFailure, 'code' | 'message'>): NewFailure {
  const key = entry.table === undefined ? entry.key : JSON.stringify([entry.table, ...readKey(entry.key)])
  return { key, shard: hold.shard, state: 'failed', step: 'write', attempts: 1, ...why }
}

function failTable({ definition }: PreparedBackfill, table: string): never {
  throw new RowshiftError('TABLE_CHANGED', {
    message: `${definition.name}: the journal has rows of "${table}", which the definition does not name any more. Name it again first.`,
    details: { backfill: definition.name, table },
  })
}

function columnOf({ info, definition }: PreparedBackfill, name: string): ColumnInfo {
  const column = info.columns.get(name)
  if (column) return column
  throw new RowshiftError('TABLE_CHANGED', {
    message: `${definition.name}: the journal has values of column "${name}", which "${tableText(info.table)}" has no more. Add the column again first.`,
    details: { backfill: definition.name, table: tableText(info.table), column: name },
  })
}
