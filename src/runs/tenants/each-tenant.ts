import type { DatabaseSource } from '../../adapters/database.js'
import type { ErrorCode } from '../../errors/codes.js'
import type { ListedTenants } from './tenants.js'

/** What became of one tenant. */
export interface TenantOutcome<T> {
  readonly tenant: string
  /**
   * `completed`: by this call or an earlier one. `unfinished`: interrupted, paused, postponed, or completed with failed rows, so that its gate is
   * shut. `not-started`: untouched by this call.
   */
  readonly status: 'completed' | 'failed' | 'unfinished' | 'not-started'
  /** Why it is not completed; null = it is, or was not started. */
  readonly code: ErrorCode | null
  readonly reason: string | null
  /** What was done there; null = nothing came of it, or it was not started. */
  readonly answer: T | null
}

/** What became of all of them: each is in it once, the canary first. */
export interface TenantsReport<T> {
  readonly tenants: readonly TenantOutcome<T>[]
  /** Why no further tenant was begun; null = each was. */
  readonly stopped: { readonly code: ErrorCode; readonly message: string } | null
}

export type TenantEnd<T> = Omit<TenantOutcome<T>, 'tenant' | 'status'> & {
  readonly status: 'completed' | 'failed' | 'unfinished'
}

export interface EachTenant<T> {
  /** Aborted: no further tenant is begun. */
  readonly stop: AbortSignal
  /** True for what writes rows: the canary goes ahead, and failures stop it. Else all are looked at. */
  readonly isCareful: boolean
  /** What is done for one. What it throws concerns all: nothing further is begun, and it is thrown once those under way have ended. */
  readonly task: (tenant: string, database: DatabaseSource) => Promise<TenantEnd<T>>
}

/** Does the same for every tenant: the canary alone, then the others in their order, some at a time, until too many have failed. */
export async function eachTenant<T>(tenants: ListedTenants, each: EachTenant<T>): Promise<TenantsReport<T>> {
  const { names, concurrency } = tenants
  const ends = new Map<string, TenantEnd<T>>()
  const errors: unknown[] = []
  let stopped: TenantsReport<T>['stopped'] = null

  function mayBegin(): boolean {
    if (errors.length > 0 || stopped) return false
    if (each.stop.aborted) stopped = interrupted
    else if (each.isCareful) stopped = objection(tenants, ends)
    return stopped === null
  }

  const waiting = [...names]
  async function work(most: number): Promise<void> {
    for (let begun = 0; begun < most && waiting.length > 0 && mayBegin(); begun++) {
      const name = waiting.shift()!
      try {
        ends.set(name, await each.task(name, tenants.source(name)))
      } catch (error) {
        errors.push(error)
      }
    }
  }

  if (each.isCareful) await work(1)
  await Promise.all(Array.from({ length: concurrency }, () => work(names.length)))
  if (errors.length > 0) throw errors[0]
  const untouched = { status: 'not-started', code: null, reason: null, answer: null } as const
  return { tenants: names.map((tenant) => ({ tenant, ...(ends.get(tenant) ?? untouched) })), stopped }
}

const interrupted = { code: 'RUN_UNFINISHED', message: 'interrupted' } as const

/** Why no further tenant may be begun, by what has become of those tried; null = one may. */
function objection<T>(
  { names, stopRatio }: ListedTenants,
  ends: ReadonlyMap<string, TenantEnd<T>>,
): TenantsReport<T>['stopped'] {
  const [canary] = names
  const first = ends.get(canary!)
  if (first && first.status !== 'completed') {
    const message = `tenant "${canary}" goes ahead of the others and is ${first.status}. Mend it, then begin again: what is completed is left alone.`
    return { code: 'CANARY_NOT_COMPLETED', message }
  }
  const failed = [...ends.values()].filter(({ status }) => status === 'failed').length
  if (ends.size === 0 || failed / ends.size <= stopRatio) return null
  const message = `${failed} of ${ends.size} tenants tried have failed, more than \`stopRatio\` ${stopRatio} allows. Mend them, then begin again: what is completed is left alone.`
  return { code: 'TOO_MANY_TENANTS_FAILED', message }
}
