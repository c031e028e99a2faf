import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Database } from '../../adapters/database.js'
import { ShardHold } from '../../backfill/batch/checkpoint.js'
import { maxLeaseMs } from '../../backfill/connection/limits.js'
import { type Decision, keep, undo } from '../../backfill/connection/transaction.js'
import type { Script } from '../../dialects/script.js'
import type { RunRow, ShardRow } from '../../dialects/state-statements.js'
import { moveRun } from '../move-run.js'
import { isClaimable, type RunStatus } from '../run-status.js'

/** A shard in this worker's hands. */
export interface Claimed {
  readonly status: 'claimed'
  readonly hold: ShardHold
  readonly shard: ShardRow
  /** The run's other shards, as they were at the claim. */
  readonly others: readonly ShardRow[]
  readonly run: RunRow
}

export type Claim =
  | Claimed
  /** Every open shard is held by somebody alive. */
  | { readonly status: 'busy'; readonly run: RunRow }
  | { readonly status: 'all-done'; readonly run: RunRow }
  | { readonly status: 'not-claimable'; readonly run: RunRow | undefined }

/** For people, in `rowshift status`: which process works on a shard. */
export const workerName = `${hostname()}:${process.pid}`.slice(0, 200)

export interface ClaimOptions {
  /** Statuses beyond the claimable ones to start from. */
  readonly from: readonly RunStatus[]
  /** Whether to double the shard's lease: the worker was fenced before its first commit. */
  readonly isTooSlow: boolean
  /** Throws to decline the run. */
  readonly check: (run: RunRow) => Script<void>
}

/**
 * Takes a free shard of a run: one that nobody holds, or whose holder's lease has run out. The body of one transaction; the run
 * is locked before its shards, as everywhere.
 */
export function* claimShard(database: Database, runId: number, options: ClaimOptions): Script<Decision<Claim>> {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, runId)
  const status = run?.status as RunStatus | undefined
  if (!run || !status || !(isClaimable(status) || options.from.includes(status)))
    return undo({ status: 'not-claimable', run })
  yield* options.check(run)
  const shard = yield* dialect.state.freeShard(stateNames, runId)
  if (!shard) {
    const shards = yield* dialect.state.shards(stateNames, runId)
    if (shards.some((other) => other.status !== 'done')) return undo({ status: 'busy', run })
    if (status === 'running') return undo({ status: 'all-done', run })
    // Nothing to read from the start, or left after its last batch: whoever comes ends the pass.
    yield* moveRun(database, run, 'running')
    return keep({ status: 'all-done', run: { ...run, status: 'running' } })
  }
  if (status !== 'running') yield* moveRun(database, run, 'running')
  return keep(yield* takeShard(database, { ...run, status: 'running' }, shard, leaseFor(shard, options.isTooSlow)))
}

/** The shard whose claim stands for the whole run, for what one worker does alone once its range is done: each run has it. */
const firstShard = 0

export interface ClaimAloneOptions {
  /** Whether to take the claim away from whoever holds it. */
  readonly takesOver?: boolean
  /** Whether to double the lease: the last one was lost. */
  readonly isTooSlow?: boolean
}

/** Takes a locked run for this worker alone. `held`: somebody else has it so, or works on its first shard. */
export function* claimAlone(
  database: Database,
  run: RunRow,
  { takesOver = false, isTooSlow = false }: ClaimAloneOptions,
): Script<Claimed | 'held'> {
  const shard = yield* database.dialect.state.lockShard(database.stateNames, run.id, firstShard)
  if (!shard) throw new Error(`run ${run.id} has no shard ${firstShard}`)
  if (!takesOver && shard.claim !== undefined && shard.isLeased) return 'held'
  return yield* takeShard(database, run, shard, leaseFor(shard, isTooSlow))
}

const leaseFor = ({ leaseMs }: ShardRow, isTooSlow: boolean): number =>
  isTooSlow ? Math.min(2 * leaseMs, maxLeaseMs) : leaseMs

/** Makes a locked shard this worker's. */
export function* takeShard(
  { dialect, stateNames }: Database,
  run: RunRow,
  { runId, shard }: Pick<ShardRow, 'runId' | 'shard'>,
  leaseMs: number,
): Script<Claimed> {
  const claim = randomUUID()
  yield dialect.state.claimShard(stateNames, { runId, shard }, claim, workerName, leaseMs)
  const shards = yield* dialect.state.shards(stateNames, runId)
  const taken = shards.find((other) => other.shard === shard)
  if (!taken) throw new Error(`shard ${shard} of run ${runId} vanished while it was being claimed`)
  const hold = new ShardHold(dialect, stateNames, runId, shard, claim, taken.seq)
  return { status: 'claimed', hold, shard: taken, others: shards.filter((other) => other !== taken), run }
}
