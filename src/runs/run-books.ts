import type { Database, Session } from '../adapters/database.js'
import type { Connections } from '../backfill/connection/connections.js'
import { withFaultsMended } from '../backfill/connection/mend.js'
import { kept, reading, type Scope } from '../backfill/connection/transaction.js'
import type { PreparedBackfill } from '../backfill/prepare/prepare-backfill.js'
import type { Script } from '../dialects/script.js'
import type { RunRow, ShardRow } from '../dialects/state-statements.js'
import type { Primary } from './throttle/throttle.js'

/** A run that is worked on, and by what. */
export interface RunAtWork {
  readonly database: Database
  readonly prepared: PreparedBackfill
  readonly connections: Connections
  readonly scope: Scope
  readonly run: RunRow
  /** Aborted: give up the batch in hand too. */
  readonly abort: AbortSignal
}

/** The primary as throttles ask it. */
export function primaryOf(options: RunAtWork): Primary {
  const { database, scope } = options
  return {
    ask: (script) => inTransaction(options, () => reading(database.dialect, scope, script)),
    change: (script) => inTransaction(options, () => scope.wrap(kept(script))),
  }
}

export function shardsOf({ database, run }: RunAtWork): Script<readonly ShardRow[]> {
  return database.dialect.state.shards(database.stateNames, run.id)
}

export function inTransaction<T>(options: RunAtWork, script: () => Script<T>): Promise<T> {
  return inRetry(options, (session) => session.run(script()))
}

/** The run's own bookkeeping: safe to do twice, because every step of it checks where the run stands. */
export function inRetry<T>(options: RunAtWork, task: (session: Session) => Promise<T>): Promise<T> {
  const { database, scope, connections, abort, prepared } = options
  const doing = `keeping the books of backfill "${prepared.definition.name}"`
  return withFaultsMended({ dialect: database.dialect, scope, connections, abort }, { doing }, task)
}
