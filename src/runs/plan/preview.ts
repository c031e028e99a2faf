import type { Database, Session } from '../../adapters/database.js'
import { refuseStillMatching } from '../../backfill/batch/bulk-writer.js'
import { byHalves } from '../../backfill/batch/by-halves.js'
import { type TrialOutcome, tryChanges } from '../../backfill/batch/trial-batch.js'
import { UniqueValues } from '../../backfill/batch/unique-values.js'
import { refusalOf } from '../../backfill/connection/retry.js'
import { type Decision, reading, type Scope, undo } from '../../backfill/connection/transaction.js'
import type { BackfillDefinition } from '../../backfill/definition/definition.js'
import { writeKey } from '../../backfill/pages/cursor.js'
import { type PageRow, readLastKey, readPage, rereadRows } from '../../backfill/pages/keyset-reader.js'
import { type PreparedChange, type PreparedSql, prepareBackfill } from '../../backfill/prepare/prepare-backfill.js'
import { asksOn } from '../../backfill/transform/asks.js'
import { type Changes, type RowFailure, transformRows } from '../../backfill/transform/transform.js'
import type { Key, KeyRange, PageRange, TablePlan } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'

/*
 * What can be known of a run before there is one. Nothing here touches the state tables, which need not exist.
 */

/** A connection on which nothing is going to be committed. */
export interface PreviewPlace {
  readonly database: Database
  readonly session: Session
  readonly scope: Scope
  readonly prepared: PreparedChange
}

export async function openPreview(
  database: Database,
  session: Session,
  scope: Scope,
  definition: BackfillDefinition,
): Promise<PreviewPlace> {
  await session.run(database.dialect.requirePrimary())
  const prepared = await session.run(reading(database.dialect, scope, prepareBackfill(database, definition)))
  return { database, session, scope, prepared }
}

function read<T>({ database, session, scope }: PreviewPlace, script: Script<T>): Promise<T> {
  return session.run(reading(database.dialect, scope, script))
}

/** Keys a statement looks at while matches are counted, and in all: a bounded part of a large table. */
const keysPerPage = 10_000
const mostKeys = 100_000

/** How many rows match, as far as that was counted. */
export interface MatchCount {
  /** Keys looked at, from the first. */
  readonly looked: number
  readonly matching: number
  /** True when the whole table was looked at, so that `matching` is exact. */
  readonly isWhole: boolean
  readonly seconds: number
  /** What begins with the first matching row; undefined = none was found. */
  readonly range: KeyRange | undefined
}

/**
 * Counts matching rows of the first 100,000 keys: never a scan of a large table. `untilMatch`: looks on, page by page, for as long
 * as none has matched, and no further.
 */
export async function countFirst(
  place: PreviewPlace,
  { untilMatch = false }: { readonly untilMatch?: boolean } = {},
): Promise<MatchCount> {
  const { dialect } = place.database
  const plan: TablePlan = { ...place.prepared.plan, read: [] }
  const started = performance.now()
  const upTo = await read(place, readLastKey(dialect, plan, 'plain'))
  let [looked, matching, isWhole] = [0, 0, upTo === undefined]
  let after: Key | undefined
  let range: KeyRange | undefined
  while (upTo && !isWhole && (untilMatch ? !range : looked < mostKeys)) {
    const page = await read(place, readPage(dialect, plan, { after, upTo, limit: keysPerPage }, 'plain'))
    const first = page.rows[0]
    if (first && !range) {
      const at = page.keys.findIndex((key) => JSON.stringify(key) === JSON.stringify(first.key))
      range = { after: at > 0 ? page.keys[at - 1] : after, upTo }
    }
    looked += page.count
    matching += page.rows.length
    isWhole = page.isLast
    after = page.last
  }
  return { looked, matching, isWhole, seconds: (performance.now() - started) / 1000, range }
}

/** A page with matching rows, and what a run would make of them. */
export interface Preview {
  readonly scanned: number
  readonly rows: readonly PageRow[]
  /** undefined when the database computes the values. */
  readonly changes: Changes | undefined
  /** The rows as they would be stored, by key; for values that the database computes. */
  readonly after: readonly PageRow[] | undefined
  /** Of the batch that was rolled back, if there was one. */
  readonly trial: TrialOutcome | undefined
  /** For reading, transforming and, where it was tried, writing this page. */
  readonly seconds: number
}

/** Reads and transforms a page. `isTried`: writes it too, in a transaction that is rolled back. */
export async function previewPage(
  place: PreviewPlace,
  range: PageRange,
  options: { readonly isTried: boolean; readonly signal: AbortSignal },
): Promise<Preview> {
  const { database, prepared, session, scope } = place
  const { dialect } = database
  const { work } = prepared
  const started = performance.now()
  const elapsed = () => (performance.now() - started) / 1000
  if (work.form === 'sql') {
    const outcome = await session.run(scope.wrap(tryRange(place, work, range)))
    return { ...outcome, changes: undefined, seconds: elapsed() }
  }
  const page = await read(place, readPage(dialect, prepared.plan, range, 'plain'))
  const changes = await transformRows(
    work,
    page.rows,
    asksOn({ dialect, session, scope }, work.backfill, options.signal),
  )
  const free = await read(place, new UniqueValues(dialect, prepared, work).allot(changes, 'plain'))
  const trial = options.isTried ? await session.run(scope.wrap(tryChanges(dialect, prepared, free))) : undefined
  return { scanned: page.count, rows: page.rows, changes: free, after: undefined, trial, seconds: elapsed() }
}

/** Values that the database computes are known only once they are written: in a transaction that is rolled back. */
function* tryRange({ database, prepared }: PreviewPlace, work: PreparedSql, range: PageRange) {
  const { dialect } = database
  const plan: TablePlan = { ...prepared.plan, read: work.action.shown }
  const page = yield* readPage(dialect, plan, range, 'current')
  const keys = page.rows.map(({ key }) => key)
  const failures: RowFailure[] = []
  function* write(part: readonly Key[]): Script<void> {
    const written = { after: part[0], upTo: part.at(-1)!, isClosed: true }
    const place = { dialect, mode: 'current', journal: undefined } as const
    refuseStillMatching(prepared, (yield* work.action.write(place, prepared.plan, written)).stillMatching)
  }
  yield* byHalves(dialect, keys, write, (key, error) => {
    failures.push({ key: writeKey(key), step: 'write', ...refusalOf(dialect, error) })
  })
  const { matching } =
    keys.length === 0 ? { matching: [] } : yield* rereadRows(dialect, { ...plan, where: undefined }, keys, 'plain')
  const trial: TrialOutcome = { written: keys.length - failures.length, conflicts: 0, failures }
  const outcome = { scanned: page.count, rows: page.rows, after: matching, trial }
  return undo(outcome) satisfies Decision<typeof outcome>
}
