import type { Session } from '../../adapters/database.js'
import type { Key } from '../../dialects/dialect.js'
import { withFaultsMended } from '../connection/mend.js'
import { faultOf } from '../connection/retry.js'
import { CommitInDoubt, kept } from '../connection/transaction.js'
import { readKey } from '../pages/cursor.js'
import { nameOf, type ShardContext } from '../shard-context.js'
import { type Batch, type BatchOutcome, writeBatch } from './bulk-writer.js'

/** A batch is refused as a whole when its worker has lost the shard, or the end of its range: the new end is then known. */
export type CommitOutcome = BatchOutcome | { readonly status: 'cut'; readonly upTo: Key }

/** A batch with its faults: retried while they are transient, looked up where a commit got no answer. */
export async function commitBatch(context: ShardContext, batch: Batch): Promise<CommitOutcome> {
  return commit(context, batch.id, (session) => session.run(writeBatch(context, batch)))
}

/** The same with half of the rows, half of these and so on at each further attempt: what was too much at once may pass in parts. */
export async function commitShrinking(
  context: ShardContext,
  batchId: string,
  batchAt: (attempt: number) => Omit<Batch, 'id'>,
): Promise<CommitOutcome> {
  let attempt = 0
  return commit(context, batchId, (session) => session.run(writeBatch(context, { ...batchAt(++attempt), id: batchId })))
}

/** The same for anything that ends in one commit of a batch with this id. */
export async function commit(
  context: ShardContext,
  batchId: string,
  write: (session: Session) => Promise<BatchOutcome>,
): Promise<CommitOutcome> {
  const { hold, scope } = context
  let isInDoubt = false
  const halve = halving(context)
  const onFault = (error: unknown) => {
    if (error instanceof CommitInDoubt) isInDoubt = true
    halve(error)
  }
  const doing = `writing a batch of ${nameOf(context)}`
  const outcome = await withFaultsMended(context, { doing, onFault }, async (session): Promise<BatchOutcome> => {
    if (isInDoubt) {
      const answer = await session.run(scope.wrap(kept(hold.wasCommitted(batchId))))
      if (answer === 'claim-lost') return { status: 'fenced' }
      // Its counts are in the table; conflicts it may have met there are looked for.
      if (answer === 'committed')
        return { status: 'written', written: 0, skipped: 0, conflicts: 1, failures: 0, refused: 0 }
      isInDoubt = false
    }
    return write(session)
  })
  if (outcome.status === 'written') hold.committed()
  return outcome.status === 'fenced' ? whyFenced(context) : outcome
}

async function whyFenced(context: ShardContext): Promise<CommitOutcome> {
  const { hold, scope } = context
  const doing = `looking at the checkpoint of ${nameOf(context)}`
  const shard = await withFaultsMended(context, { doing }, (session) => session.run(scope.wrap(kept(hold.adopt()))))
  return shard?.upperKey === undefined ? { status: 'fenced' } : { status: 'cut', upTo: readKey(shard.upperKey) }
}

/** Makes the batches after this one smaller when it meets a fault that may pass: once, however often it is tried again. */
export function halving({ dialect, pace }: ShardContext): (error: unknown) => void {
  let isHalved = false
  return (error) => {
    const fault = faultOf(dialect, error)
    if (isHalved || (fault !== 'transient' && fault !== 'connection-lost')) return
    isHalved = true
    pace.halve()
  }
}
