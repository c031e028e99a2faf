import type { Measure } from '../../dialects/health.js'
import type { Script } from '../../dialects/script.js'

/** Why work has to wait, in words for people, and when looking again may be worth it. */
export interface Held {
  readonly reason: string
  /** Milliseconds from now; undefined = at the next check. */
  readonly forMs?: number
}

/** The primary, on the worker's connection. */
export interface Primary {
  ask<T>(script: Script<T>): Promise<T>
  /** The same in a transaction that is committed. */
  change<T>(script: Script<T>): Promise<T>
}

/** Where a throttle looks. */
export interface Place extends Primary {
  /** The time of day, milliseconds since 1970. */
  now(): number
}

/**
 * One reason to wait. What it throws counts as a reason too: a throttle that cannot look is shut, because the moment at which it cannot
 * is likely the one it was made for.
 */
export interface Throttle {
  /** For the reason of a throttle that could not look: `replication lag`. */
  readonly name: string
  /** undefined = go on. */
  look(place: Place): Promise<Held | undefined>
  /** Gives back the connections it holds. Never throws. */
  close?(): Promise<void>
}

/** A number above its limit is a reason to wait, and so is one that is not known. */
export function heldAbove(
  name: string,
  measure: Measure,
  limit: number,
  show: (value: number) => string = String,
): Held | undefined {
  if ('unknown' in measure) return { reason: unmeasured(name, measure.unknown) }
  // NaN is above no limit.
  if (!(measure.value >= 0)) return { reason: unmeasured(name, `${measure.value} is no number`) }
  return measure.value > limit ? { reason: `${name} ${show(measure.value)} > ${show(limit)}` } : undefined
}

/** Throttled, because it could not be measured. */
export const unmeasured = (name: string, why: string): string => `${name} could not be measured: ${why}`

/** `850ms`, `12s`, `1.5s` */
export function milliseconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)}ms` : `${Math.round(ms / 100) / 10}s`
}
