import { shareDone } from '../backfill/progress.js'
import type { ShardRow } from '../dialects/state-statements.js'
import { progressOf, type RunReport } from '../runs/read-status.js'
import { shareOfRange } from '../runs/shards/middle-key.js'

/** A key range of a run as `rowshift status` tells it. */
export interface ShardEntry {
  readonly shard: number
  readonly status: 'open' | 'done'
  /** Who holds it; null = nobody. */
  readonly worker: string | null
  /** False when the lease of its worker has run out: whoever comes next takes the shard over. */
  readonly isAlive: boolean
  /** Share of its range in this pass, 0 to 1, by where its keys lie; null where they have no arithmetic. */
  readonly done: number | null
  /** Keys looked at in this pass. */
  readonly scanned: number
  /** Rows written, over all passes. */
  readonly written: number
  /** When its last batch was committed, by the database's clock. */
  readonly lastBatchAt: string
  /** Whom its worker took it over from, and how long that one had given no sign of life; null = from nobody. */
  readonly takenOver: { readonly from: string; readonly silentMs: number } | null
}

export function shardEntries(report: RunReport): readonly ShardEntry[] {
  return report.shards.map((shard) => ({
    shard: shard.shard,
    status: shard.status,
    worker: shard.claim === undefined ? null : (shard.worker ?? '?'),
    isAlive: shard.claim !== undefined && shard.isLeased,
    done: doneOf(shard, report),
    scanned: shard.counters.passScanned,
    written: shard.counters.written,
    lastBatchAt: shard.updatedAt,
    takenOver:
      shard.takenFrom === undefined || shard.takenFrom === shard.worker
        ? null
        : { from: shard.takenFrom, silentMs: shard.silentMs ?? 0 },
  }))
}

function doneOf(shard: ShardRow, report: RunReport): number | null {
  if (shard.status === 'done') return 1
  if (report.shards.length === 1) return shareDone(progressOf(report))
  const { lowerKey, cursorKey, upperKey } = shard
  if (cursorKey === undefined) return 0
  if (lowerKey === undefined || upperKey === undefined) return null
  const [after, at, upTo] = [lowerKey, cursorKey, upperKey].map((key) => JSON.parse(key) as readonly string[])
  return shareOfRange({ after, upTo: upTo! }, at!) ?? null
}
