import type { Key } from '../dialects/dialect.js'
import { settleConflicts } from './batch/conflicts.js'
import { hasFailedTooOften } from './batch/failure-limit.js'
import { UniqueValues } from './batch/unique-values.js'
import { writePage } from './batch/write-page.js'
import { emptyPagesPerCheckpoint } from './connection/limits.js'
import { AheadOf, readPace } from './page-ahead.js'
import { readKey } from './pages/cursor.js'
import type { PreparedTransform } from './prepare/prepare-backfill.js'
import { rest } from './rest.js'
import { runRestore } from './restore/restore.js'
import { runSql } from './run-sql.js'
import type { ShardContext, ShardOutcome } from './shard-context.js'

/**
 * The loop: read a page, transform it, write it with its checkpoint in one transaction, settle what changed under us. The next
 * page is read, and where that is quick transformed, meanwhile. Ends when the range is done, when it is asked to stop, or with the first error that retries do
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
  return prepared.work.form === 'sql' ? await runSql(context, start) : await runTransform(context, prepared.work, start)
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
  const ahead = new AheadOf(context, work)
  try {
    return await writePages(context, work, range, ahead)
  } finally {
    await ahead.abandon()
  }
}

async function writePages(
  context: ShardContext,
  work: PreparedTransform,
  range: Range,
  ahead: AheadOf,
): Promise<ShardOutcome> {
  const { prepared, pace, admission } = context
  const unique = new UniqueValues(context.dialect, prepared, work)
  let { after: committed, upTo } = range
  let next = ahead.start(range, Promise.resolve())
  let passed = nothingPassed

  for (;;) {
    const askedAt = performance.now()
    const read = await next.read()
    // Not how long the read took: a transform that blocks the process keeps its answer waiting.
    const waitedMs = performance.now() - askedAt
    if (context.stop.aborted) return 'stopped'
    const page = read.count > pace.mostRows && read.rows.length > 0 ? read.first(pace.rows, false) : read
    if (!(await admission.admit(page.rows.length))) return 'postponed'
    const computing = next.computed(page)
    let paced: Promise<void>
    if (page.last && !page.isLast) {
      next = ahead.start({ after: page.last, upTo }, computing)
      paced = next.paced
    } else {
      paced = readPace(context)
    }
    const { transformMs, ...computed } = await computing

    context.onKeys?.(page.keys)
    passed = { scanned: passed.scanned + page.count, pages: passed.pages + 1, last: page.last ?? passed.last }
    const isDue = page.rows.length > 0 || page.isLast || passed.pages >= emptyPagesPerCheckpoint
    let { isLast } = page
    if (isDue && passed.last) {
      const startedAt = performance.now()
      const { scanned, last: cursor } = passed
      const { begin } = next
      const toWrite = { ...computed, paced, committed, upTo, cursor, scanned, onSent: begin }
      // Begun at the latest when the batch is over, whatever became of it.
      const batch = await writePage(context, work, unique, toWrite).finally(begin)
      if (batch.status === 'fenced') return 'claim-lost'
      if (batch.status === 'aborted') return 'stopped'
      if (batch.status === 'ended') return batch.with
      passed = nothingPassed
      if (batch.status === 'out-of-range') {
        admission.refund(page.rows.length)
        upTo = batch.upTo
        next = ahead.start({ after: committed, upTo }, ahead.idle())
        continue
      }
      const totalMs = transformMs + performance.now() - startedAt
      // A page without a match has but been looked at.
      if (!batch.upTo && page.rows.length > 0) {
        const databaseMs = Math.max(waitedMs, batch.databaseMs)
        pace.took({ keys: page.count, rows: page.rows.length, databaseMs, totalMs }, context.shard.leaseMs)
      }
      admission.refund(page.rows.length - batch.written)
      isLast = batch.isLast
      committed = batch.cursor
      if (batch.upTo) {
        upTo = batch.upTo
        // Read ahead after what was not written, or up to where the range ended before.
        if (!isLast) next = ahead.start({ after: committed, upTo }, ahead.idle())
      }
      context.onBatch({ ...batch, ms: totalMs })
      if (batch.failures > 0 && (await hasFailedTooOften(context))) return 'rows-failed'
      if (batch.conflicts > 0 || batch.refused > 0) {
        const settled = await settleConflicts(context)
        if (settled !== 'settled') return settled
      }
    }
    if (isLast) return 'done'
    // A page without a match has burdened nobody, so there is nothing to rest from.
    if (page.rows.length > 0) await rest(context)
  }
}
