import type { Key, ReadMode } from '../dialects/dialect.js'
import type { Script } from '../dialects/script.js'
import { halving } from './batch/commit-batch.js'
import { settleConflicts } from './batch/conflicts.js'
import { hasFailedTooOften } from './batch/failure-limit.js'
import { UniqueValues } from './batch/unique-values.js'
import { writePage } from './batch/write-page.js'
import { emptyPagesPerCheckpoint } from './connection/limits.js'
import { withFaultsMended } from './connection/mend.js'
import { reading, readModeIn } from './connection/transaction.js'
import { readKey } from './pages/cursor.js'
import { firstOfPage } from './pages/cut-page.js'
import { type Page, readPage } from './pages/keyset-reader.js'
import type { PreparedTransform } from './prepare-backfill.js'
import { rest } from './rest.js'
import { runRestore } from './restore.js'
import { runSql } from './run-sql.js'
import { nameOf, type ShardContext, type ShardOutcome } from './shard-context.js'
import { takePace } from './take-pace.js'

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
  const { prepared, pace, admission } = context
  const unique = new UniqueValues(context.dialect, prepared, work)
  let { after: committed, upTo } = range
  let next = readAhead(context, range)
  let passed = nothingPassed

  for (;;) {
    const askedAt = performance.now()
    const read = await next.page()
    // Not how long the read took: a transform that blocks the process keeps its answer waiting.
    const waitedMs = performance.now() - askedAt
    if (context.stop.aborted) return 'stopped'
    const page = read.keys.length > pace.mostRows ? firstOfPage(read, pace.rows) : read
    if (!(await admission.admit(page.rows.length))) return 'postponed'
    let paced: Promise<void>
    if (page.last && !page.isLast) {
      next = readAhead(context, { after: page.last, upTo })
      paced = next.paced
    } else {
      paced = readPace(context)
    }

    context.onKeys(page.keys)
    passed = { scanned: passed.scanned + page.keys.length, pages: passed.pages + 1, last: page.last ?? passed.last }
    const isDue = page.rows.length > 0 || page.isLast || passed.pages >= emptyPagesPerCheckpoint
    let { isLast } = page
    if (isDue && passed.last) {
      const startedAt = performance.now()
      const { scanned, last: cursor } = passed
      const batch = await writePage(context, work, unique, { page, paced, committed, upTo, cursor, scanned })
      if (batch.status === 'fenced') return 'claim-lost'
      if (batch.status === 'aborted') return 'stopped'
      if (batch.status === 'ended') return batch.with
      passed = nothingPassed
      if (batch.status === 'out-of-range') {
        admission.refund(page.rows.length)
        upTo = batch.upTo
        next = readAhead(context, { after: committed, upTo })
        continue
      }
      const totalMs = performance.now() - startedAt
      if (!batch.upTo) {
        const databaseMs = Math.max(waitedMs, batch.databaseMs)
        const paced = { keys: page.keys.length, rows: page.rows.length, databaseMs, totalMs }
        pace.took(paced, context.shard.leaseMs)
      }
      admission.refund(page.rows.length - batch.written)
      isLast = batch.isLast
      committed = batch.cursor
      if (batch.upTo) {
        upTo = batch.upTo
        // Read ahead after what was not written, or up to where the range ended before.
        if (!isLast) next = readAhead(context, { after: committed, upTo })
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

interface AheadPage {
  page(): Promise<Page>
  /** Settles when it is known what the run has been told meanwhile, or when that could not be asked. Never fails. */
  readonly paced: Promise<void>
}

/**
 * Starts reading at once; an error waits until the page is asked for. Not in an enclosing transaction, where the same connection
 * would read, and where nothing may follow an error.
 */
function readAhead(context: ShardContext, range: Range): AheadPage {
  const mode = readModeIn(context.scope)
  const doing = `reading a page of ${nameOf(context)}`
  const { pace } = context
  const halve = halving(context)
  let onPaced = () => {}
  const paced = new Promise<void>((resolve) => {
    onPaced = resolve
  })
  const onFault = (error: unknown) => {
    halve(error)
    onPaced()
  }
  const read = () =>
    withFaultsMended(context, { doing, connection: 'reader', onFault }, async (session) => {
      const page = await session.run(inRead(context, pacedPage(context, range, mode, onPaced)))
      pace.read(page.keys.length, charactersOf(page))
      return page
    })
  if (context.scope.isEnclosing) return { page: read, paced: Promise.resolve() }
  const page = read()
  page.catch(() => undefined)
  return { page: () => page, paced }
}

/**
 * What the run has been told meanwhile comes with the page that is read ahead, while the one before it is transformed: it holds for both,
 * and costs no round trip that anybody waits for.
 */
function* pacedPage(context: ShardContext, range: Range, mode: ReadMode, onPaced: () => void): Script<Page> {
  const { admission, dialect, pace, prepared } = context
  yield* takePace(context)
  onPaced()
  const limit = Math.min(pace.rows, admission.mostRows)
  return yield* readPage(dialect, prepared.plan, { ...range, limit }, mode)
}

/** Beside the last page no other is read, so it is asked alone. */
async function readPace(context: ShardContext): Promise<void> {
  if (context.scope.isEnclosing) return
  const doing = `reading the pace of ${nameOf(context)}`
  await withFaultsMended(context, { doing, connection: 'reader' }, (session) =>
    session.run(inRead(context, takePace(context))),
  ).catch(() => undefined)
}

function charactersOf({ rows }: Page): number {
  let characters = 0
  for (const { tokens } of rows) for (const token of tokens) characters += token?.length ?? 0
  return characters
}

function inRead<T>(context: ShardContext, script: Script<T>): Script<T> {
  return reading(context.dialect, context.scope, script)
}
