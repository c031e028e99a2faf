import type { RowshiftError } from '../errors/rowshift-error.js'

const firstRestMs = 1_000
const longestRestMs = 60_000

interface Rest {
  readonly error: RowshiftError
  readonly ms: number
  readonly until: number
}

/**
 * Runs that met an error which retries do not cure, and that a worker leaves alone for a while: somebody may mend the cause, and
 * other runs must not wait for it. Each further error doubles the rest.
 */
export class Rests {
  readonly #rests = new Map<number, Rest>()

  /** @param longestMs where the cause is known to be looked at again sooner */
  begin(runId: number, error: RowshiftError, longestMs = longestRestMs): void {
    const ms = Math.min(2 * (this.#rests.get(runId)?.ms ?? firstRestMs / 2), longestMs)
    this.#rests.set(runId, { error, ms, until: performance.now() + ms })
  }

  end(runId: number): void {
    this.#rests.delete(runId)
  }

  isResting(runId: number): boolean {
    return performance.now() < (this.#rests.get(runId)?.until ?? 0)
  }

  /** Whether it rests for a reason that others may have ended, not for an error. */
  isPostponed(runId: number): boolean {
    return this.#rests.get(runId)?.error.code === 'POSTPONED'
  }

  /** The backfill that it rests for; undefined = it rests for something else. */
  awaits(runId: number): string | undefined {
    if (!this.isPostponed(runId)) return undefined
    return (this.#rests.get(runId)!.error.details as { readonly awaits?: string }).awaits
  }

  /** What the runs have last met. */
  errors(runs: readonly { readonly id: number }[]): readonly RowshiftError[] {
    return runs.flatMap(({ id }) => this.#rests.get(id)?.error ?? [])
  }
}
