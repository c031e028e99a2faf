import type { Database } from '../../adapters/database.js'
import { abortOnAny } from '../../backfill/abort-on-any.js'
import type { Connections } from '../../backfill/connection/connections.js'
import { type Workplace, withFaultsMended } from '../../backfill/connection/mend.js'
import { type Decision, keep, kept, type Scope, undo } from '../../backfill/connection/transaction.js'
import { drainNotes } from '../../backfill/drain.js'
import { startHeartbeat } from '../../backfill/heartbeat.js'
import { Pace } from '../../backfill/pacing.js'
import type { PreparedBackfill } from '../../backfill/prepare/prepare-backfill.js'
import type { Script } from '../../dialects/script.js'
import type { RunRow } from '../../dialects/state-statements.js'
import { type Claimed, claimAlone } from '../shards/claim.js'
import { requireSame } from '../start-run.js'
import { defaultTargetMs } from '../throttle/pace-options.js'
import { requireFollowed } from './follow.js'

export interface DrainOptions {
  readonly database: Database
  readonly prepared: PreparedBackfill
  readonly connections: Connections
  readonly scope: Scope
  readonly run: RunRow
  readonly stop: AbortSignal
  readonly abort: AbortSignal
}

/** How notes are drained: by which claim, and how far. */
export interface Draining {
  /** Whether to take the claim away from a worker that drains. It has committed its batch then, or will be refused. */
  readonly takesOver: boolean
  /** `all`: the gate has seen to it that no further note can come, and may have removed the triggers. */
  readonly extent: 'present' | 'all'
}

/**
 * Computes the rows anew that were noted for a run that follows: while it runs and after it was completed, until its gate. Failures
 * are listed, and shut the gate. `held`: somebody else is at it.
 * @throws RowshiftError FOLLOW_LOST; DEFINITION_CHANGED, TABLE_CHANGED
 */
export async function drainRun(options: DrainOptions, draining: Draining): Promise<'drained' | 'held' | 'stopped'> {
  for (;;) {
    const claim = await transact(options, () => claimDrain(options, draining))
    if (claim === 'held' || claim === 'not-following') return claim === 'held' ? 'held' : 'drained'
    const outcome = await drain(options, claim, draining.extent)
    if (outcome !== 'claim-lost') {
      await transact(options, () => kept(claim.hold.release()))
      return outcome === 'stopped' ? outcome : 'drained'
    }
    if (!draining.takesOver) return 'held'
  }
}

function* claimDrain(
  { database, prepared, run: { id } }: DrainOptions,
  { takesOver, extent }: Draining,
): Script<Decision<Claimed | 'held' | 'not-following'>> {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, id)
  if (run?.follow !== 'on' || (run.status !== 'running' && run.status !== 'completed')) return undo('not-following')
  requireSame(prepared, run)
  if (extent === 'present') yield* requireFollowed(database, prepared, run)
  const claim = yield* claimAlone(database, run, { takesOver })
  return claim === 'held' ? undo(claim) : keep(claim)
}

async function drain(options: DrainOptions, claim: Claimed, extent: Draining['extent']) {
  const { database, prepared, connections, scope } = options
  const lost = new AbortController()
  // In an enclosing transaction nobody else can see the claim.
  const heartbeat = scope.isEnclosing
    ? undefined
    : startHeartbeat(claim.hold, connections, claim.shard.leaseMs, {
        onLost: () => lost.abort(),
        onBeat: async () => undefined,
      })
  try {
    const outcome = await drainNotes(
      {
        dialect: database.dialect,
        names: database.stateNames,
        prepared,
        connections,
        scope,
        hold: claim.hold,
        shard: claim.shard,
        pass: claim.run.pass,
        // Whoever ends the run or opens its gate looks at what is listed.
        failureLimit: { rows: Number.POSITIVE_INFINITY },
        pace: new Pace({ ...prepared.definition, targetMs: defaultTargetMs }),
        admission: { admit: async () => true, refund: () => undefined, mostRows: Number.POSITIVE_INFINITY },
        stop: options.stop,
        abort: abortOnAny(options.abort, lost.signal),
        onBatch: () => undefined,
      },
      extent,
    )
    const isAsked = options.stop.aborted || options.abort.aborted
    return outcome === 'stopped' && !isAsked ? 'claim-lost' : outcome
  } finally {
    heartbeat?.stop()
  }
}

function transact<T>(options: DrainOptions, body: () => Script<Decision<T>>): Promise<T> {
  const { database, connections, scope, abort, prepared } = options
  const place: Workplace = { dialect: database.dialect, connections, scope, abort }
  const doing = `taking up the changes noted for backfill "${prepared.definition.name}"`
  return withFaultsMended(place, { doing }, (session) => session.run(scope.wrap(body())))
}
