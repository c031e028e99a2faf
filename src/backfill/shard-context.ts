import type { Dialect, Key } from '../dialects/dialect.js'
import type { ShardRow, StateNames } from '../dialects/state-statements.js'
import type { ShardHold } from './checkpoint.js'
import type { Connections } from './connections.js'
import type { Pace } from './pacing.js'
import type { PreparedBackfill } from './prepare-backfill.js'
import type { Scope } from './transaction.js'

/** Everything one worker needs to take one shard from its cursor to its end. */
export interface ShardContext {
  readonly dialect: Dialect
  readonly names: StateNames
  readonly prepared: PreparedBackfill
  readonly connections: Connections
  readonly scope: Scope
  readonly hold: ShardHold
  readonly shard: ShardRow
  /** How large batches are, and how long the rests between them. */
  readonly pace: Pace
  /** Aborted when the worker is to stop after the batch in hand, or has lost the shard. */
  readonly stop: AbortSignal
  /** Aborted when the batch in hand is to be given up too. */
  readonly abort: AbortSignal
  readonly onBatch: (batch: BatchReport) => void
  /** Keys of rows a pass has met, for the sample of the verification. */
  readonly onKeys: (keys: readonly Key[]) => void
}

export interface BatchReport {
  readonly scanned: number
  readonly written: number
  readonly conflicts: number
  readonly failures: number
  /** From its page, once read, to its commit. */
  readonly ms: number
}

/** For messages: `backfill "city.slug"`. */
export const nameOf = ({ prepared }: ShardContext): string => `backfill "${prepared.definition.name}"`
