import { setTimeout as sleep } from 'node:timers/promises'
import { RowshiftError } from '../errors/rowshift-error.js'
import type { Random } from './random.js'

/** A stream of an application's writes: called with 1, 2, 3, …, one after another. See `CrashTestOptions.writers`. */
export type Writer = (n: number) => Promise<unknown>

/** The longest pause between two writes of a stream: SQLite's one lock would else be in its hands all the time. */
const longestPauseMs = 20

/** The application at work, until it is stopped. */
export class Writing {
  /** What was committed, by stream. */
  readonly committed: number[][]
  readonly #streams: Promise<void>
  #isOver = false

  constructor(writers: readonly Writer[], random: Random) {
    this.committed = writers.map(() => [])
    this.#streams = Promise.all(writers.map((writer, i) => this.#stream(writer, this.committed[i]!, random))).then(
      () => undefined,
    )
    this.#streams.catch(() => undefined)
  }

  /** @throws RowshiftError CRASH_TEST_UNUSABLE when the database has refused all writes of a stream */
  async stop(): Promise<void> {
    this.#isOver = true
    await this.#streams
  }

  async #stream(writer: Writer, committed: number[], random: Random): Promise<void> {
    let refusal: unknown
    for (let n = 1; !this.#isOver; n++) {
      try {
        await writer(n)
        committed.push(n)
      } catch (error) {
        // A deadlock's victim, a lock that was waited for too long: nothing was committed.
        refusal = error
      }
      await sleep(random() * longestPauseMs)
    }
    if (committed.length === 0 && refusal !== undefined) throw refused('every write of a writer', refusal)
  }
}

/**
 * The same writes once more, with nothing else going on.
 * @throws RowshiftError CRASH_TEST_UNUSABLE when one is refused now
 */
export async function writeAgain(writers: readonly Writer[], committed: readonly (readonly number[])[]): Promise<void> {
  for (const [i, writer] of writers.entries()) {
    for (const n of committed[i]!) {
      try {
        await writer(n)
      } catch (error) {
        throw refused(`write ${n} of a writer, which was committed before,`, error)
      }
    }
  }
}

function refused(what: string, cause: unknown): RowshiftError {
  return new RowshiftError('CRASH_TEST_UNUSABLE', {
    message: `${what} was refused: ${cause instanceof Error ? cause.message : String(cause)}. A write must depend on nothing but its number and its own rows.`,
    cause,
  })
}
