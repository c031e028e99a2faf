import { setTimeout as sleep } from 'node:timers/promises'
import type { Key, ReadMode } from '../dialects/dialect.js'
import type { QueryResult, Script } from '../dialects/script.js'
import type { Statement } from '../dialects/sql.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { allotFree } from './allot-free.js'
import { type BatchOutcome, writeRange } from './bulk-writer.js'
import { newBatchId } from './checkpoint.js'
import { commit, commitBatch, halving } from './commit-batch.js'
import { settleConflicts } from './conflicts.js'
import { readKey } from './cursor.js'
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

const nothingPassed = { scanned: 0, pages: 0, last: undefined }

interface Range {
  readonly after: Key | undefined
  readonly upTo: Key
}

async function runTransform(context: ShardContext, work: PreparedTransform, range: Range): Promise<ShardOutcome> {
  const { prepared, pace, admission } = context
  const unique = new UniqueValues(context.dialect, prepared, work)
  let next = readAhead(context, range)
  // Pages without a match, and the last of their keys, until they share a checkpoint.
  let passed: { readonly scanned: number; readonly pages: number; readonly last: Key | undefined } = nothingPassed

  for (;;) {
    const askedAt = performance.now()
    const page = await next.page()
    // Not how long the read took: a transform that blocks the process keeps its answer waiting.
    const waitedMs = performance.now() - askedAt
    if (context.stop.aborted) return 'stopped'
    if (!(await admission.admit(page.rows.length))) return 'postponed'
    if (page.last && !page.isLast) next = readAhead(context, { after: page.last, upTo: range.upTo })

    context.onKeys(page.keys)
    passed = { scanned: passed.scanned + page.keys.length, pages: passed.pages + 1, last: page.last ?? passed.last }
    const isDue = page.rows.length > 0 || page.isLast || passed.pages >= emptyPagesPerCheckpoint
    if (isDue && passed.last) {
      const { scanned, last: cursor } = passed
      passed = nothingPassed
      const startedAt = performance.now()
      const outcome = await writePage(context, work, unique, page, cursor, scanned)
      if (outcome.status === 'fenced') return 'claim-lost'
      if (outcome.status === 'aborted') return 'stopped'
      const totalMs = performance.now() - startedAt
      pace.took(
        { keys: page.keys.length, rows: page.rows.length, databaseMs: Math.max(waitedMs, outcome.databaseMs), totalMs },
        context.shard.leaseMs,
      )
      admission.refund(page.rows.length - outcome.written)
      context.onBatch({ ...outcome, scanned, ms: totalMs })
      if (outcome.failures > 0) return 'rows-failed'
      if (outcome.conflicts > 0) {
        const settled = await settleConflicts(context)
        if (settled !== 'settled') return settled
      }
    }
    if (page.isLast) return 'done'
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

async function writePage(
  context: ShardContext,
  work: PreparedTransform,
  unique: UniqueValues,
  page: Page,
  cursor: Key,
  scanned: number,
): Promise<(BatchOutcome & { readonly databaseMs: number }) | { readonly status: 'aborted' }> {
  const changes = await transformRows(work, page.rows, context.abort)
  if (context.abort.aborted) return { status: 'aborted' }
  for (let attempt = 1; ; attempt++) {
    const free = await allotFree(context, unique, changes)
    const startedAt = performance.now()
    try {
      const outcome = await commitBatch(context, {
        id: newBatchId(),
        advance: { cursor, add: countersOf(context, free, scanned) },
        sets: free.sets,
        failures: free.failures,
        retried: new Map(),
      })
      return { ...outcome, databaseMs: performance.now() - startedAt }
    } catch (error) {
      const isClash = work.work.unique.size > 0 && isUniqueViolation(context, error)
      if (!isClash || attempt >= uniqueAttempts) throw error
      unique.forget()
    }
  }
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
  let after = range.after
  for (;;) {
    if (context.stop.aborted) return 'stopped'
    const startedAt = performance.now()
    const limit = Math.min(pace.rows, admission.mostRows)
    if (!(await admission.admit(limit))) return 'postponed'
    const statement = dialect.pageEnd(prepared.info, { after, upTo: range.upTo, limit })
    const doing = `reading a page of ${nameOf(context)}`
    const end = await withFaultsMended(context, { doing }, (session) =>
      session.run(inRead(context, pacedEnd(context, statement))),
    )
    const row = end.rows[0]
    if (!row) return 'done'
    const upTo = row.slice(0, keys).map(String)
    const scanned = Number(row[keys])
    const id = newBatchId()
    const from = after
    const outcome = await commit(context, id, (session) =>
      session.run(writeRange(context, work, { after: from, upTo }, id, scanned)),
    )
    if (outcome.status === 'fenced') return 'claim-lost'
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
