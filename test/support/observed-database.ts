import type { Database, QueryResult, Script, Session } from '../../src/adapters/database.js'
import type { Statement } from '../../src/dialects/sql.js'

/** What a test does around the statements of rowshift, by their label. Synchronous, as scripts are. */
export interface StatementHooks {
  before?(statement: Statement): void
  after?(statement: Statement, result: QueryResult): void
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
      result = yield step.value
      hooks.after?.(step.value, result)
    } catch (error) {
      step = script.throw(error)
      continue
    }
    step = script.next(result)
  }
  return step.value
}
