import type { Dialect, Key, UpdateRow } from '../dialects/dialect.js'
import type { Script } from '../dialects/script.js'
import { refuseStillMatching } from './bulk-writer.js'
import { writeKey } from './cursor.js'
import type { PreparedBackfill } from './prepare-backfill.js'
import { type Decision, undo } from './transaction.js'
import type { Changes, RowFailure, UpdateSet } from './transform.js'

/** What a batch would have done: it was written, looked at and rolled back. */
export interface TrialOutcome {
  readonly written: number
  /** Rows that somebody changed or removed between their read and this write. */
  readonly conflicts: number
  readonly failures: readonly RowFailure[]
}

const mark = 'rowshift_trial'

/**
 * Writes changes as a batch would, without a run and without its checkpoint: the body of a transaction that is always rolled
 * back. Rows that the database refuses are found by halves.
 */
export function* tryChanges(
  dialect: Dialect,
  prepared: PreparedBackfill,
  changes: Changes,
): Script<Decision<TrialOutcome>> {
  const failures = [...changes.failures]
  let [written, conflicts] = [0, 0]

  function* write(set: UpdateSet, rows: readonly UpdateRow[], isGuarded = false): Script<void> {
    if (rows.length === 0) return
    const columns = set.columns.map(({ column }) => column)
    yield* dialect.savepoint(mark)
    try {
      const outcome = yield* dialect.updateRows(prepared.plan, columns, rows)
      refuseStillMatching(prepared, outcome.stillMatching)
      if (outcome.unwritten !== 'unknown' || isGuarded) {
        const missed = outcome.unwritten === 'unknown' ? 0 : outcome.unwritten.length
        yield* dialect.releaseSavepoint(mark)
        conflicts += missed
        written += rows.length - missed
        return
      }
    } catch (error) {
      if (dialect.classifyError(error).class !== 'row') throw error
      yield* back()
      if (rows.length === 1) {
        failures.push(refused(rows[0]!, error))
        return
      }
      const half = Math.ceil(rows.length / 2)
      yield* write(set, rows.slice(0, half), isGuarded)
      yield* write(set, rows.slice(half), isGuarded)
      return
    }
    // The database cannot say which it left out: only rows whose guard holds are written.
    yield* back()
    const guarded = new Set(yield* dialect.lockGuarded(prepared.plan, rows))
    conflicts += rows.length - guarded.size
    const sound = rows.filter((_, i) => guarded.has(i))
    yield* write(set, sound, true)
  }

  function* back(): Script<void> {
    yield* dialect.rollbackToSavepoint(mark)
    yield* dialect.releaseSavepoint(mark)
  }

  function refused(row: UpdateRow, error: unknown): RowFailure {
    const { databaseCode, subject } = dialect.classifyError(error)
    const key: Key = row.slice(0, prepared.info.key.length) as string[]
    const why = [databaseCode, subject].filter((part) => part !== undefined).join(', ')
    return { key: writeKey(key), code: 'ROW_REFUSED', message: `the database refused it${why ? ` (${why})` : ''}` }
  }

  for (const set of changes.sets) yield* write(set, set.rows)
  return undo({ written, conflicts, failures })
}
