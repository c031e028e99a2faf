import type { Measure } from '../../dialects/health.js'
import type { Script } from '../../dialects/script.js'
import { heldAbove, type Throttle } from './throttle.js'

/** Waits while a number that the database tells of itself is above a limit. */
export function databaseLoad(
  name: string,
  measure: () => Script<Measure>,
  limit: number,
  show?: (value: number) => string,
): Throttle {
  return { name, look: async (place) => heldAbove(name, await place.ask(measure()), limit, show) }
}
