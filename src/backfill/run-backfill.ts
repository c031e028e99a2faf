import { setTimeout as sleep } from 'node:timers/promises'
import type { Key, KeyRange, ReadMode } from '../dialects/dialect.js'
import type { QueryResult, Script } from '../dialects/script.js'
import type { Statement } from '../dialects/sql.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { allotFree } from './allot-free.js'
import { type BatchOutcome, writeRange } from './bulk-writer.js'
import { newBatchId } from './checkpoint.js'
import { commit, commitBatch, halving } from './commit-batch.js'
import { settleConflicts } from './conflicts.js'
import { readKey, writeKey } from './cursor.js'
import { cutPage, type TransformedPage } from './cut-page.js'
import { type Page, readPage } from './keyset-reader.js'
import { emptyPagesPerCheckpoint } from './limits.js'
import { withFaultsMended } from './mend.js'
import type { PreparedSql, PreparedTransform } from './prepare-backfill.js'
import { runRestore } from './restore.js'
import { nameOf, type ShardContext } from './shard-context.js'
import { reading, readModeIn } from './transaction.js'
import { type Changes, transformRows } from './transform.js'
import { UniqueValues } from './unique-values.js'

export type ShardOutcome = 'done' | 'stopped' | 'postponed' | 'claim-lost' | 'rows-failed'

/**
 * The loop: read a page, transform it, write it with its checkpoint in one transaction, settle what changed under us. The next
 * page is read meanwhile. Ends when the range is done, when it is asked to stop, or with the first error that retries do
 * not cure; whatever it ends with, what is committed is the checkpoint.
 */
export async function runShard(context: ShardContext): Promise<ShardOutcome> {
  const { prepared, shard } = context
  const conflicts = await settleConflicts(context)
  if (conflicts !== 'settled') return conflicts
  if (prepared.work.form === 'restore') return runRestore(context, prepared.work)
  if (shard.upperKey === undefined) return 'done'
  const range = { after: shard.cursorKey ?? shard.lowerKey, upTo: readKey(shard.upperKey) }
  const start = { after: range.after === undefined ? undefined : readKey(range.after), upTo: range.upTo }
  return prepared.work.form === 'sql'
    ? await runSql(context, prepared.work, start)
    : await runTransform(context, prepared.work, start)
}

/** Pages without a match, and the last of their keys, until they share a checkpoint. */
interface Passed {
  readonly scanned: number
  readonly pages: number
  readonly last: Key | undefined
}

const nothingPassed: Passed = { scanned: 0, pages: 0, last: undefined }

interface Range {
  readonly after: Key | undefined
  readonly upTo: Key
}

async function runTransform(context: ShardContext, work: PreparedTransform, range: Range): Promise<ShardOutcome> {
  const { prepared, pace, admission } = context
  const unique = new UniqueValues(context.dialect, prepared, work)
  let { after: committed, upTo } = range
  let next = readAhead(context, range)
  let passed = nothingPassed

  for (;;) {
    const askedAt = performance.now()
    const page = await next.page()
    // Not how long the read took: a transform that blocks the process keeps its answer waiting.
    const waitedMs = performance.now() - askedAt
    if (context.stop.aborted) return 'stopped'
    if (!(await admission.admit(page.rows.length))) return 'postponed'
    if (page.last && !page.isLast) next = readAhead(context, { after: page.last, upTo })

    context.onKeys(page.keys)
    passed = { scanned: passed.scanned + page.keys.length, pages: passed.pages + 1, last: page.last ?? passed.last }
    const isDue = page.rows.length > 0 || page.isLast || passed.pages >= emptyPagesPerCheckpoint
    let { isLast } = page
    if (isDue && passed.last) {
      const startedAt = performance.now()
      const batch = await writePage(context, work, unique, { page, committed, passed })
      if (batch.status === 'fenced') return 'claim-lost'
      if (batch.status === 'aborted') return 'stopped'
      passed = nothingPassed
      if (batch.status === 'out-of-range') {
        admission.refund(page.rows.length)
        upTo = batch.upTo
        next = readAhead(context, { after: committed, upTo })
        continue
      }
      const totalMs = performance.now() - startedAt
      pace.took(
        { keys: page.keys.length, rows: page.rows.length, databaseMs: Math.max(waitedMs, batch.databaseMs), totalMs },
        context.shard.leaseMs,
      )
      admission.refund(page.rows.length - batch.written)
      isLast = batch.page.isLast
      committed = batch.cursor
      if (batch.upTo) {
        upTo = batch.upTo
        // Read ahead up to where the range ended before.
        if (!isLast) next = readAhead(context, { after: committed, upTo })
      }
      context.onBatch({ ...batch, ms: totalMs })
      if (batch.failures > 0) return 'rows-failed'
      if (batch.conflicts > 0) {
        const settled = await settleConflicts(context)
        if (settled !== 'settled') return settled
      }
    }
    if (isLast) return 'done'
    // A page without a match has burdened nobody, so there is nothing to rest from.
    if (page.rows.length > 0) await rest(context)
  }
}

async function rest({ pace, stop }: ShardContext): Promise<void> {
  const { delayMs } = pace.settings
  if (delayMs > 0) await sleep(delayMs, undefined, { signal: stop }).catch(() => undefined)
}

/**
 * Starts reading at once; an error waits until the page is asked for. Not in an enclosing transaction, where the same connection
 * would read, and where nothing may follow an error.
 */
function readAhead(context: ShardContext, range: Range): { page(): Promise<Page> } {
  const mode = readModeIn(context.scope)
  const doing = `reading a page of ${nameOf(context)}`
  const { pace } = context
  const onFault = halving(context)
  const read = () =>
    withFaultsMended(context, { doing, connection: 'reader', onFault }, async (session) => {
      const page = await session.run(inRead(context, pacedPage(context, range, mode)))
      pace.read(page.keys.length, charactersOf(page))
      return page
    })
  if (context.scope.isEnclosing) return { page: read }
  const page = read()
  page.catch(() => undefined)
  return { page: () => page }
}

/** What the run has been told meanwhile comes with the page, so it costs no round trip that anybody waits for. */
function* pacedPage(context: ShardContext, range: Range, mode: ReadMode): Script<Page> {
  const { admission, dialect, hold, names, pace, prepared, scope } = context
  // Nobody outside sees a run inside somebody else's transaction, let alone changes it.
  if (!scope.isEnclosing) pace.override(yield* dialect.state.pace(names, hold.runId))
  const limit = Math.min(pace.rows, admission.mostRows)
  return yield* readPage(dialect, prepared.plan, { ...range, limit }, mode)
}

function charactersOf({ rows }: Page): number {
  let characters = 0
  for (const { tokens } of rows) for (const token of tokens) characters += token?.length ?? 0
  return characters
}

function inRead<T>(context: ShardContext, script: Script<T>): Script<T> {
  return reading(context.dialect, context.scope, script)
}

/** Attempts at a page whose unique values were taken by others between the question and the write. */
const uniqueAttempts = 5

interface PageToWrite {
  readonly page: Page
  /** The cursor as it stands in the checkpoint. */
  readonly committed: Key | undefined
  /** This page and those before it that share its checkpoint. */
  readonly passed: Passed
}

type PageOutcome =
  | { readonly status: 'fenced' }
  | { readonly status: 'aborted' }
  /** The range now ends before this page: nothing was written. */
  | { readonly status: 'out-of-range'; readonly upTo: Key }
  | (Extract<BatchOutcome, { status: 'written' }> & {
      /** As it was written: shorter than it was read where its range was cut. */
      readonly page: Page
      readonly cursor: Key
      readonly scanned: number
      /** The end of the range, if it was cut meanwhile. */
      readonly upTo: Key | undefined
      /** How long the write burdened the database. */
      readonly databaseMs: number
    })

async function writePage(
  context: ShardContext,
  work: PreparedTransform,
  unique: UniqueValues,
  { page, committed, passed }: PageToWrite,
): Promise<PageOutcome> {
  let current: TransformedPage = { page, changes: await transformRows(work, page.rows, context.abort) }
  if (context.abort.aborted) return { status: 'aborted' }
  const scannedBefore = passed.scanned - page.keys.length
  let upTo: Key | undefined
  for (let attempt = 1; ; ) {
    const free = await allotFree(context, unique, current.changes)
    const cursor = current.page.last ?? passed.last!
    const scanned = scannedBefore + current.page.keys.length
    const startedAt = performance.now()
    try {
      const outcome = await commitBatch(context, {
        id: newBatchId(),
        advance: { cursor, add: countersOf(context, free, scanned) },
        sets: free.sets,
        failures: free.failures,
        retried: new Map(),
      })
      if (outcome.status === 'fenced') return outcome
      const databaseMs = performance.now() - startedAt
      if (outcome.status === 'written') return { ...outcome, page: current.page, cursor, scanned, upTo, databaseMs }
      upTo = outcome.upTo
      const last = await lastInRange(context, { after: committed, upTo }, cursor)
      const isWhole = last !== undefined && writeKey(last) === writeKey(cursor)
      const left = isWhole ? current : last && cutPage(current, last)
      if (!left) return { status: 'out-of-range', upTo }
      current = left
      unique.forget()
    } catch (error) {
      const isClash = work.work.unique.size > 0 && isUniqueViolation(context, error)
      if (!isClash || attempt >= uniqueAttempts) throw error
      attempt++
      unique.forget()
    }
  }
}

/** The largest key of a range that is not beyond another one, as the database compares them. */
async function lastInRange(context: ShardContext, range: KeyRange, atMost: Key): Promise<Key | undefined> {
  const statement = context.dialect.keyAtMost(context.prepared.info, range, atMost)
  const doing = `reading the keys of ${nameOf(context)}`
  const found = await withFaultsMended(context, { doing }, (session) => session.run(inRead(context, once(statement))))
  return found.rows[0]?.map(String)
}

function* once(statement: Statement): Script<QueryResult> {
  return yield statement
}

function isUniqueViolation(context: ShardContext, error: unknown): boolean {
  const cause = error instanceof RowshiftError ? error.cause : error
  return context.dialect.classifyError(cause).isUniqueViolation
}

/** Rows left as they are still match if there is a `where`; without one they are simply unchanged. */
function countersOf(context: ShardContext, changes: Changes, scanned: number) {
  const isLeft = context.prepared.plan.endsWithWrite
  return {
    scanned,
    passScanned: scanned,
    passLeft: isLeft ? changes.left : 0,
    unchanged: isLeft ? 0 : changes.left,
  }
}

async function runSql(context: ShardContext, work: PreparedSql, range: Range): Promise<ShardOutcome> {
  const { dialect, prepared, pace, admission } = context
  const keys = prepared.info.key.length
  let { after, upTo: end } = range
  for (;;) {
    if (context.stop.aborted) return 'stopped'
    const startedAt = performance.now()
    const limit = Math.min(pace.rows, admission.mostRows)
    if (!(await admission.admit(limit))) return 'postponed'
    const statement = dialect.pageEnd(prepared.info, { after, upTo: end, limit })
    const doing = `reading a page of ${nameOf(context)}`
    const page = await withFaultsMended(context, { doing }, (session) =>
      session.run(inRead(context, pacedEnd(context, statement))),
    )
    const row = page.rows[0]
    if (!row) return 'done'
    const upTo = row.slice(0, keys).map(String)
    const scanned = Number(row[keys])
    const id = newBatchId()
    const from = after
    const outcome = await commit(context, id, (session) =>
      session.run(writeRange(context, work, { after: from, upTo }, id, scanned)),
    )
    if (outcome.status === 'fenced') return 'claim-lost'
    if (outcome.status === 'cut') {
      admission.refund(limit)
      end = outcome.upTo
      continue
    }
    const ms = performance.now() - startedAt
    pace.took({ keys: scanned, rows: outcome.written, databaseMs: ms, totalMs: ms }, context.shard.leaseMs)
    admission.refund(limit - outcome.written)
    context.onKeys([upTo])
    context.onBatch({ ...outcome, scanned, ms })
    after = upTo
    if (scanned < limit) return 'done'
    await rest(context)
  }
}

function* pacedEnd({ dialect, hold, names, pace, scope }: ShardContext, statement: Statement): Script<QueryResult> {
  if (!scope.isEnclosing) pace.override(yield* dialect.state.pace(names, hold.runId))
  return yield statement
}
