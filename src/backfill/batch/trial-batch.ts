import type { Dialect, UpdateRow } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { refusalOf } from '../connection/retry.js'
import { type Decision, undo } from '../connection/transaction.js'
import { writeKey } from '../pages/cursor.js'
import type { PreparedBackfill, PreparedTransform } from '../prepare/prepare-backfill.js'
import { pickRows } from '../transform/change-set.js'
import type { Changes, RowFailure } from '../transform/transform.js'
import { refuseStillMatching } from './bulk-writer.js'
import { byHalves } from './by-halves.js'

/** What a batch would have done: it was written, looked at and rolled back. */
export interface TrialOutcome {
  readonly written: number
  /** Rows that somebody changed or removed between their read and this write. */
  readonly conflicts: number
  readonly failures: readonly RowFailure[]
}

/**
 * Writes changes as a batch would, without a run and without its checkpoint: the body of a transaction that is always rolled
 * back. Rows that the database refuses are found by halves.
 */
export function* tryChanges(
  dialect: Dialect,
  prepared: PreparedBackfill,
  changes: Changes,
): Script<Decision<TrialOutcome>> {
  const { plan, info } = prepared
  const { destination } = prepared.work as PreparedTransform
  const failures = [...changes.failures]
  let [written, conflicts] = [0, 0]
  for (const set of changes.sets) {
    // Not every database can say which rows it left out, so they are found first.
    const guarded = new Set(yield* dialect.lockGuarded(plan, set.rows))
    conflicts += set.rows.length - guarded.size
    const rows = set.rows.filter((_, i) => guarded.has(i))
    function* write(part: readonly UpdateRow[]): Script<void> {
      const wanted = new Set(part)
      const place = { dialect, mode: 'current', journal: undefined } as const
      const outcome = yield* destination.write(
        place,
        plan,
        pickRows(set, (row) => wanted.has(row)),
        true,
      )
      refuseStillMatching(prepared, outcome.stillMatching)
      written += outcome.written
    }
    yield* byHalves(dialect, rows, write, (row, error) => {
      const key = writeKey(row.slice(0, info.key.length) as string[])
      failures.push({ key, step: 'write', ...refusalOf(dialect, error) })
    })
  }
  return undo({ written, conflicts, failures })
}
