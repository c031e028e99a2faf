import type { Key, ReadMode } from '../dialects/dialect.js'
import type { Script } from '../dialects/script.js'
import { halving } from './batch/commit-batch.js'
import { withFaultsMended } from './connection/mend.js'
import { reading, readModeIn } from './connection/transaction.js'
import { writeKey } from './pages/cursor.js'
import { firstKeys, type TransformedPage } from './pages/cut-page.js'
import { lookAtPage, type Page, readPage } from './pages/keyset-reader.js'
import type { PreparedTransform } from './prepare-backfill.js'
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
  readonly #signal: AbortSignal
  #underWay: Promise<unknown> = Promise.resolve()
  #isQuick = false
  #isBarren = false

  constructor(
    private readonly context: ShardContext,
    private readonly work: PreparedTransform,
  ) {
    this.#signal = AbortSignal.any([context.abort, this.#abandoned.signal])
  }

  /** Settles when nothing is being computed ahead. Never fails. */
  async idle(): Promise<void> {
    await this.#underWay.catch(() => undefined)
  }

  /** Ends what is still being computed, whose result is not wanted. The user's function is not called after that. */
  async abandon(): Promise<void> {
    this.#abandoned.abort()
    await this.idle()
  }

  /**
   * Starts reading at once, and transforms once `current` is; an error waits until the page is asked for. Neither in an enclosing
   * transaction, where the same connection would read, and where nothing may follow an error.
   */
  start(range: Range, current: Promise<unknown>): PageAhead {
    const { scope } = this.context
    if (scope.isEnclosing) {
      return {
        read: () => this.#read(range, () => undefined),
        computed: (page) => this.#compute(page),
        paced: Promise.resolve(),
      }
    }
    let onPaced = () => {}
    const paced = new Promise<void>((resolve) => {
      onPaced = resolve
    })
    const reading = this.#read(range, onPaced)
    reading.catch(() => undefined)
    if (!this.#isQuick) return { read: () => reading, computed: (page) => this.#compute(page), paced }

    const computing = Promise.all([reading, current]).then(([page]) => this.#compute(page))
    computing.catch(() => undefined)
    this.#underWay = computing
    return {
      read: () => reading,
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
    const asks = asksOf({ ...context, abort: this.#signal }, work.backfill)
    const changes = await transformRows(work, page.rows, asks)
    const transformMs = performance.now() - startedAt
    if (page.rows.length > 0) this.#isQuick = changes.isPrompt && transformMs <= quickRowMs * page.rows.length
    return { page, changes, transformMs }
  }

  async #read(range: Range, onPaced: () => void): Promise<Page> {
    const { context } = this
    const doing = `reading a page of ${nameOf(context)}`
    const halve = halving(context)
    const onFault = (error: unknown) => {
      halve(error)
      onPaced()
    }
    const page = await withFaultsMended(context, { doing, connection: 'reader', onFault }, (session) =>
      session.run(inRead(context, this.#pacedPage(range, onPaced))),
    )
    this.#isBarren = page.rows.length === 0
    if (!this.#isBarren) context.pace.read(page.count, charactersOf(page))
    return page
  }

  /**
   * What the run has been told meanwhile comes with the page that is read ahead, while the one before it is transformed or written: it
   * holds for both, and costs no round trip that anybody waits for.
   */
  *#pacedPage(range: Range, onPaced: () => void): Script<Page> {
    const { admission, dialect, onKeys, pace, prepared, scope } = this.context
    yield* takePace(this.context)
    onPaced()
    const limit = Math.min(pace.rows, admission.mostRows)
    // After a page without a match, as all are in a sweep, the keys of the next one are worth no more than a look.
    if (this.#isBarren && !onKeys && !scope.isEnclosing && prepared.plan.where) {
      const wide = { ...range, limit: Math.max(limit, keysPerLook) }
      const barren = yield* lookAtPage(dialect, prepared.plan, wide)
      if (barren) return barren
    }
    const mode: ReadMode = readModeIn(scope)
    return yield* readPage(dialect, prepared.plan, { ...range, limit }, mode)
  }
}

/** Keys of a page that is only looked at: none of them leaves the database. */
const keysPerLook = 10_000

/** Beside the last page no other is read, so it is asked alone. */
export async function readPace(context: ShardContext): Promise<void> {
  if (context.scope.isEnclosing) return
  const doing = `reading the pace of ${nameOf(context)}`
  await withFaultsMended(context, { doing, connection: 'reader' }, (session) =>
    session.run(inRead(context, takePace(context))),
  ).catch(() => undefined)
}

function charactersOf({ rows }: Page): number {
  let characters = 0
  for (const row of rows) characters += row.characters
  return characters
}

function inRead<T>(context: ShardContext, script: Script<T>): Script<T> {
  return reading(context.dialect, context.scope, script)
}

/** Listed failures still match, and are left out of sweeps: a replay tries them again. */
async function withoutFailed(context: ShardContext, page: Page): Promise<Page> {
  if (context.pass === 0 || page.rows.length === 0) return page
  const { dialect, names, hold } = context
  const keys = page.rows.map(({ key }) => writeKey(key))
  const doing = `looking for failed rows of ${nameOf(context)}`
  const failed = await withFaultsMended(context, { doing, connection: 'reader' }, (session) =>
    session.run(inRead(context, dialect.state.failedKeys(names, hold.runId, keys))),
  )
  return failed.size === 0 ? page : page.withRows(page.rows.filter(({ key }) => !failed.has(writeKey(key))))
}
