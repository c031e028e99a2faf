import type { Verification } from '../backfill/verify/verify.js'
import type { ErrorCode } from '../errors/codes.js'

/** True counts of a run, over all its passes and workers. */
export interface RunCounts {
  /** Keys looked at, sweeps included. */
  readonly scanned: number
  readonly written: number
  /** Rows whose new values equal the old ones, in a run without `where`. */
  readonly unchanged: number
  /** Rows the transform left as they are although they match `where`. */
  readonly left: number
  /** Rows gone, or migrated by somebody else, between read and write. */
  readonly skipped: number
  /** Rows that changed between read and write, each of which was read again. */
  readonly conflicts: number
  readonly failures: number
}

interface Outcome {
  readonly backfill: string
  readonly runId: number
  readonly counts: RunCounts
}

/** How a run ended. Only `completed` lets a gate open. */
export type RunResult =
  | (Outcome & {
      readonly status: 'completed'
      /**
       * `every-match`: no row matches any more but those counted as left. `keys-once`: without `where`, each key up to the
       * largest at the start was covered once; rows inserted or changed meanwhile are not promised. `followed`: rows inserted or
       * changed since the start are noted, and are computed anew by workers and at last by the gate.
       */
      readonly coverage: 'every-match' | 'keys-once' | 'followed'
      readonly verification: Verification
      /** Why no row was worked on: the reason of `when.skip`; null = the rows were migrated. */
      readonly skippedBecause: string | null
    })
  | (Outcome & {
      readonly status: 'unfinished'
      readonly reason: 'interrupted' | 'paused' | 'cancelled' | 'writers-still-old'
    })
  | (Outcome & { readonly status: 'failed'; readonly code: ErrorCode; readonly reason: string })
