/** Batches that are remembered: the cost changes as tables grow. */
const remembered = 8

/** How unlike in size two batches must be to tell anything. */
const unlike = 1.5

/** A smaller batch that took so much longer tells that the database has become slower. */
const slower = 1.25

interface Timed {
  readonly keys: number
  readonly ms: number
}

/**
 * What a batch takes however few keys it has: a statement whose condition goes through another table for each page, for one. Fewer keys
 * do not shorten it, so whoever takes all of the time for a matter of keys ends at one key a batch.
 *
 * The median of what each two of the last batches tell (the estimator of Theil and Sen): one that had to wait for a lock is outvoted.
 */
export class FixedCost {
  readonly #batches: Timed[] = []
  #ms = 0

  /** In milliseconds; 0 until batches of unlike sizes have told. */
  get ms(): number {
    return this.#ms
  }

  took(keys: number, ms: number): void {
    this.#batches.push({ keys, ms })
    if (this.#batches.length > remembered) this.#batches.shift()
    const told = this.#batches.flatMap((one, i) => this.#batches.slice(i + 1).flatMap((other) => toldBy(one, other)))
    // Of two in the middle the smaller: it makes smaller batches.
    if (told.length > 0) this.#ms = told.sort((a, b) => a - b)[(told.length - 1) >> 1]!
  }
}

/** Where a line through the two begins; nothing if they are too much alike. */
function toldBy(one: Timed, other: Timed): number[] {
  const [small, large] = one.keys < other.keys ? [one, other] : [other, one]
  if (large.keys < unlike * small.keys) return []
  if (small.ms > slower * large.ms) return [0]
  const msPerKey = Math.max(0, large.ms - small.ms) / (large.keys - small.keys)
  return [Math.max(0, small.ms - msPerKey * small.keys)]
}
