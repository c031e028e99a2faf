import type { Dialect } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'

const mark = 'rowshift_part'

/**
 * Writes rows under a savepoint. If the database refuses one of them, the two halves are written, and so on: `refused` is told of
 * each row that is to blame, and all others are written. Errors that blame no row are thrown.
 */
export function* byHalves<R>(
  dialect: Dialect,
  rows: readonly R[],
  write: (rows: readonly R[]) => Script<void>,
  refused: (row: R, error: unknown) => void,
): Script<void> {
  if (rows.length === 0) return
  yield* dialect.savepoint(mark)
  try {
    yield* write(rows)
  } catch (error) {
    if (dialect.classifyError(error).class !== 'row') throw error
    yield* dialect.rollbackToSavepoint(mark)
    yield* dialect.releaseSavepoint(mark)
    if (rows.length === 1) return refused(rows[0]!, error)
    const half = Math.ceil(rows.length / 2)
    yield* byHalves(dialect, rows.slice(0, half), write, refused)
    yield* byHalves(dialect, rows.slice(half), write, refused)
    return
  }
  yield* dialect.releaseSavepoint(mark)
}
