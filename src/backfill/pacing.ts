/** How fast pages grow again, once their batches are short enough: slowly, as the halving was for a reason. */
const growth = 1.2

/**
 * How many keys a page has: what the definition asks for, but fewer while batches take more than half the lease. A worker whose
 * transform blocks longer than its lease lasts could otherwise never commit: its shard would always be somebody else's by then.
 */
export class PageSize {
  #rows: number

  constructor(
    private readonly maxRows: number,
    private readonly leaseMs: number,
  ) {
    this.#rows = maxRows
  }

  get rows(): number {
    return Math.max(1, Math.floor(this.#rows))
  }

  /** After a batch: how long it took from its page to its commit. */
  took(elapsedMs: number): void {
    if (elapsedMs > this.leaseMs / 2) this.#rows = Math.max(1, this.#rows / 2)
    else if (elapsedMs < this.leaseMs / 4) this.#rows = Math.min(this.maxRows, this.#rows * growth)
  }
}
