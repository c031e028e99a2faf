import { withFaultsMended } from '../connection/mend.js'
import { reading, readModeIn } from '../connection/transaction.js'
import { nameOf, type ShardContext } from '../shard-context.js'
import type { Changes } from '../transform/transform.js'
import type { UniqueValues } from './unique-values.js'

/** The changes with free values for columns that must be unique, asked of the database outside the batch's transaction. */
export function allotFree(context: ShardContext, unique: UniqueValues, changes: Changes): Promise<Changes> {
  const { dialect, scope } = context
  if (!unique.concerns(changes)) return Promise.resolve(changes)
  const options = { doing: `looking for free values of ${nameOf(context)}`, onFault: () => unique.forget() }
  return withFaultsMended(context, options, (session) =>
    session.run(reading(dialect, scope, unique.allot(changes, readModeIn(scope)))),
  )
}
