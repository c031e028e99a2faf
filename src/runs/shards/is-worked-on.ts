import type { ShardRow } from '../../dialects/state-statements.js'

/** Whether somebody alive holds one of a run's shards: also when all are done, and one worker verifies the run. */
export const isWorkedOn = (shards: readonly ShardRow[]): boolean =>
  shards.some((shard) => shard.claim !== undefined && shard.isLeased)
