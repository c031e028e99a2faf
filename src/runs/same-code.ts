import type { Database } from '../adapters/database.js'
import type { PreparedBackfill } from '../backfill/prepare/prepare-backfill.js'
import type { Script } from '../dialects/script.js'
import type { RunRow } from '../dialects/state-statements.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { requireSame } from './start-run.js'

/**
 * At every claim: the definition and the table are those that the run was started with, and the functions those that it was last
 * worked on with. A stated `revision` is the user's word for what the functions mean, so a change of their text is then only told.
 *
 * The text is not compared with that of the process that scheduled the run: migrations and workers are often built differently. Nor
 * is it for a failed run: somebody has mended it.
 *
 * @throws RowshiftError DEFINITION_CHANGED, TABLE_CHANGED
 */
export function* requireSameCode(
  options: {
    readonly database: Database
    readonly prepared: PreparedBackfill
    readonly acceptsChanged?: boolean | undefined
  },
  run: RunRow,
): Script<void> {
  const { database, prepared, acceptsChanged = false } = options
  const { transformHash, definition } = prepared
  requireSame(prepared, run)
  if (transformHash === undefined || transformHash === run.transformHash) return
  // A failed run is tried again because somebody has mended the rows or the functions.
  const isMended = run.status === 'failed'
  if (run.transformHash !== undefined && !acceptsChanged && !isMended) {
    if (definition.revision === undefined) throw changed(run)
    process.emitWarning(
      `the functions of "${run.name}" have another text than when run ${run.id} was last worked on. Its revision is still ${definition.revision}, so they are taken to mean the same.`,
      { type: 'RowshiftWarning', code: 'TRANSFORM_TEXT_CHANGED' },
    )
  }
  yield database.dialect.state.setTransformHash(database.stateNames, run.id, transformHash)
}

function changed(run: RunRow): RowshiftError {
  return new RowshiftError('DEFINITION_CHANGED', {
    message: `the functions of "${run.name}" are not those that run ${run.id} was last worked on with. If they mean the same (another build, a rename), go on with \`--accept-changed\`, or state \`revision\` in the definition: then only that counts. If they mean something else, \`rowshift cancel ${run.name}\` and run it anew.`,
    details: { backfill: run.name, run: run.id },
  })
}
