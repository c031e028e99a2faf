import type { Counters } from '../../dialects/state-statements.js'
import type { PreparedBackfill } from '../prepare/prepare-backfill.js'

/** Rows left as they are still match if there is a `where`; without one they are simply unchanged. */
export function countersOf({ plan }: PreparedBackfill, left: number, scanned: number): Partial<Counters> {
  return {
    scanned,
    passScanned: scanned,
    passLeft: plan.endsWithWrite ? left : 0,
    unchanged: plan.endsWithWrite ? 0 : left,
  }
}
