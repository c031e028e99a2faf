import type { Database } from '../adapters/database.js'
import { reading } from '../backfill/connection/transaction.js'
import type { Progress } from '../backfill/progress.js'
import type { Script } from '../dialects/script.js'
import type { Counters, FailureCount, FailureRow, RunRow, ShardRow } from '../dialects/state-statements.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { withSession } from './control/run-control.js'

/** A run as `rowshift status` shows it. */
export interface RunReport {
  readonly run: RunRow
  readonly shards: readonly ShardRow[]
  readonly failures: { readonly conflict: number; readonly failed: number }
  /** Changes noted that are not yet computed anew; undefined = none are followed, or no more. */
  readonly noted: number | undefined
}

/** Where a run stands over all its shards, as its workers would tell it. */
export function progressOf({ run, shards, failures }: RunReport): Progress {
  const sum = (name: keyof Counters) => shards.reduce((total, shard) => total + shard.counters[name], 0)
  return {
    backfill: run.name,
    runId: run.id,
    pass: run.pass,
    scanned: sum('passScanned'),
    estimatedRows: run.estimatedRows,
    written: sum('written'),
    conflicts: sum('conflicts'),
    failures: failures.failed,
  }
}

/** The latest run of every backfill that has been run or scheduled. Empty when there are no state tables yet. */
export async function readStatus(database: Database): Promise<readonly RunReport[]> {
  const { dialect, stateNames } = database
  return withSession(database, { doing: 'reading the status' }, (session, scope) => {
    function* read() {
      if ((yield* dialect.state.version(stateNames)) === undefined) return []
      const reports: RunReport[] = []
      for (const run of yield* dialect.state.latestRuns(stateNames)) reports.push(yield* readReport(database, run))
      return reports
    }
    return session.run(reading(dialect, scope, read()))
  })
}

/**
 * A run by its number.
 * @throws RowshiftError RUN_NOT_FOUND
 */
export async function findRun(database: Database, id: number): Promise<RunRow> {
  const { dialect, stateNames } = database
  return withSession(database, { doing: `reading run ${id}` }, async (session, scope) => {
    function* read() {
      if ((yield* dialect.state.version(stateNames)) === undefined) return undefined
      return yield* dialect.state.lockRun(stateNames, id)
    }
    const run = await session.run(reading(dialect, scope, read()))
    if (run) return run
    throw new RowshiftError('RUN_NOT_FOUND', {
      message: `there is no run ${id}. See \`rowshift status\`.`,
      details: { run: id },
    })
  })
}

export function* readReport({ dialect, stateNames }: Database, run: RunRow): Script<RunReport> {
  const shards = yield* dialect.state.shards(stateNames, run.id)
  const failures = yield* dialect.state.countFailures(stateNames, run.id)
  const noted = run.follow === 'on' ? yield* dialect.state.countNotes(stateNames, run.name) : undefined
  return { run, shards, failures, noted }
}

/** What could not be migrated, and what waits to be read again. */
export interface FailureReport {
  /** undefined when the backfill has never been run. */
  readonly run: RunRow | undefined
  /** Of all of them, the largest group first. */
  readonly counts: readonly FailureCount[]
  /** One page, in an order that stays the same. */
  readonly failures: readonly FailureRow[]
}

/** Failures of a backfill's latest run, a page at a time. */
export async function readFailures(
  database: Database,
  name: string,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<FailureReport> {
  const { dialect, stateNames } = database
  return withSession(database, { doing: `reading the failures of "${name}"` }, (session, scope) => {
    function* read() {
      const isCreated = (yield* dialect.state.version(stateNames)) !== undefined
      const run = isCreated ? yield* dialect.state.latestRun(stateNames, name) : undefined
      if (!run) return { run, counts: [], failures: [] }
      const counts = yield* dialect.state.failureCounts(stateNames, run.id)
      return { run, counts, failures: yield* dialect.state.failures(stateNames, run.id, page) }
    }
    return session.run(reading(dialect, scope, read()))
  })
}
