import type { StatementHooks } from './observed-database.js'

/** A moment of the batch protocol, named by a statement's label. */
export interface ProtocolPoint {
  readonly label: string
  /** `before` the statement is sent, or `after` it was answered. */
  readonly when: 'before' | 'after'
  /** Which one of that label, counted from 1: the first by default. */
  readonly nth?: number
  /** Counts only from the first answer to a statement of this label on. */
  readonly since?: string
}

/** Calls once when a point is reached. */
export function atPoint(point: ProtocolPoint, call: () => void): StatementHooks {
  let isCounting = point.since === undefined
  let met = 0
  const meet = (label: string, when: ProtocolPoint['when']) => {
    if (isCounting && label === point.label && when === point.when && ++met === (point.nth ?? 1)) call()
    if (when === 'after' && label === point.since) isCounting = true
  }
  return { before: ({ label }) => meet(label, 'before'), after: ({ label }) => meet(label, 'after') }
}

/** SIGKILL: nothing is caught, nothing is flushed, no connection is closed in order. */
export function die(): void {
  process.kill(process.pid, 'SIGKILL')
}
