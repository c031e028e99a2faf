import type { Database, DatabaseSource } from '../../adapters/database.js'
import { collectBackfills } from '../../backfill/definition/collect-backfills.js'
import type { Backfill } from '../../backfill/definition/define-backfill.js'
import type { Sequence } from '../../backfill/definition/sequence.js'
import type { Progress } from '../../backfill/progress.js'
import type { ErrorCode } from '../../errors/codes.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { runInForeground } from '../run-in-foreground.js'
import type { RunResult } from '../run-result.js'
import { checkPace, type PaceOptions } from '../throttle/pace-options.js'
import { wasCompleted } from './completed-before.js'
import { eachTenant, type TenantEnd, type TenantOutcome, type TenantsReport } from './each-tenant.js'
import { listTenants, type Tenants } from './tenants.js'

/** What is told while tenants are worked on; with `concurrency`, of several by turns. */
export type TenantEvent =
  | { readonly type: 'began'; readonly tenant: string }
  | { readonly type: 'progress'; readonly tenant: string; readonly progress: Progress }
  | { readonly type: 'ended'; readonly tenant: string; readonly outcome: TenantOutcome<readonly RunResult[]> }

export interface EachTenantOptions {
  readonly tenants: Tenants
  /** What is run for each: a backfill, or a sequence of them. */
  readonly backfill: Backfill | Sequence
  /** How hard each database may be pressed, and when to wait. Default: batches of 200 ms, and no reason to wait. */
  readonly pace?: PaceOptions
  /** Aborted: the batch in hand is finished, its run left resumable, and no further tenant begun. */
  readonly signal?: AbortSignal
  readonly onEvent?: (event: TenantEvent) => void
}

/**
 * Runs a backfill, or a sequence, to its end for every tenant, in this process: the canary first and alone, then the others, until more of
 * them have failed than `stopRatio` allows. What failed for one is in the report and leaves the others alone. A tenant whose latest run
 * is completed is passed over, so the same call goes on after a crash; an unfinished run goes on from its checkpoint. `answer` has the
 * results of this call's runs.
 *
 * @throws RowshiftError INVALID_CONFIG for tenants that are none, before any database is opened; TENANTS_SHARE_STATE when two of them lead to
 * the same state tables, before anything is done for the second; INVALID_DEFINITION
 */
export async function runEachTenant(options: EachTenantOptions): Promise<TenantsReport<readonly RunResult[]>> {
  const definitions = [...collectBackfills([options.backfill]).values()]
  const { signal = new AbortController().signal, onEvent } = options
  const pace = checkPace(options.pace ?? {})
  const tenants = await listTenants(options.tenants)

  async function runAll(tenant: string, database: Database): Promise<TenantEnd<readonly RunResult[]>> {
    const results: RunResult[] = []
    for (const definition of definitions) {
      if (await wasCompleted(database, definition)) continue
      const onProgress = (progress: Progress) => onEvent?.({ type: 'progress', tenant, progress })
      const result = await runInForeground({ database, definition, stop: signal, pace, onProgress })
      results.push(result)
      const end = endOf(result)
      if (end.status !== 'completed') return { ...end, answer: results }
    }
    return { ...completed, answer: results }
  }

  return eachTenant(tenants, {
    stop: signal,
    isCareful: true,
    async task(tenant, source) {
      onEvent?.({ type: 'began', tenant })
      const end = await inTenant(source, (database) => runAll(tenant, database))
      onEvent?.({ type: 'ended', tenant, outcome: { tenant, ...end } })
      return end
    },
  })
}

const completed = { status: 'completed', code: null, reason: null } as const

async function inTenant(
  source: DatabaseSource,
  task: (database: Database) => Promise<TenantEnd<readonly RunResult[]>>,
): Promise<TenantEnd<readonly RunResult[]>> {
  try {
    const database = await source.open()
    try {
      return await task(database)
    } finally {
      await database.close()
    }
  } catch (error) {
    if (!(error instanceof RowshiftError) || concernsAll.has(error.code)) throw error
    const status = error.code === 'POSTPONED' ? 'unfinished' : 'failed'
    return { status, code: error.code, reason: error.message, answer: null }
  }
}

/** Wrong for every tenant, or for what they are as a whole. */
const concernsAll: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['TENANTS_SHARE_STATE', 'INVALID_CONFIG'])

/** How a run that has ended leaves its tenant: completed only when its gate is open. */
export function endOf(result: RunResult): Omit<TenantEnd<never>, 'answer'> {
  switch (result.status) {
    case 'completed': {
      const { failures } = result.counts
      if (failures === 0) return completed
      return { status: 'unfinished', code: 'ROWS_FAILED', reason: `${failures} rows could not be migrated` }
    }
    case 'failed':
      return { status: 'failed', code: result.code, reason: result.reason }
    case 'unfinished':
      return { status: 'unfinished', code: 'RUN_UNFINISHED', reason: result.reason }
  }
}
