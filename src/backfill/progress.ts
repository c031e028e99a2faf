/** What a run tells about itself while it goes on. */
export interface Progress {
  readonly backfill: string
  readonly runId: number
  /** 0 = the first pass, 1 and up = sweeps. */
  readonly pass: number
  /** Keys looked at in this pass. */
  readonly scanned: number
  /** Rows of the table by statistics: an estimate. */
  readonly estimatedRows: number
  readonly written: number
  readonly conflicts: number
  readonly failures: number
  /** The last batch; undefined before the first. */
  readonly batch?: {
    /** Keys looked at. */
    readonly rows: number
    /** From the transform to the commit. */
    readonly ms: number
    /** Memory of this process once it was written: its resident set. */
    readonly memoryBytes: number
  }
  /** Why the run waits; undefined = it does not. */
  readonly throttle?: string | undefined
}

/** Share of the pass that is done, 0 to 1; below 1 until the pass has ended, because the total is an estimate. */
export function shareDone(progress: Pick<Progress, 'scanned' | 'estimatedRows'>): number {
  if (progress.estimatedRows <= 0) return 0
  return Math.min(progress.scanned / progress.estimatedRows, 0.999)
}

/** Keys a second over a sliding window, and what that leaves to wait. */
export class Rate {
  readonly #points: { readonly at: number; readonly scanned: number }[] = []

  constructor(private readonly windowMs = 10_000) {}

  add(at: number, scanned: number): void {
    this.#points.push({ at, scanned })
    while (this.#points.length > 2 && at - this.#points[0]!.at > this.windowMs) this.#points.shift()
  }

  /** undefined until two points are known: never a rate of 0 that means "not known yet". */
  get perSecond(): number | undefined {
    const first = this.#points[0]
    const last = this.#points.at(-1)
    if (!first || !last || last.at <= first.at) return undefined
    return ((last.scanned - first.scanned) * 1000) / (last.at - first.at)
  }

  secondsLeft(remaining: number): number | undefined {
    const rate = this.perSecond
    return rate === undefined || rate <= 0 ? undefined : Math.max(0, remaining) / rate
  }
}
