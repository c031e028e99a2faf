import type { RetryOptions } from '../convert-options.js'
import type { FinishOptions, ResultKind } from '../finish.js'
import type { FailureData } from './failure-data.js'
import type { Packed } from './movable.js'

/** What a thread is told when it starts. */
export interface ThreadTask {
  readonly file: string
  readonly name: string
  /** The versions as the caller has them. */
  readonly versions: readonly string[]
  readonly to: string
  readonly as: ResultKind
  readonly finish: FinishOptions
  readonly stamp: string | undefined
  readonly retry: RetryOptions | undefined
}

/** What a thread is given, again and again. */
export interface ThreadChunk {
  readonly records: Packed
  /** The version of all records, or of each. */
  readonly from: string | readonly string[]
}

/** What it answers. */
export type ThreadAnswer =
  | { readonly results: Packed; readonly failures: readonly (readonly [number, FailureData])[]; readonly ms: number }
  | { readonly refused: string }
  | { readonly unmovable: { readonly index: number; readonly path: string; readonly what: string } }
