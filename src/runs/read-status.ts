import type { Database } from '../adapters/database.js'
import { batchLimits } from '../backfill/limits.js'
import { ownTransactions, reading } from '../backfill/transaction.js'
import type { FailureRow, RunRow, ShardRow } from '../dialects/state-statements.js'
import { withSession } from './run-control.js'

/** A run as `rowshift status` shows it. */
export interface RunReport {
  readonly run: RunRow
  readonly shards: readonly ShardRow[]
  readonly failures: { readonly conflict: number; readonly failed: number }
}

/** The latest run of every backfill that has been run or scheduled. Empty when there are no state tables yet. */
export async function readStatus(database: Database): Promise<readonly RunReport[]> {
  const { dialect, stateNames } = database
  return withSession(database, (session) => {
    const scope = ownTransactions(dialect, batchLimits)
    function* read() {
      if ((yield* dialect.state.version(stateNames)) === undefined) return []
      const reports: RunReport[] = []
      for (const run of yield* dialect.state.latestRuns(stateNames)) {
        const shards = yield* dialect.state.shards(stateNames, run.id)
        reports.push({ run, shards, failures: yield* dialect.state.countFailures(stateNames, run.id) })
      }
      return reports
    }
    return session.run(reading(dialect, scope, read()))
  })
}

/** Failures of a backfill's latest run, a page at a time, in an order that stays the same. */
export async function readFailures(
  database: Database,
  name: string,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<{ readonly run: RunRow | undefined; readonly failures: readonly FailureRow[] }> {
  const { dialect, stateNames } = database
  return withSession(database, (session, scope) => {
    function* read() {
      if ((yield* dialect.state.version(stateNames)) === undefined) return { run: undefined, failures: [] }
      const run = yield* dialect.state.latestRun(stateNames, name)
      const failures = run ? yield* dialect.state.failures(stateNames, run.id, page) : []
      return { run, failures }
    }
    return session.run(reading(dialect, scope, read()))
  })
}
