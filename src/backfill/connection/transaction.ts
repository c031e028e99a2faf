import type { Dialect, ReadMode, TransactionLimits } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { batchLimits } from './limits.js'

/** How a transaction's body ends: `keep` commits, `undo` rolls back; both return a value. */
export interface Decision<T> {
  readonly isKept: boolean
  readonly value: T
}

export const keep = <T>(value: T): Decision<T> => ({ isKept: true, value })
export const undo = <T>(value: T): Decision<T> => ({ isKept: false, value })

/** The commit was sent and no answer came: whether it happened has to be looked up. */
export class CommitInDoubt extends Error {
  override readonly name = 'CommitInDoubt'
}

/** A rollback failed: nothing is known about the connection any more, so it must be discarded. */
export class ConnectionInDoubt extends Error {
  override readonly name = 'ConnectionInDoubt'
}

/**
 * Where batches are made atomic: in transactions of their own, or under savepoints of a transaction that somebody else began
 * and will end.
 */
export interface Scope {
  readonly isEnclosing: boolean
  wrap<T>(body: Script<Decision<T>>): Script<T>
}

/** Inside somebody else's transaction a plain read may show an old snapshot. */
export const readModeIn = (scope: Scope): ReadMode => (scope.isEnclosing ? 'current' : 'plain')

/** After any error: ROLLBACK, and nothing more is sent in that transaction. */
export function ownTransactions(dialect: Dialect, limits: TransactionLimits): Scope {
  function* wrap<T>(body: Script<Decision<T>>): Script<T> {
    yield* begin(dialect, limits)
    return yield* endWith(dialect, body)
  }
  return { isEnclosing: false, wrap }
}

/** Begins a transaction that a later script ends: only where nobody else can use the connection in between. */
export function* begin(dialect: Dialect, limits: TransactionLimits): Script<void> {
  try {
    yield* dialect.begin(limits)
  } catch (error) {
    yield* rollBack(dialect.rollback(), error)
    throw error
  }
}

/** The rest of a transaction that has begun: the body, then its commit or rollback. */
export function* endWith<T>(dialect: Dialect, body: Script<Decision<T>>): Script<T> {
  let decision: Decision<T>
  try {
    decision = yield* body
  } catch (error) {
    yield* rollBack(dialect.rollback(), error)
    throw error
  }
  if (!decision.isKept) {
    yield* dialect.rollback()
    return decision.value
  }
  try {
    yield* dialect.commit()
  } catch (error) {
    if (dialect.classifyError(error).class === 'connection-lost') {
      throw new CommitInDoubt('the connection broke while a commit was under way', { cause: error })
    }
    yield* rollBack(dialect.rollback(), error)
    throw error
  }
  return decision.value
}

const savepointName = 'rowshift_batch'

export function savepoints(dialect: Dialect): Scope {
  function* wrap<T>(body: Script<Decision<T>>): Script<T> {
    yield* dialect.savepoint(savepointName)
    let decision: Decision<T>
    try {
      decision = yield* body
    } catch (error) {
      yield* rollBack(dialect.rollbackToSavepoint(savepointName), error)
      throw error
    }
    if (!decision.isKept) yield* dialect.rollbackToSavepoint(savepointName)
    yield* dialect.releaseSavepoint(savepointName)
    return decision.value
  }
  return { isEnclosing: true, wrap }
}

function* rollBack(rollback: Script<void>, because: unknown): Script<void> {
  try {
    yield* rollback
  } catch {
    throw new ConnectionInDoubt('a transaction could not be rolled back', { cause: because })
  }
}

/**
 * A script that reads with pinned settings: in a short transaction where settings need one, ended by a rollback, which is one
 * statement and has nothing to undo.
 */
export function* reading<T>(dialect: Dialect, scope: Scope, script: Script<T>): Script<T> {
  if (scope.isEnclosing || !dialect.readsNeedTransaction) return yield* script
  return yield* scope.wrap(undone(script))
}

/**
 * A script of the user's that must not write: in a short transaction that reads only, ended by a rollback, or under a savepoint of the
 * one that encloses it.
 */
export function* readingOnly<T>(dialect: Dialect, { isEnclosing }: Scope, script: Script<T>): Script<T> {
  yield* dialect.beginReadOnly(batchLimits, isEnclosing)
  let value: T
  try {
    value = yield* script
  } catch (error) {
    yield* rollBack(dialect.endReadOnly(isEnclosing), error)
    throw error
  }
  yield* dialect.endReadOnly(isEnclosing)
  return value
}

function* undone<T>(script: Script<T>): Script<Decision<T>> {
  return undo(yield* script)
}

export function* kept<T>(script: Script<T>): Script<Decision<T>> {
  return keep(yield* script)
}
