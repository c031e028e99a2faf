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
}

/** A database whose statements a test sees, and may stop with an error or a signal. */
export function observe(database: Database, hooks: StatementHooks): Database {
  return { ...database, connect: async (options) => observeSession(await database.connect(options), hooks) }
}

export function observeSession(session: Session, hooks: StatementHooks): Session {
  return { ...session, run: (script) => session.run(observed(script, hooks)) }
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
