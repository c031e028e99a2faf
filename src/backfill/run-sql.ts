import type { Key, KeyRange, PageLook, PageRange } from '../dialects/dialect.js'
import type { Script } from '../dialects/script.js'
import type { RowshiftError } from '../errors/rowshift-error.js'
import { type Batch, type BatchOutcome, writeBatch } from './batch/bulk-writer.js'
import { newBatchId } from './batch/checkpoint.js'
import { commit } from './batch/commit-batch.js'
import { settleConflicts } from './batch/conflicts.js'
import { hasFailedTooOften } from './batch/failure-limit.js'
import { type IsolatedOutcome, isRowRefused, writeByHalves } from './batch/isolate.js'
import { portionsOfRange } from './batch/range-portions.js'
import { emptyPagesPerCheckpoint } from './connection/limits.js'
import { withFaultsMended } from './connection/mend.js'
import { reading, readModeIn } from './connection/transaction.js'
import { writeKey } from './pages/cursor.js'
import { type Page, readPage } from './pages/keyset-reader.js'
import { rest } from './rest.js'
import { nameOf, type ShardContext, type ShardOutcome } from './shard-context.js'
import { takePace } from './take-pace.js'

/** Keys in a row that one batch is to write. */
interface Stretch {
  readonly batch: Omit<Batch, 'id'>
  /** Its last key. */
  readonly cursor: Key
  readonly scanned: number
  /** Whether a row of it was seen to match, or may. */
  readonly mayMatch: boolean
  /** Whether no key of the range is left after it. */
  readonly isLast: boolean
}

/** Keys with one checkpoint: a page, or pages without a match. */
interface NextKeys extends PageLook {
  readonly isLast: boolean
}

type Ended = Exclude<Awaited<ReturnType<typeof settleConflicts>>, 'settled'>

type StretchOutcome =
  | { readonly status: 'fenced' }
  | { readonly status: 'ended'; readonly with: Ended }
  | (Extract<BatchOutcome, { status: 'written' }> & {
      /** What it came to; undefined = nothing was written, because the range now ends before. */
      readonly reached: Pick<Stretch, 'cursor' | 'scanned' | 'isLast'> | undefined
      /** The new end of the range, if it was cut. */
      readonly upTo: Key | undefined
      /** Whether its time says something about the size of later batches. */
      readonly isTimed: boolean
    })

/**
 * The loop for values that the database computes: a statement a range of keys, with its checkpoint in one transaction. No row leaves
 * the database, and keys do only where rows have to be told apart: in a range with a row that the database refuses, and in the sweeps
 * of a run that lists failures.
 */
export async function runSql(context: ShardContext, range: KeyRange): Promise<ShardOutcome> {
  const { admission, pace, stop } = context
  let { after, upTo } = range
  for (;;) {
    if (stop.aborted) return 'stopped'
    const startedAt = performance.now()
    const doing = `reading a page of ${nameOf(context)}`
    const stretch = await withFaultsMended(context, { doing }, (session) =>
      session.run(inRead(context, pacedStretch(context, { after, upTo }))),
    )
    if (!stretch) return 'done'
    const readMs = performance.now() - startedAt
    const mostWritten = stretch.mayMatch ? stretch.scanned : 0
    if (!(await admission.admit(mostWritten))) return 'postponed'
    const admittedAt = performance.now()
    const outcome = await writeStretch(context, stretch, { after, upTo })
    if (outcome.status === 'fenced') return 'claim-lost'
    if (outcome.status === 'ended') return outcome.with
    admission.refund(mostWritten - outcome.written)
    const { reached } = outcome
    upTo = outcome.upTo ?? upTo
    if (!reached) continue
    const ms = readMs + performance.now() - admittedAt
    const { scanned } = reached
    if (outcome.isTimed) {
      pace.took({ keys: scanned, rows: outcome.written, databaseMs: ms, totalMs: ms }, context.shard.leaseMs)
    }
    context.onKeys?.([reached.cursor])
    context.onBatch({ ...outcome, scanned, ms })
    after = reached.cursor
    if (outcome.failures > 0 && (await hasFailedTooOften(context))) return 'rows-failed'
    if (outcome.conflicts > 0 || outcome.refused > 0) {
      const settled = await settleConflicts(context)
      if (settled !== 'settled') return settled
    }
    if (reached.isLast) return 'done'
    // Keys without a match have burdened nobody, so there is nothing to rest from.
    if (stretch.mayMatch) await rest(context)
  }
}

const inRead = <T>(context: ShardContext, script: Script<T>): Script<T> =>
  reading(context.dialect, context.scope, script)

/** The next keys, by the pace of now; undefined = none is left. */
function* pacedStretch(context: ShardContext, range: KeyRange): Script<Stretch | undefined> {
  yield* takePace(context)
  return yield* firstStretch(context, range, Math.min(context.pace.rows, context.admission.mostRows))
}

/** So many keys at the beginning of a range. */
function* firstStretch(context: ShardContext, range: KeyRange, limit: number): Script<Stretch | undefined> {
  const { dialect, hold, names, pass } = context
  if (pass > 0 && (yield* dialect.state.countFailures(names, hold.runId)).failed > 0) {
    const page = yield* readKeyPage(context, range, limit)
    if (!page.last) return undefined
    const listed = yield* dialect.state.failedKeys(
      names,
      hold.runId,
      page.rows.map(({ key }) => writeKey(key)),
    )
    const { rows, batchOf } = portionsOfRange(page, range, listed)
    const { last: cursor, isLast } = page
    return { batch: batchOf(0, rows.length), cursor, scanned: page.count, mayMatch: rows.length > 0, isLast }
  }
  const keys = yield* nextKeys(context, { ...range, limit })
  if (!keys) return undefined
  const { last: cursor, count: scanned, hasMatch: mayMatch, isLast } = keys
  const advance = { cursor, upTo: range.upTo, add: { scanned, passScanned: scanned } }
  const ranges = mayMatch ? [{ after: range.after, upTo: cursor }] : []
  const batch = { advance, sets: [], ranges, failures: [], retried: new Map() }
  return { batch, cursor, scanned, mayMatch, isLast }
}

function* nextKeys(context: ShardContext, page: PageRange): Script<NextKeys | undefined> {
  const { dialect, pass, prepared } = context
  if (pass > 0 && prepared.plan.where) return yield* passBarren(context, page)
  const end = yield* dialect.stepToPageEnd(prepared.info, page)
  return end && { ...end, hasMatch: true, isLast: end.count < page.limit }
}

/**
 * In a sweep hardly a row matches: pages without a match are looked at, which takes no locks, and share a checkpoint. The page with
 * a match that ends them comes after it.
 */
function* passBarren({ dialect, prepared }: ShardContext, page: PageRange): Script<NextKeys | undefined> {
  let passed: NextKeys | undefined
  for (let pages = 0; pages < emptyPagesPerCheckpoint; pages++) {
    const look = yield* dialect.lookAtPage(prepared.plan, { ...page, after: passed?.last ?? page.after })
    if (!look) return passed && { ...passed, isLast: true }
    const isLast = look.count < page.limit
    if (look.hasMatch) return passed ?? { ...look, isLast }
    passed = { ...look, count: look.count + (passed?.count ?? 0), isLast }
    if (isLast) break
  }
  return passed
}

/** Keys, and which of them match: no row leaves the database. */
const readKeyPage = ({ dialect, prepared, scope }: ShardContext, range: KeyRange, limit: number): Script<Page> =>
  readPage(dialect, { ...prepared.plan, read: [] }, { ...range, limit }, readModeIn(scope))

/** Half of the keys at each further attempt: what was too much at once may pass in parts. A row that is refused is found by halves. */
async function writeStretch(context: ShardContext, whole: Stretch, range: KeyRange): Promise<StretchOutcome> {
  const id = newBatchId()
  let part = whole
  let attempt = 0
  try {
    const outcome = await commit(context, id, async (session) => {
      if (attempt++ > 0) {
        const limit = Math.max(1, Math.floor(part.scanned / 2))
        const smaller = await session.run(inRead(context, firstStretch(context, range, limit)))
        // Its keys may be gone meanwhile: then there is nothing to halve.
        if (smaller) part = { ...smaller, isLast: false }
      }
      return session.run(writeBatch(context, { ...part.batch, id }))
    })
    if (outcome.status === 'fenced') return outcome
    if (outcome.status === 'cut') return { ...nothing, reached: undefined, upTo: outcome.upTo, isTimed: false }
    return { ...outcome, reached: part, upTo: undefined, isTimed: part === whole && part.mayMatch }
  } catch (error) {
    if (!isRowRefused(error)) throw error
    return writeInParts(context, part, range, error)
  }
}

const nothing = { status: 'written', written: 0, skipped: 0, conflicts: 0, failures: 0, refused: 0 } as const

/** Writes a stretch in which the database refuses a row. */
async function writeInParts(
  context: ShardContext,
  { scanned }: Stretch,
  range: KeyRange,
  refusal: RowshiftError,
): Promise<StretchOutcome> {
  const { dialect, hold, names, pass } = context
  function* read() {
    const page = yield* readKeyPage(context, range, scanned)
    const keys = page.rows.map(({ key }) => writeKey(key))
    const listed = pass > 0 ? yield* dialect.state.failedKeys(names, hold.runId, keys) : new Set<string>()
    return { page, portions: portionsOfRange(page, range, listed) }
  }
  const doing = `reading the keys of ${nameOf(context)}`
  const { page, portions } = await withFaultsMended(context, { doing }, (session) =>
    session.run(inRead(context, read())),
  )
  const outcome: IsolatedOutcome<Ended> = await writeByHalves(context, portions, refusal, () =>
    settleConflicts(context),
  )
  if (outcome.status === 'fenced' || outcome.status === 'ended') return outcome
  const parts = outcome.status === 'cut' ? outcome.parts : portions.rows.length
  const upTo = outcome.status === 'cut' ? outcome.upTo : undefined
  const cut = { ...outcome, status: 'written', upTo, isTimed: false } as const
  if (outcome.status === 'cut' && parts === 0) return { ...cut, reached: undefined }
  const { cursor, add } = portions.batchOf(0, parts).advance
  const isLast = outcome.status === 'written' && page.isLast
  return { ...cut, reached: { cursor: cursor!, scanned: add.scanned!, isLast } }
}
