import type { Dialect } from '../../dialects/dialect.js'
import type { QueryResult, Script } from '../../dialects/script.js'
import type { Statement } from '../../dialects/sql.js'
import { type Fault, inHalves } from '../in-halves.js'

const mark = 'rowshift_part'

/**
 * Writes rows under a savepoint, in halves if the database refuses one of them: `refused` is told of each row that is to blame, and all
 * others are written. Errors that blame no row are thrown.
 */
export function byHalves<R>(
  dialect: Dialect,
  rows: readonly R[],
  write: (rows: readonly R[]) => Script<void>,
  refused: (row: R, error: unknown) => void,
): Script<void> {
  function* attempt(part: readonly R[]): Generator<Statement, Fault | undefined, QueryResult> {
    yield* dialect.savepoint(mark)
    let fault: Fault | undefined
    try {
      yield* write(part)
    } catch (error) {
      if (dialect.classifyError(error).class !== 'row') throw error
      fault = { error }
      yield* dialect.rollbackToSavepoint(mark)
    }
    yield* dialect.releaseSavepoint(mark)
    return fault
  }
  return inHalves(rows, attempt, refused)
}
