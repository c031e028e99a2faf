import { randomUUID } from 'node:crypto'
import type { Dialect, Key } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import type { Counters, Hold, ShardRow, StateNames } from '../../dialects/state-statements.js'
import { writeKey } from '../pages/cursor.js'

/** How far a batch takes its shard. */
export interface Advance {
  /** undefined = the cursor stays: conflicts and replays are written behind it. */
  readonly cursor: Key | undefined
  /** Where the range ended when its rows were read: the batch is refused if it ends elsewhere by now. undefined = either way. */
  readonly upTo?: Key
  readonly add: Partial<Counters>
}

/**
 * A worker's hold on a shard: the claim it was given and the sequence number it expects. Every batch advances both in its own
 * transaction, so that a batch is counted if and only if its rows are written, and a worker that lost its claim writes nothing.
 */
export class ShardHold {
  #seq: number

  constructor(
    private readonly dialect: Dialect,
    private readonly names: StateNames,
    readonly runId: number,
    readonly shard: number,
    readonly claim: string,
    seq: number,
  ) {
    this.#seq = seq
  }

  private get hold(): Hold {
    return { runId: this.runId, shard: this.shard, claim: this.claim, seq: this.#seq }
  }

  /** The first statement of a batch's transaction: false = the hold is lost, or the range has another end: roll back. */
  *fence(batch: string, advance: Advance): Script<boolean> {
    const { affected } = yield this.dialect.state.fence(this.names, this.hold, {
      batch,
      cursorKey: advance.cursor && writeKey(advance.cursor),
      upperKey: advance.upTo && writeKey(advance.upTo),
      add: advance.add,
    })
    return affected === 1
  }

  /** After the batch's commit. */
  committed(): void {
    this.#seq++
  }

  *count(add: Partial<Counters>): Script<void> {
    yield this.dialect.state.addCounters(this.names, this.runId, this.shard, add)
  }

  /** Prolongs the lease; false = somebody else holds the shard. */
  *heartbeat(): Script<boolean> {
    const { affected } = yield this.dialect.state.heartbeat(this.names, this.hold)
    return affected === 1
  }

  /**
   * After a refused fence: whether the claim still stands and only the bounds have changed, because an idle worker took the far
   * part of the range. The hold then expects what the row says now. undefined = the shard is somebody else's.
   */
  *adopt(): Script<ShardRow | undefined> {
    const row = yield* this.current()
    if (row?.claim !== this.claim) return undefined
    this.#seq = row.seq
    return row
  }

  *finish(): Script<boolean> {
    const { affected } = yield this.dialect.state.finishShard(this.names, this.hold)
    return affected === 1
  }

  *release(): Script<void> {
    yield this.dialect.state.releaseShard(this.names, this.hold)
  }

  /** The shard as it stands, locked, so that a batch in flight has ended one way or the other. */
  *current(): Script<ShardRow | undefined> {
    return yield* this.dialect.state.lockShard(this.names, this.runId, this.shard)
  }

  /**
   * Whether the batch whose commit got no answer happened. `seq` alone cannot tell: somebody else may have raised it.
   */
  *wasCommitted(batch: string): Script<'committed' | 'not-committed' | 'claim-lost'> {
    const row = yield* this.current()
    if (row?.batch === batch) return 'committed'
    return row?.claim === this.claim && row.seq === this.#seq ? 'not-committed' : 'claim-lost'
  }
}

export const newBatchId = (): string => randomUUID()
