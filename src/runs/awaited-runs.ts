import type { Database } from '../adapters/database.js'
import type { Script } from '../dialects/script.js'
import { isWorkedOn } from './shards/is-worked-on.js'

/** How it is with a run that others wait for: `under-way` = somebody works on it, `over` = nobody has to wait for it any more. */
export type Awaited = 'under-way' | 'over' | 'at-rest'

/** Looks at runs that others wait for, whether this process knows their definitions or not. */
export class AwaitedRuns {
  /** By name, how far a run was that nobody held at the last look. */
  readonly #seen = new Map<string, string>()

  constructor(private readonly database: Database) {}

  *look(name: string): Script<Awaited> {
    const { dialect, stateNames } = this.database
    const run = yield* dialect.state.latestRun(stateNames, name)
    if (run?.status === 'completed') {
      const { failed } = yield* dialect.state.countFailures(stateNames, run.id)
      return failed === 0 ? 'over' : 'at-rest'
    }
    if (run?.status !== 'running') return 'at-rest'
    const shards = yield* dialect.state.shards(stateNames, run.id)
    if (isWorkedOn(shards)) return 'under-way'
    // Between two passes nobody holds a shard. Whoever is there takes one at once; of one that was killed nothing moves any more.
    const where = JSON.stringify([run.id, run.pass, ...shards.map(({ seq }) => seq)])
    const isMoving = this.#seen.get(name) !== where
    this.#seen.set(name, where)
    return isMoving ? 'under-way' : 'at-rest'
  }
}
