import type { Script } from '../dialects/script.js'
import type { ShardContext } from './shard-context.js'

/** Takes over what the run has been told about its pace while it goes on (`rowshift set`). */
export function* takePace({ dialect, hold, names, pace, scope }: ShardContext): Script<void> {
  // Nobody outside sees a run inside somebody else's transaction, let alone changes it.
  if (scope.isEnclosing) return
  const askedAt = performance.now()
  const told = yield* dialect.state.pace(names, hold.runId)
  pace.answered(performance.now() - askedAt)
  pace.override(told)
}
