import { RowshiftError } from '../../errors/rowshift-error.js'
import type { QueryRunnerLike } from './data-source.js'

/** Query runners with a call in flight, by the call's name. */
const inFlight = new WeakMap<QueryRunnerLike, string>()

/**
 * Runs a call while no other statement may use the query runner. A migration that forgets to await the call goes on to its next
 * statement, at the latest TypeORM's own record that it is done: that statement throws, and the record is not made.
 * ROLLBACK passes, so that TypeORM can clean up.
 */
export async function whileAwaited<T>(queryRunner: QueryRunnerLike, call: string, task: () => Promise<T>): Promise<T> {
  const earlier = inFlight.get(queryRunner)
  if (earlier) throw notAwaited(earlier)
  inFlight.set(queryRunner, call)
  const original = queryRunner.query
  queryRunner.query = (query, ...rest) => {
    if (/^\s*rollback\b/i.test(query)) return original.call(queryRunner, query, ...rest)
    return Promise.reject(notAwaited(call))
  }
  try {
    return await task()
  } finally {
    queryRunner.query = original
    inFlight.delete(queryRunner)
  }
}

function notAwaited(call: string): RowshiftError {
  return new RowshiftError('NOT_AWAITED', {
    message: `${call} was still running when the migration went on. Put \`await\` before it; without it the migration would be recorded as done with nothing migrated.`,
    details: { call },
  })
}
