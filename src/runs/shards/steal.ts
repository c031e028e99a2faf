import type { Database } from '../../adapters/database.js'
import { type Decision, keep, undo } from '../../backfill/connection/transaction.js'
import { firstRows } from '../../backfill/pacing.js'
import { readKey, writeKey } from '../../backfill/pages/cursor.js'
import type { PreparedBackfill } from '../../backfill/prepare/prepare-backfill.js'
import type { Key, KeyRange } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import type { RunRow, ShardRow } from '../../dialects/state-statements.js'
import { type Claimed, takeShard } from './claim.js'
import { keySpan, middleKey, splitLimitsFor } from './middle-key.js'

/*
 * A run begins with one shard. A worker that finds every shard held takes the far part of a long one: the holder keeps the part
 * before it, and learns of its new end at its next fence. Nothing is planned ahead, so a run suits any number of workers that
 * come and go, and however unevenly its keys lie.
 */

/** A shard that somebody works on, and where it would be cut. */
export interface Cut {
  readonly victim: ShardRow
  /** The last key that the holder keeps. */
  readonly middle: Key
}

/** The longest shard in somebody's hands that is worth a cut. Reads only: the cut itself checks everything again. */
export function* findCut(database: Database, prepared: PreparedBackfill, run: RunRow): Script<Cut | undefined> {
  const { dialect, stateNames } = database
  const limits = splitLimitsFor(run.batchRows ?? prepared.definition.batchRows ?? firstRows, run.estimatedRows)
  const shards = yield* dialect.state.shards(stateNames, run.id)
  for (const victim of longestFirst(prepared, shards)) {
    const range = rangeLeft(victim)
    const middle = range && (yield* middleKey(dialect, prepared.info, range, limits))
    if (middle) return { victim, middle }
  }
  return undefined
}

/** What is left of a shard beyond its checkpoint. */
function rangeLeft(shard: ShardRow): KeyRange | undefined {
  if (shard.upperKey === undefined) return undefined
  const after = shard.cursorKey ?? shard.lowerKey
  return { after: after === undefined ? undefined : readKey(after), upTo: readKey(shard.upperKey) }
}

/**
 * By the distance of their bounds where keys have arithmetic. Else the youngest first: cut off last, it is what lies beyond the
 * strides of the others.
 */
function longestFirst({ info }: PreparedBackfill, shards: readonly ShardRow[]): readonly ShardRow[] {
  const held = shards.filter((shard) => shard.status === 'open' && shard.claim !== undefined && shard.isLeased)
  const spans = new Map(
    held.map((shard) => {
      const range = rangeLeft(shard)
      return [shard, range && keySpan(info, range)]
    }),
  )
  return held.sort((a, b) => {
    const [spanA, spanB] = [spans.get(a), spans.get(b)]
    if (spanA !== undefined && spanB !== undefined && spanA !== spanB) return spanA > spanB ? -1 : 1
    return b.shard - a.shard
  })
}

/**
 * Takes the far part of a shard: the body of one transaction that ends the victim's range at the cut, so that its batch in hand
 * is refused if it goes beyond, and gives the rest to a new shard. The run is locked before its shards, as everywhere; a victim
 * whose batch is being committed at this moment is not waited for.
 */
export function* stealShard(
  database: Database,
  prepared: PreparedBackfill,
  runId: number,
  { victim, middle }: Cut,
): Script<Decision<Claimed | { readonly status: 'missed' }>> {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, runId)
  if (run?.status !== 'running') return undo({ status: 'missed' })
  const shard = yield* dialect.state.tryLockShard(stateNames, runId, victim.shard)
  if (!shard || shard.claim === undefined || shard.claim !== victim.claim || shard.status !== 'open')
    return undo({ status: 'missed' })

  // cursor < middle < upper, as the database orders keys: it is asked for the last key before the cut that is in the range.
  const range = rangeLeft(shard)
  if (!range) return undo({ status: 'missed' })
  const { rows } = yield dialect.keyAtMost(prepared.info, range, middle)
  const found = rows[0] && writeKey(rows[0].map(String))
  if (found === undefined || found === shard.upperKey) return undo({ status: 'missed' })

  yield dialect.state.cutShard(stateNames, runId, shard.shard, found)
  const shards = yield* dialect.state.shards(stateNames, runId)
  const stolen = { runId, shard: Math.max(...shards.map((other) => other.shard)) + 1 }
  const { upperKey, leaseMs } = shard
  yield dialect.state.insertShard(stateNames, { ...stolen, status: 'open', lowerKey: found, upperKey, leaseMs })
  return keep(yield* takeShard(database, run, stolen, leaseMs))
}
