import type { Script } from '../../dialects/script.js'
import type { RowshiftError } from '../../errors/rowshift-error.js'
import { type Decision, readModeIn, savepoints } from '../connection/transaction.js'
import type { PreparedTransform } from '../prepare/prepare-backfill.js'
import type { ShardContext } from '../shard-context.js'
import { type Batch, type BatchOutcome, decided, writeBatch } from './bulk-writer.js'
import { type CommitOutcome, commit } from './commit-batch.js'
import { ValueTaken } from './unindexed-values.js'
import type { UniqueValues } from './unique-values.js'

/** Attempts at values that were taken by others between the question and the write, after as many halvings as there are. */
export const uniqueAttempts = 5

/** Whether a batch was refused because somebody else has taken one of its values, as far as that can be told. */
export function isClash({ dialect }: ShardContext, { destination }: PreparedTransform, error: RowshiftError): boolean {
  if (error.cause instanceof ValueTaken) return true
  return destination.mayClash && dialect.classifyError(error.cause).isUniqueViolation
}

/**
 * Chooses values and writes them in one transaction, in which no other worker that has met a clash chooses any for this run. What the
 * application takes between the two still refuses the batch: the smaller it is, the less time there is for that.
 */
export function commitAllotted(
  context: ShardContext,
  unique: UniqueValues,
  batchId: string,
  /** Changes whose values have not been chosen yet. */
  batchAt: (attempt: number) => Omit<Batch, 'id'>,
): Promise<CommitOutcome> {
  let attempt = 0
  return commit(context, batchId, (session) => {
    // What a batch that was rolled back counted as given is free again.
    if (attempt > 0) unique.forget()
    const batch = { ...batchAt(++attempt), id: batchId }
    return session.run(context.scope.wrap(allotAndWrite(context, unique, batch)))
  })
}

function* allotAndWrite(context: ShardContext, unique: UniqueValues, batch: Batch): Script<Decision<BatchOutcome>> {
  const { dialect, hold, names, scope } = context
  // Before the shard, as everywhere.
  yield* dialect.state.lockRun(names, hold.runId)
  const { sets } = yield* unique.allot({ sets: batch.sets, failures: [], left: 0 }, readModeIn(scope))
  return yield* decided(writeBatch({ ...context, scope: savepoints(dialect) }, { ...batch, sets }))
}
