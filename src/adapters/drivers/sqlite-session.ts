import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { QueryResult, Script } from '../../dialects/script.js'
import type { Session } from '../database.js'
import { createQueue } from '../drive-script.js'
import { type BetterSqlite3Database, connectionOn, LockTaken, type SqliteConnection } from './sqlite-connection.js'

/*
 * SQLite runs in the process, so a script runs in one synchronous go: nothing can come between the statements of a transaction,
 * although an application may have one connection for all it does. Waiting is done outside of transactions only, and with timers:
 * SQLite's own waiting stops the whole process, and with it the transaction that is waited for.
 */

/** How often a lock is asked for, like SQLite's own busy handler (sqliteDefaultBusyCallback). */
const lockPollMs = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100]

/**
 * Tasks one after another, each in a turn of the event loop of its own: SQLite answers at once, so a run would go on for ever in
 * microtasks, and no timer, heartbeat, signal or request of the process would be heard.
 */
export function createTurns(): ReturnType<typeof createQueue> {
  const inTurn = createQueue()
  return (task) =>
    inTurn(async () => {
      await nextTurn()
      return task()
    })
}

/** Runs a script. The `await` is reached outside of transactions only. */
export async function drive<T>(script: Script<T>, connection: SqliteConnection): Promise<T> {
  let step = script.next()
  let polls = 0
  let waitedMs = 0
  while (!step.done) {
    let result: QueryResult
    try {
      result = connection.execute(step.value)
    } catch (error) {
      if (error instanceof LockTaken && waitedMs < error.patienceMs) {
        const pollMs = lockPollMs[Math.min(polls, lockPollMs.length - 1)]!
        await sleep(pollMs)
        polls++
        waitedMs += pollMs
        continue
      }
      step = script.throw(error instanceof LockTaken ? error.busy : error)
      continue
    }
    polls = 0
    waitedMs = 0
    step = script.next(result)
  }
  return step.value
}

/** A session on a connection that is nobody else's. Closed on release, which rolls back what is open. */
export function ownSqliteSession(database: BetterSqlite3Database): Session {
  const connection = connectionOn(database)
  const inTurn = createTurns()
  return {
    isShared: false,
    run: (script) => inTurn(() => drive(script, connection)),
    async release() {
      try {
        database.close()
      } catch {
        // Closed already.
      }
    },
  }
}
