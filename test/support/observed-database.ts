import type { Database, Session } from '../../src/adapters/database.js'
import type { QueryResult, Script } from '../../src/dialects/script.js'
import type { Statement } from '../../src/dialects/sql.js'

/** What a test does around the statements of rowshift, by their label. Synchronous, as scripts are. */
export interface StatementHooks {
  before?(statement: Statement): void
  after?(statement: Statement, result: QueryResult): void
  /** A statement was refused, or its connection broke. */
  failed?(statement: Statement, error: unknown): void
  /** SQL that is run on the same connection at this point, before anything else can happen on it. */
  inject?(statement: Statement, when: 'before' | 'after'): string | undefined
  /** A script has ended, rolled back if it failed: nothing further happens on its connection until this has. */
  ended?(error: unknown): Promise<void> | undefined
}

/** A database whose statements a test sees, and may stop with an error or a signal. */
export function observe(database: Database, hooks: StatementHooks): Database {
  return { ...database, connect: async (options) => observeSession(await database.connect(options), hooks) }
}

export function observeSession(session: Session, hooks: StatementHooks): Session {
  return {
    ...session,
    async run(script) {
      let failure: unknown
      try {
        return await session.run(observed(script, hooks))
      } catch (error) {
        failure = error
        throw error
      } finally {
        await hooks.ended?.(failure)
      }
    },
  }
}

function* observed<T>(script: Script<T>, hooks: StatementHooks): Script<T> {
  let step = script.next()
  while (!step.done) {
    let result: QueryResult
    try {
      hooks.before?.(step.value)
      yield* injected(step.value, 'before', hooks)
      result = yield step.value
      hooks.after?.(step.value, result)
      yield* injected(step.value, 'after', hooks)
    } catch (error) {
      hooks.failed?.(step.value, error)
      step = script.throw(error)
      continue
    }
    step = script.next(result)
  }
  return step.value
}

function* injected(statement: Statement, when: 'before' | 'after', hooks: StatementHooks): Script<void> {
  const text = hooks.inject?.(statement, when)
  if (text !== undefined) yield { label: 'injected', text, parameters: [] }
}
