import type { Dialect, Key } from '../dialects/dialect.js'
import type { ShardRow, StateNames } from '../dialects/state-statements.js'
import type { ShardHold } from './batch/checkpoint.js'
import type { FailureLimit } from './batch/failure-limit.js'
import type { Connections } from './connection/connections.js'
import type { Scope } from './connection/transaction.js'
import type { Pace } from './pacing.js'
import type { PreparedBackfill } from './prepare/prepare-backfill.js'
import type { WrittenSample } from './verify/recompute.js'

/** Everything one worker needs to take one shard from its cursor to its end. */
export interface ShardContext {
  readonly dialect: Dialect
  readonly names: StateNames
  readonly prepared: PreparedBackfill
  readonly connections: Connections
  readonly scope: Scope
  readonly hold: ShardHold
  readonly shard: ShardRow
  /** 0 = the first pass, 1 and up = sweeps. */
  readonly pass: number
  readonly failureLimit: FailureLimit
  /** How large batches are, and how long the rests between them. */
  readonly pace: Pace
  readonly admission: Admission
  /** Aborted when the worker is to stop after the batch in hand, or has lost the shard. */
  readonly stop: AbortSignal
  /** Aborted when the batch in hand is to be given up too. */
  readonly abort: AbortSignal
  readonly onBatch: (batch: BatchReport) => void
  /** Keys of rows a pass has met, for the sample of the verification; undefined = there will be none. */
  readonly onKeys?: ((keys: readonly Key[]) => void) | undefined
  /** What is written, for its recomputation; undefined = there will be none. */
  readonly written?: WrittenSample | undefined
}

/** How work on a shard ended. */
export type ShardOutcome = 'done' | 'stopped' | 'postponed' | 'claim-lost' | 'rows-failed'

/** Whether batches may go on: what the load of the database, the time of the day or a budget has to say. */
export interface Admission {
  /** Asked before each batch, with the most rows it may write: false = the shard is to be left for now. */
  admit(rows: number): Promise<boolean>
  /** Rows that were admitted and not written after all. */
  refund(rows: number): void
  /** Rows a page may have. */
  readonly mostRows: number
}

export interface BatchReport {
  readonly scanned: number
  readonly written: number
  readonly conflicts: number
  readonly failures: number
  /** Its transform and its transaction. */
  readonly ms: number
}

/** For messages: `backfill "city.slug"`. */
export const nameOf = ({ prepared }: ShardContext): string => `backfill "${prepared.definition.name}"`
