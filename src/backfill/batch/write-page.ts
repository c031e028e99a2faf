import type { Key, KeyRange } from '../../dialects/dialect.js'
import type { QueryResult, Script } from '../../dialects/script.js'
import type { Statement } from '../../dialects/sql.js'
import type { RowshiftError } from '../../errors/rowshift-error.js'
import { withFaultsMended } from '../connection/mend.js'
import { reading } from '../connection/transaction.js'
import { writeKey } from '../pages/cursor.js'
import { cutPage, type TransformedPage } from '../pages/cut-page.js'
import type { PreparedTransform } from '../prepare/prepare-backfill.js'
import { nameOf, type ShardContext } from '../shard-context.js'
import { allotFree } from './allot-free.js'
import type { Batch, BatchOutcome } from './bulk-writer.js'
import { newBatchId } from './checkpoint.js'
import { commitAllotted, isClash, uniqueAttempts } from './commit-allotted.js'
import { commitShrinking } from './commit-batch.js'
import { settleConflicts } from './conflicts.js'
import { type IsolatedOutcome, isRowRefused, writeByHalves } from './isolate.js'
import { countersOf } from './page-counters.js'
import { portionsOfPage } from './page-portions.js'
import type { UniqueValues } from './unique-values.js'

export interface PageToWrite extends TransformedPage {
  /** The cursor as it stands in the checkpoint. */
  readonly committed: Key | undefined
  /** Settles when it is known what the run has been told about its pace. */
  readonly paced: Promise<void>
  /** Where the range ended when the page was read. */
  readonly upTo: Key
  /** The last key of this page, or of an empty one before it that shares its checkpoint. */
  readonly cursor: Key
  /** Keys of this page and of the empty ones before it. */
  readonly scanned: number
  /** Called as its rows are sent. */
  readonly onSent: () => void
}

type Ended = Exclude<Awaited<ReturnType<typeof settleConflicts>>, 'settled'>

export type PageOutcome =
  | { readonly status: 'fenced' }
  | { readonly status: 'aborted' }
  | Extract<IsolatedOutcome<Ended>, { status: 'ended' }>
  /** The range now ends before this page: nothing was written. */
  | { readonly status: 'out-of-range'; readonly upTo: Key }
  | (Extract<BatchOutcome, { status: 'written' }> & {
      /** Whether the range ends with what was written. */
      readonly isLast: boolean
      readonly cursor: Key
      readonly scanned: number
      /** The end of the range, if the page was not written to its end: what comes after `cursor` is to be read anew. */
      readonly upTo: Key | undefined
      /** How long the write burdened the database. */
      readonly databaseMs: number
    })

/**
 * Writes a page with its checkpoint. Where the range was cut after the page was read, what is left of it is
 * written, without another transform; a page that the database refuses is written in parts.
 */
export async function writePage(
  context: ShardContext,
  work: PreparedTransform,
  unique: UniqueValues,
  read: PageToWrite,
): Promise<PageOutcome> {
  let current: TransformedPage = read
  await read.paced
  if (context.abort.aborted) return { status: 'aborted' }
  const scannedBefore = read.scanned - read.page.count
  let { upTo } = read
  const moved = () => (upTo === read.upTo ? undefined : upTo)
  let [attempts, halvings] = [1, 0]
  for (;;) {
    const { isContended } = unique
    const changes = isContended ? current.changes : await allotFree(context, unique, current.changes)
    const cursor = current.page.last ?? read.cursor
    const scanned = scannedBefore + current.page.count
    const startedAt = performance.now()
    try {
      const whole = { cursor, scanned, upTo }
      const parts = partsOf(context, { page: current.page, changes }, whole, read.onSent)
      const outcome = isContended
        ? await commitAllotted(context, unique, newBatchId(), (nth) => parts.batchAt(nth + halvings))
        : await commitShrinking(context, newBatchId(), parts.batchAt)
      if (outcome.status === 'fenced') return outcome
      if (outcome.status === 'written') {
        context.written?.keep(outcome.sampled ?? [])
        const databaseMs = performance.now() - startedAt
        const part = parts.written()
        if (part) {
          unique.forget()
          return { ...outcome, ...part, isLast: false, upTo, databaseMs }
        }
        const { isLast } = current.page
        return { ...outcome, isLast, cursor, scanned, upTo: moved(), databaseMs }
      }
      upTo = outcome.upTo
      const left = await stillInRange(context, current, { after: read.committed, upTo }, cursor)
      if (!left) return { status: 'out-of-range', upTo }
      current = left
      unique.forget()
    } catch (error) {
      if (!isRowRefused(error)) throw error
      unique.forget()
      if (!isClash(context, work, error) || attempts >= uniqueAttempts + Math.log2(current.page.rows.length)) {
        const whole = { cursor, scanned, upTo }
        const free = isContended ? await allotFree(context, unique, changes) : changes
        const outcome = await writeInParts(context, { page: current.page, changes: free }, whole, error)
        return outcome.status === 'written' ? { ...outcome, upTo: outcome.upTo ?? moved() } : outcome
      }
      attempts++
      if (isContended) halvings++
      unique.isContended = true
    }
  }
}

/**
 * A page as it is written: whole, or its first part where fewer rows a batch have been set since it was read, and half as many at each
 * further attempt.
 */
function partsOf(
  context: ShardContext,
  { page, changes }: TransformedPage,
  whole: { readonly cursor: Key; readonly scanned: number; readonly upTo: Key },
  onSent: () => void,
) {
  const { pace, prepared } = context
  const rows = changes.sets.reduce((sum, set) => sum + set.rows.length, 0)
  const most = Math.min(rows, pace.settings.batchRows ?? rows)
  let last: Omit<Batch, 'id'> | undefined
  return {
    batchAt(attempt: number): Omit<Batch, 'id'> {
      const part = Math.max(1, Math.floor(most / 2 ** (attempt - 1)))
      last = part < rows ? portionsOfPage(context, page, changes, whole).batchOf(0, part) : undefined
      const { cursor, scanned, upTo } = whole
      const { sets, failures, left } = changes
      const advance = { cursor, upTo, add: countersOf(prepared, left, scanned) }
      const batch = last ?? { advance, sets, failures, retried: new Map() }
      return { ...batch, sampled: context.written?.choose(batch.sets, prepared.info.key.length) ?? [], onSent }
    },
    /** Up to where the last attempt went, if that was not the end of the page. */
    written: () => last && { cursor: last.advance.cursor!, scanned: last.advance.add.scanned! },
  }
}

/** What is left of a page whose range was cut; undefined = nothing. */
async function stillInRange(
  context: ShardContext,
  current: TransformedPage,
  range: KeyRange,
  cursor: Key,
): Promise<TransformedPage | undefined> {
  const last = await lastInRange(context, range, cursor)
  if (last === undefined) return undefined
  return writeKey(last) === writeKey(cursor) ? current : cutPage(current, last)
}

async function writeInParts(
  context: ShardContext,
  { page, changes }: TransformedPage,
  whole: { readonly cursor: Key; readonly scanned: number; readonly upTo: Key },
  refusal: RowshiftError,
): Promise<PageOutcome> {
  const portions = portionsOfPage(context, page, changes, whole)
  const outcome = await writeByHalves(context, portions, refusal, async () => settleConflicts(context))
  if (outcome.status === 'fenced' || outcome.status === 'ended') return outcome
  // The time says nothing about the size of later batches.
  const databaseMs = 0
  if (outcome.status === 'written') return { ...outcome, ...whole, isLast: page.isLast, upTo: undefined, databaseMs }
  const { parts, upTo, ...counts } = outcome
  if (parts === 0) return { status: 'out-of-range', upTo }
  const { advance } = portions.batchOf(0, parts)
  return {
    ...counts,
    status: 'written',
    isLast: false,
    cursor: advance.cursor!,
    scanned: advance.add.scanned!,
    upTo,
    databaseMs,
  }
}

/** The largest key of a range that is not beyond another one, as the database compares them. */
async function lastInRange(context: ShardContext, range: KeyRange, atMost: Key): Promise<Key | undefined> {
  const statement = context.dialect.keyAtMost(context.prepared.info, range, atMost)
  const doing = `reading the keys of ${nameOf(context)}`
  const found = await withFaultsMended(context, { doing }, (session) =>
    session.run(reading(context.dialect, context.scope, once(statement))),
  )
  return found.rows[0]?.map(String)
}

function* once(statement: Statement): Script<QueryResult> {
  return yield statement
}
