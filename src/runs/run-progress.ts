import type { Progress } from '../backfill/progress.js'
import type { BatchReport } from '../backfill/shard-context.js'
import type { Counters, ShardRow } from '../dialects/state-statements.js'
import type { Claimed } from './shards/claim.js'

/** How far a run is: the shard in hand as it goes on, those of others as they were seen last. */
export class RunProgress {
  #others: readonly ShardRow[]
  #scanned: number
  #written: number
  #conflicts: number
  #failures = 0

  constructor(private readonly claim: Claimed) {
    const { passScanned, written, conflicts } = claim.shard.counters
    this.#others = claim.others
    this.#scanned = passScanned
    this.#written = written
    this.#conflicts = conflicts
  }

  /** The run's shards as they are in the table now. */
  see(shards: readonly ShardRow[]): void {
    this.#others = shards.filter(({ shard }) => shard !== this.claim.shard.shard)
  }

  add(batch: BatchReport): Progress {
    this.#scanned += batch.scanned
    this.#written += batch.written
    this.#conflicts += batch.conflicts
    this.#failures += batch.failures
    const { run } = this.claim
    return {
      backfill: run.name,
      runId: run.id,
      pass: run.pass,
      scanned: this.#scanned + this.#sum('passScanned'),
      estimatedRows: run.estimatedRows,
      written: this.#written + this.#sum('written'),
      conflicts: this.#conflicts + this.#sum('conflicts'),
      failures: this.#failures,
      batch: { rows: batch.scanned, ms: batch.ms, memoryBytes: process.memoryUsage.rss() },
    }
  }

  #sum(name: keyof Counters): number {
    return this.#others.reduce((sum, shard) => sum + shard.counters[name], 0)
  }
}
