import type { Key } from '../../dialects/dialect.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { refusalOf } from '../connection/retry.js'
import { writeKey } from '../pages/cursor.js'
import type { ShardContext } from '../shard-context.js'
import type { Batch, BatchOutcome } from './bulk-writer.js'
import { newBatchId } from './checkpoint.js'
import { type CommitOutcome, commitBatch } from './commit-batch.js'

/** What was to be written at once, and can be written in parts. */
export interface Portions {
  /** Keys of the rows to be written, in the order of the parts. */
  readonly rows: readonly Key[]
  /** The batch of the rows from `from` up to, but not including, `to`, with all that lies between them and their neighbours. */
  batchOf(from: number, to: number): Omit<Batch, 'id'>
  /** Whether the row was refused before: it is given no further attempt. */
  isRetried(row: Key): boolean
}

type Counts = Omit<Extract<BatchOutcome, { status: 'written' }>, 'status'>

export type IsolatedOutcome<E> =
  | BatchOutcome
  | { readonly status: 'ended'; readonly with: E }
  /** The range has got another end meanwhile: the first `parts` rows are done with, and no later one was written. */
  | ({ readonly status: 'cut'; readonly upTo: Key; readonly parts: number } & Counts)

/** Refused rows that are noted before those noted so far are tried again: a constraint that refuses all of a batch shows itself. */
const refusedAtOnce = 100

/** Whether the database has refused a row of a batch; nothing of the batch was kept. */
export function isRowRefused(error: unknown): error is RowshiftError {
  return error instanceof RowshiftError && error.code === 'ROW_REFUSED'
}

/**
 * Writes a batch that the database has refused: its halves, their halves, and so on, each a batch with its own checkpoint. A single
 * row that is refused is noted to be tried again together with the others like it, because what it clashed with may have been
 * changed meanwhile; refused once more, it is a failure. All others are written.
 *
 * A range that is cut meanwhile ends the writing: what lies beyond the last part that was committed is to be read again.
 */
export async function writeByHalves<E>(
  context: ShardContext,
  portions: Portions,
  error: RowshiftError,
  /** Tries what was noted again; anything but `settled` ends the writing. */
  settle: () => Promise<'settled' | E>,
): Promise<IsolatedOutcome<E>> {
  const sum = { written: 0, skipped: 0, conflicts: 0, failures: 0, refused: 0 }
  let noted = 0

  async function write(from: number, to: number): Promise<IsolatedOutcome<E>> {
    try {
      return add(from, await commitBatch(context, { ...portions.batchOf(from, to), id: newBatchId() }))
    } catch (refusal) {
      if (!isRowRefused(refusal) || from === to) throw refusal
      return divide(from, to, refusal)
    }
  }

  async function divide(from: number, to: number, refusal: RowshiftError): Promise<IsolatedOutcome<E>> {
    if (to - from === 1) return note(from, refusal)
    const middle = Math.ceil((from + to) / 2)
    const first = await write(from, middle)
    return first.status === 'written' ? write(middle, to) : first
  }

  async function note(at: number, refusal: RowshiftError): Promise<IsolatedOutcome<E>> {
    const row = portions.rows[at]!
    const batch = portions.batchOf(at, at + 1)
    const entry = { key: writeKey(row), step: 'write' as const, ...refusalOf(context.dialect, refusal.cause) }
    const isLast = portions.isRetried(row)
    const outcome = await commitBatch(context, {
      ...batch,
      id: newBatchId(),
      sets: [],
      ranges: [],
      failures: isLast ? [...batch.failures, entry] : batch.failures,
      refused: isLast ? [] : [entry],
    })
    if (outcome.status === 'written' && ++noted % refusedAtOnce === 0) {
      const settled = await settle()
      if (settled !== 'settled') return { status: 'ended', with: settled }
    }
    return add(at, outcome)
  }

  function add(from: number, outcome: CommitOutcome): IsolatedOutcome<E> {
    if (outcome.status === 'cut') return { ...outcome, ...sum, parts: from }
    if (outcome.status === 'written') {
      for (const name of ['written', 'skipped', 'conflicts', 'failures', 'refused'] as const) sum[name] += outcome[name]
    }
    return outcome
  }

  // Where nothing is left to be written, what was refused may be gone.
  const last = portions.rows.length === 0 ? await write(0, 0) : await divide(0, portions.rows.length, error)
  return last.status === 'written' ? { status: 'written', ...sum } : last
}
