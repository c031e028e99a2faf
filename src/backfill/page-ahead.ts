import type { Key, ReadMode } from '../dialects/dialect.js'
import type { Script } from '../dialects/script.js'
import { abortOnAny } from './abort-on-any.js'
import { halving } from './batch/commit-batch.js'
import { spellAhead } from './batch/spell-ahead.js'
import { withFaultsMended } from './connection/mend.js'
import { reading, readModeIn } from './connection/transaction.js'
import { FixedCost } from './fixed-cost.js'
import { writeKey } from './pages/cursor.js'
import { firstKeys, type TransformedPage } from './pages/cut-page.js'
import { lookAtPage, type Page, readPage } from './pages/keyset-reader.js'
import type { PreparedTransform } from './prepare/prepare-backfill.js'
import { nameOf, type ShardContext } from './shard-context.js'
import { takePace } from './take-pace.js'
import { asksOf } from './transform/asks.js'
import { transformRows } from './transform/transform.js'

/** A row's transform that takes longer, in milliseconds, is not run while a batch is written, whose commit would have to wait for it. */
const quickRowMs = 1

interface Range {
  readonly after: Key | undefined
  readonly upTo: Key
}

/** A page with what the transform made of it. */
export interface ComputedPage extends TransformedPage {
  readonly transformMs: number
}

/** The page after the one in hand. */
export interface PageAhead {
  /** Reads it now, if it waits for that. To be called once the database is at work on the batch in hand. */
  begin(): void
  /** As it was read. */
  read(): Promise<Page>
  /** That page, or its first keys, transformed. */
  computed(page: Page): Promise<ComputedPage>
  /** Settles when it is known what the run has been told meanwhile, or when that could not be asked. Never fails. */
  readonly paced: Promise<void>
}

/**
 * What is done of a page while the one before it is written: its read, and its transform where that is quick and synchronous. A function
 * that may have to do with the database, because it is given a query or has promised its result, is called once the batch before it is
 * committed: so it sees what that has written.
 */
export class AheadOf {
  /** Aborted when what was computed ahead is nobody's any more. */
  readonly #abandoned = new AbortController()
  #underWay: Promise<unknown> = Promise.resolve()
  /** Lets the page that was started last be read. */
  #begin = () => {}
  #isQuick = false
  /** Whether the next page is worth but a look: none of the one before it matched, as in most of a sweep. */
  #isBarren: boolean
  readonly #lookCost = new FixedCost()
  /** Keys of a look at a page; undefined = as many as of a page that is read. */
  #keysPerLook: number | undefined

  /** Aborted with what was computed ahead: a read that is tried again after that would open connections that nobody gives back. */
  private readonly context: ShardContext

  constructor(
    context: ShardContext,
    private readonly work: PreparedTransform,
  ) {
    this.context = { ...context, abort: abortOnAny(context.abort, this.#abandoned.signal) }
    this.#isBarren = context.pass > 0
  }

  /** Settles when nothing is being computed ahead. Never fails. */
  async idle(): Promise<void> {
    await this.#underWay.catch(() => undefined)
  }

  /** Ends what is still being computed, whose result is not wanted. The user's function is not called after that. */
  async abandon(): Promise<void> {
    this.#abandoned.abort()
    this.#begin()
    await this.idle()
  }

  /**
   * Reads at once, beside a transform that takes its time; beside a quick one, whose page is ready to be written, once the database is at
   * work on that: rows that come in before would keep the few answers waiting that a batch begins with. Transforms once `current` is. An
   * error waits until the page is asked for. Nothing of it in an enclosing transaction, where the same connection would read, and where
   * nothing may follow an error.
   */
  start(range: Range, current: Promise<unknown>): PageAhead {
    const { scope } = this.context
    if (scope.isEnclosing) {
      return {
        begin: () => undefined,
        read: () => this.#read(range),
        computed: (page) => this.#compute(page),
        paced: Promise.resolve(),
      }
    }
    const paced = readPace(this.context)
    const begun = new Promise<void>((resolve) => {
      this.#begin = resolve
    })
    const begin = this.#begin
    if (!this.#isQuick) begin()
    const reading = Promise.all([paced, begun]).then(() => this.#read(range))
    reading.catch(() => undefined)
    const read = () => {
      begin()
      return reading
    }
    if (!this.#isQuick) return { begin, read, computed: (page) => this.#compute(page), paced }

    const computing = Promise.all([reading, current]).then(([page]) => this.#compute(page))
    computing.catch(() => undefined)
    this.#underWay = computing
    return {
      begin,
      read,
      async computed(page) {
        const { transformMs, ...whole } = await computing
        return { ...firstKeys(whole, page.count, page.isLast), transformMs }
      },
      paced,
    }
  }

  async #compute(read: Page): Promise<ComputedPage> {
    const { context, work } = this
    const startedAt = performance.now()
    const page = await withoutFailed(context, read)
    const asks = asksOf(context, work.backfill)
    const transformed = await transformRows(work, page.rows, asks)
    const changes = await spellAhead(context, work, transformed)
    const transformMs = performance.now() - startedAt
    if (page.rows.length > 0) this.#isQuick = changes.isPrompt && transformMs <= quickRowMs * page.rows.length
    return { page, changes, transformMs }
  }

  async #read(range: Range): Promise<Page> {
    const { context } = this
    this.#abandoned.signal.throwIfAborted()
    const doing = `reading a page of ${nameOf(context)}`
    const halve = halving(context)
    const onFault = (error: unknown) => {
      halve(error)
      this.#keysPerLook = undefined
    }
    const page = await withFaultsMended(context, { doing, connection: 'reader', onFault }, (session) =>
      session.run(reading(context.dialect, context.scope, this.#page(range))),
    )
    this.#isBarren = page.rows.length === 0
    if (!this.#isBarren) context.pace.read(page.count, charactersOf(page))
    return page
  }

  *#page(range: Range): Script<Page> {
    const { admission, dialect, onKeys, pace, prepared, scope } = this.context
    const limit = Math.min(pace.rows, admission.mostRows)
    if (this.#isBarren && !onKeys && !scope.isEnclosing && prepared.plan.where) {
      const keys = Math.max(limit, this.#keysPerLook ?? 0)
      const startedAt = performance.now()
      const barren = yield* lookAtPage(dialect, prepared.plan, { ...range, limit: keys })
      const ms = performance.now() - startedAt
      this.#lookCost.took(keys, ms)
      const isQuick = ms - this.#lookCost.ms < Math.max(quickLookMs, this.#lookCost.ms)
      // From as many as a page has it tries twice as many all the same, or it would never learn what each look costs.
      this.#keysPerLook = isQuick || keys === limit ? Math.min(2 * keys, mostKeysPerLook) : Math.ceil(keys / 2)
      if (barren) return barren
    }
    const mode: ReadMode = readModeIn(scope)
    return yield* readPage(dialect, prepared.plan, { ...range, limit }, mode)
  }
}

/** None of the keys that are only looked at leaves the database, so what bounds them is the time that a statement should take. */
const mostKeysPerLook = 50_000

/**
 * A look that is over sooner, in milliseconds, is followed by one at twice as many keys: far away, each costs four round trips. Not
 * counted is what each takes however few its keys are, and where that is more, a look may take twice that.
 */
const quickLookMs = 50

/** What the run has been told meanwhile: by one statement, which needs none of the settings of a transaction. Never fails. */
export async function readPace(context: ShardContext): Promise<void> {
  if (context.scope.isEnclosing) return
  const doing = `reading the pace of ${nameOf(context)}`
  await withFaultsMended(context, { doing, connection: 'reader' }, (session) => session.run(takePace(context))).catch(
    () => undefined,
  )
}

function charactersOf({ rows }: Page): number {
  let characters = 0
  for (const row of rows) characters += row.characters
  return characters
}

/** Listed failures still match, and are left out of sweeps: a replay tries them again. */
async function withoutFailed(context: ShardContext, page: Page): Promise<Page> {
  if (context.pass === 0 || page.rows.length === 0) return page
  const { dialect, names, hold } = context
  const keys = page.rows.map(({ key }) => writeKey(key))
  const doing = `looking for failed rows of ${nameOf(context)}`
  const failed = await withFaultsMended(context, { doing, connection: 'reader' }, (session) =>
    session.run(reading(dialect, context.scope, dialect.state.failedKeys(names, hold.runId, keys))),
  )
  return failed.size === 0 ? page : page.withRows(page.rows.filter(({ key }) => !failed.has(writeKey(key))))
}
