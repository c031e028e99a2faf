import type { Session } from '../adapters/database.js'
import { type Batch, type BatchOutcome, writeBatch } from './bulk-writer.js'
import { databaseError, faultOf, withRetry } from './retry.js'
import type { ShardContext } from './shard-context.js'
import { CommitInDoubt, kept } from './transaction.js'

/** A batch with its faults: retried while they are transient, looked up where a commit got no answer. */
export async function commitBatch(context: ShardContext, batch: Batch): Promise<BatchOutcome> {
  return commit(context, batch.id, (session) => session.run(writeBatch(context, batch)))
}

/** The same for anything that ends in one commit of a batch with this id. */
export async function commit(
  context: ShardContext,
  batchId: string,
  write: (session: Session) => Promise<BatchOutcome>,
): Promise<BatchOutcome> {
  const { hold, scope, connections } = context
  let isInDoubt = false
  const outcome = await withFaultsMended(
    context,
    'writing a batch',
    async (): Promise<BatchOutcome> => {
      const session = await connections.writer()
      if (isInDoubt) {
        const answer = await session.run(scope.wrap(kept(hold.wasCommitted(batchId))))
        if (answer === 'claim-lost') return { status: 'fenced' }
        // Its counts are in the table; conflicts it may have met there are looked for.
        if (answer === 'committed') return { status: 'written', written: 0, skipped: 0, conflicts: 1, failures: 0 }
        isInDoubt = false
      }
      return write(session)
    },
    (error) => {
      if (error instanceof CommitInDoubt) isInDoubt = true
    },
  )
  if (outcome.status === 'written') hold.committed()
  return outcome
}

/** Retries what may pass; in an enclosing transaction nothing may, because its earlier work is lost with it. */
export async function withFaultsMended<T>(
  context: ShardContext,
  doing: string,
  task: () => Promise<T>,
  onFault: (error: unknown) => void = () => undefined,
): Promise<T> {
  const { dialect, connections, scope } = context
  const noted = async () => {
    try {
      return await task()
    } catch (error) {
      onFault(error)
      throw error
    }
  }
  try {
    if (scope.isEnclosing) return await noted()
    return await withRetry(dialect, noted, {
      signal: context.abort,
      async onRetry(error) {
        if (faultOf(dialect, error) === 'connection-lost' && !(await connections.discard())) throw error
      },
    })
  } catch (error) {
    throw databaseError(dialect, error, `${doing} of backfill "${context.prepared.definition.name}"`)
  }
}
