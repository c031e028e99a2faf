import { setTimeout as sleep } from 'node:timers/promises'
import type { RowBudget } from './row-budget.js'
import { type Held, type Place, type Primary, type Throttle, unmeasured } from './throttle.js'

/** A throttle that has not answered by then counts as one that could not look. */
const longestAnswerMs = 10_000

/** What keeps a worker waiting, over all its throttles. */
export interface Waiting {
  /** `replication lag 12s > 5s; lock waits 9 > 5` */
  readonly reason: string
  /** Milliseconds until it may be over. */
  readonly forMs: number
}

/** The time of day, and waiting: tests have their own. */
export interface Time {
  now(): number
  /** Ends early, and quietly, when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

const realTime: Time = {
  now: Date.now,
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
}

/** The longest time between two looks: a clock may be set, and a pause must be noticed. */
const longestWaitMs = 60_000

/**
 * All throttles of a worker. They are asked every few seconds, not for every batch, and together: whoever waits is told of every reason at
 * once. Between two checks the last answer holds.
 */
export class Throttles {
  #answer: { readonly waiting: Waiting | undefined; readonly at: number } | undefined

  constructor(
    private readonly throttles: readonly Throttle[],
    private readonly budget: RowBudget | undefined,
    private readonly everyMs: number,
    private readonly time: Time = realTime,
    private readonly answerMs = longestAnswerMs,
  ) {}

  #place(primary: Primary): Place {
    return { ...primary, now: this.time.now }
  }

  /** undefined = go on. */
  async look(primary: Primary): Promise<Waiting | undefined> {
    const place = this.#place(primary)
    const now = this.time.now()
    // A clock that was put back must not make an old answer hold for longer.
    const isFresh = this.#answer && now >= this.#answer.at && now - this.#answer.at < this.everyMs
    if (!isFresh) this.#answer = { waiting: await this.#lookAtAll(place), at: now }
    const { waiting } = this.#answer!
    if (waiting || !this.budget) return waiting
    return this.#waitingFor([await this.#answerOf('row budget', () => this.budget!.look(place))])
  }

  /** Whether a batch may write so many rows now. */
  async admit(rows: number, primary: Primary): Promise<boolean> {
    if (await this.look(primary)) return false
    // What stands in the way of asking is told by the next look.
    return this.budget ? await this.budget.admit(rows, this.#place(primary)).catch(() => false) : true
  }

  /** Rows that were admitted and not written after all. */
  refund(rows: number): void {
    this.budget?.refund(rows)
  }

  /** Rows a page may have: more could not be written today. */
  get mostRows(): number {
    return this.budget?.isScarce ? Math.max(1, this.budget.left) : Number.POSITIVE_INFINITY
  }

  /** Gives back what was taken of the budget: the work on a run has ended. */
  async giveBack(primary: Primary): Promise<void> {
    await this.budget?.giveBack(this.#place(primary))
  }

  /** Until looking again may be worth it, or the worker is to stop. */
  async wait({ forMs }: Waiting, stop: AbortSignal): Promise<void> {
    await this.time.sleep(Math.min(forMs, longestWaitMs), stop)
  }

  /** Ends the connections to replicas. */
  async close(): Promise<void> {
    for (const throttle of this.throttles) await throttle.close?.()
  }

  async #lookAtAll(place: Place): Promise<Waiting | undefined> {
    const held: (Held | undefined)[] = []
    for (const throttle of this.throttles) held.push(await this.#answerOf(throttle.name, () => throttle.look(place)))
    return this.#waitingFor(held)
  }

  /** What cannot be measured is throttled, never zero. */
  async #answerOf(name: string, look: () => Promise<Held | undefined>): Promise<Held | undefined> {
    const timer = new AbortController()
    const late = sleep(this.answerMs, undefined, { signal: timer.signal }).then(
      () => ({ reason: unmeasured(name, `no answer within ${this.answerMs / 1_000} s`) }),
      () => undefined,
    )
    try {
      return await Promise.race([look(), late])
    } catch (error) {
      return { reason: unmeasured(name, error instanceof Error ? error.message : String(error)) }
    } finally {
      timer.abort()
    }
  }

  #waitingFor(answers: readonly (Held | undefined)[]): Waiting | undefined {
    const held = answers.filter((answer) => answer !== undefined)
    if (held.length === 0) return undefined
    return {
      reason: held.map(({ reason }) => reason).join('; '),
      forMs: Math.max(...held.map(({ forMs = this.everyMs }) => forMs)),
    }
  }
}
