import type { Script } from '../dialects/script.js'
import type { NewFailure, Note } from '../dialects/state-statements.js'
import type { BatchOutcome } from './batch/bulk-writer.js'
import { newBatchId } from './batch/checkpoint.js'
import { commit } from './batch/commit-batch.js'
import { settleConflicts } from './batch/conflicts.js'
import { withFaultsMended } from './connection/mend.js'
import { type Decision, keep, reading, undo } from './connection/transaction.js'
import { nameOf, type ShardContext } from './shard-context.js'

/** Notes taken up in one batch: as many as conflicts are settled in one. */
const notesPerBatch = 500

/**
 * Computes the rows anew that others have changed, as their triggers noted: a noted key becomes a conflict, in the transaction that
 * removes the note, and is settled like any other. A note that comes meanwhile has an id of its own and stays.
 *
 * `all`: until no note is left, for when none can come any more. `present`: those that were there, more or less, or writers that
 * are faster than this would keep it for ever.
 */
export async function drainNotes(
  context: ShardContext,
  extent: 'present' | 'all',
): Promise<'drained' | 'claim-lost' | 'stopped' | 'rows-failed'> {
  for (;;) {
    // Those of a worker that died here, too.
    const settled = await settleConflicts(context)
    if (settled !== 'settled') return settled
    const notes = await readNotes(context)
    if (notes.length === 0) return 'drained'
    if (context.stop.aborted) return 'stopped'
    if ((await takeUp(context, notes)).status === 'fenced') return 'claim-lost'
    if (extent === 'present' && notes.length < notesPerBatch) {
      const last = await settleConflicts(context)
      return last === 'settled' ? 'drained' : last
    }
  }
}

function readNotes(context: ShardContext): Promise<readonly Note[]> {
  const { dialect, names, prepared, scope } = context
  const notes = dialect.state.notes
  return withFaultsMended(context, { doing: `reading the changes noted for ${nameOf(context)}` }, (session) =>
    session.run(reading(dialect, scope, notes(names, prepared.definition.name, notesPerBatch))),
  )
}

/** The transaction that makes conflicts of notes. After a range was cut it is refused once, and done at the next round. */
async function takeUp(context: ShardContext, notes: readonly Note[]) {
  const { dialect, hold, names, scope } = context
  const id = newBatchId()
  const keys = [...new Set(notes.map((note) => note.key))]
  const entries = keys.map(
    (key): NewFailure => ({
      key,
      shard: hold.shard,
      state: 'conflict',
      code: 'CONFLICT',
      step: 'write',
      message: 'changed while it was followed',
      attempts: 0,
    }),
  )
  function* body(): Script<Decision<BatchOutcome>> {
    const isHeld = yield* hold.fence(id, { cursor: undefined, add: {} })
    if (!isHeld) return undo({ status: 'fenced' })
    yield* dialect.state.putFailures(names, hold.runId, entries)
    yield* dialect.state.deleteNotes(
      names,
      notes.map((note) => note.id),
    )
    const nothing = { written: 0, skipped: 0, failures: 0, refused: 0 }
    return keep({ status: 'written', ...nothing, conflicts: entries.length })
  }
  return commit(context, id, (session) => session.run(scope.wrap(body())))
}
