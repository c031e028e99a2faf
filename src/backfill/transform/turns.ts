import { setImmediate as nextTurn } from 'node:timers/promises'

/** Long enough that turns cost nothing to speak of, and short beside a round trip to a database in the same town. */
const turnMs = 2

const mostRowsPerLook = 16

/**
 * Work that never waits, in pieces: between them others have their turn, heartbeats and the commit of a batch that is being written
 * above all, whose locks would be held for as long as they are kept waiting.
 */
export class Turns {
  #lookedAt = performance.now()
  #endsAt = this.#lookedAt + turnMs
  /** Rows until the next look at the clock, which costs about as much as a small transform: one where rows take long. */
  #rows = 1
  #left = 1

  /** Asked before each row. */
  get isOver(): boolean {
    if (--this.#left > 0) return false
    const now = performance.now()
    this.#rows = now - this.#lookedAt < turnMs / 8 ? Math.min(2 * this.#rows, mostRowsPerLook) : 1
    this.#left = this.#rows
    this.#lookedAt = now
    return now >= this.#endsAt
  }

  async next(): Promise<void> {
    await nextTurn()
    this.#lookedAt = performance.now()
    this.#endsAt = this.#lookedAt + turnMs
  }
}
