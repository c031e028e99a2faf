import type { Script } from '../../dialects/script.js'
import { withFaultsMended } from '../connection/mend.js'
import { reading } from '../connection/transaction.js'
import { nameOf, type ShardContext } from '../shard-context.js'

/** How many rows of a run may fail: so many, or a share of the keys looked at. */
export type FailureLimit = { readonly rows: number } | { readonly share: number }

/** Inside a migration, whose next statement may rely on every row. */
export const limitInMigration: FailureLimit = { rows: 0 }

/** In the background, where the gate stays shut anyway until the rows that failed have been replayed. */
export const limitInBackground: FailureLimit = { share: 0.01 }

/** While a run goes on, a share is of at least so many keys: one bad row among the first fifty says nothing about the others. */
const fewestKeys = 1_000

/** How many of so many keys may fail. */
export function tolerated(limit: FailureLimit, keys: number): number {
  return 'rows' in limit ? limit.rows : Math.floor(limit.share * keys)
}

/** Whether a run that goes on has failed too often, over all its shards and workers. */
export async function hasFailedTooOften(context: ShardContext): Promise<boolean> {
  const { dialect, names, hold, scope, failureLimit } = context
  function* count(): Script<boolean> {
    const { failed } = yield* dialect.state.countFailures(names, hold.runId)
    const shards = yield* dialect.state.shards(names, hold.runId)
    const scanned = shards.reduce((sum, { counters }) => sum + counters.scanned, 0)
    return failed > tolerated(failureLimit, Math.max(scanned, fewestKeys))
  }
  return withFaultsMended(context, { doing: `counting the failures of ${nameOf(context)}` }, (session) =>
    session.run(reading(dialect, scope, count())),
  )
}
