import type { Script } from './script.js'

/**
 * A number that the database was asked for, or why it did not tell. What is hidden from the role, or not there, is unknown and
 * never zero: a throttle that takes it for zero is open when it matters.
 */
export type Measure = { readonly value: number } | { readonly unknown: string }

/** How a database is asked whether it is busy. What is absent, it has not. Each is a query or two, without locks. */
export interface Health {
  /** Milliseconds by which the furthest replica is behind. */
  readonly replicaLagMs?: {
    /** Who knows: the primary of all its replicas, or each replica of itself. */
    readonly askedOf: 'primary' | 'replica'
    measure(): Script<Measure>
  }
  /** Connections that execute a statement at this moment, but for the one that asks. */
  readonly activeConnections?: () => Script<Measure>
  /** Milliseconds since the oldest open transaction of another connection began; 0 = there is none. */
  readonly oldestTransactionMs?: () => Script<Measure>
  /** Statements that wait for a lock. */
  readonly lockWaits?: () => Script<Measure>
}
