import type { Session } from '../adapters/database.js'
import type { ShardHold } from './batch/checkpoint.js'
import type { Connections } from './connection/connections.js'

/** Beats a lease survives: two may be lost. */
const beatsPerLease = 3

/**
 * Prolongs the lease while the transform runs; calls `onLost` when somebody else holds the shard, else `onBeat`. Uses the writer's
 * connection, between its transactions. A beat that fails is no news: the next batch meets the same fault and deals with it.
 */
export function startHeartbeat(
  hold: ShardHold,
  connections: Connections,
  leaseMs: number,
  { onLost, onBeat }: { readonly onLost: () => void; readonly onBeat: (session: Session) => Promise<void> },
): { stop(): void } {
  let isBeating = false
  const timer = setInterval(
    async () => {
      if (isBeating) return
      isBeating = true
      try {
        const session = await connections.writer()
        if (await session.run(hold.heartbeat())) await onBeat(session)
        else onLost()
      } catch {
        // See above.
      } finally {
        isBeating = false
      }
    },
    Math.max(50, leaseMs / beatsPerLease),
  )
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
