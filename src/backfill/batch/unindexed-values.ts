import type { Script } from '../../dialects/script.js'
import { tableText } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { readModeIn } from '../connection/transaction.js'
import type { PreparedBackfill } from '../prepare/prepare-backfill.js'
import type { ChangeSet } from '../transform/change-set.js'
import type { WriterContext } from './bulk-writer.js'

/*
 * Values that `unique` has chosen, where no unique index refuses one that is taken: workers of a run write them one after the other, and
 * each looks once more before it writes.
 */

/** The cause of a refusal that a unique index would have made. */
export class ValueTaken extends Error {}

/** Until the end of the transaction no other worker of the run writes such values. The run comes before the shard, as everywhere. */
export function* awaitTurn({ dialect, names, hold, prepared }: WriterContext): Script<void> {
  if (unindexedOf(prepared).length > 0) yield* dialect.state.lockRun(names, hold.runId)
}

/** @throws RowshiftError ROW_REFUSED where somebody else has a value of the set by now */
export function* refuseTaken({ dialect, prepared, scope }: WriterContext, set: ChangeSet): Script<void> {
  const { info, plan, definition } = prepared
  for (const { bound } of unindexedOf(prepared)) {
    const at = set.columns.indexOf(bound)
    if (at < 0) continue
    const values = set.rows.flatMap((row) => {
      const text = row[info.key.length + plan.read.length + at]
      return text === null || text === undefined ? [] : [{ key: row.slice(0, info.key.length) as string[], text }]
    })
    if (values.length === 0) continue
    const taken = yield* dialect.takenValues(info, bound.column, values, readModeIn(scope))
    if (taken.length === 0) continue
    throw new RowshiftError('ROW_REFUSED', {
      message: `backfill "${definition.name}": a value that was chosen for "${bound.column.name}" of "${tableText(info.table)}" has been taken meanwhile. Nothing of this batch was kept.`,
      details: { backfill: definition.name, column: bound.column.name },
      cause: new ValueTaken(),
    })
  }
}

const unindexedOf = ({ work }: PreparedBackfill) => (work.form === 'transform' ? work.unindexed : [])
