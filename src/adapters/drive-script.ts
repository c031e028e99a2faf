import type { QueryResult, Script } from '../dialects/script.js'
import type { Statement } from '../dialects/sql.js'

/** Runs a script over a connection that answers later. Errors are thrown into the script, which may roll back. */
export async function driveScript<T>(
  script: Script<T>,
  execute: (statement: Statement) => Promise<QueryResult>,
): Promise<T> {
  let step = script.next()
  while (!step.done) {
    let result: QueryResult
    try {
      result = await execute(step.value)
    } catch (error) {
      step = script.throw(error)
      continue
    }
    step = script.next(result)
  }
  return step.value
}

/** Runs a script over a connection that answers at once, without ever giving other code a turn. */
export function driveScriptNow<T>(script: Script<T>, execute: (statement: Statement) => QueryResult): T {
  let step = script.next()
  while (!step.done) {
    let result: QueryResult
    try {
      result = execute(step.value)
    } catch (error) {
      step = script.throw(error)
      continue
    }
    step = script.next(result)
  }
  return step.value
}

/** Lets tasks on one connection run one after another, in the order they came. */
export function createQueue(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (task) => {
    const next = last.then(task, task)
    last = next.catch(() => undefined)
    return next
  }
}
