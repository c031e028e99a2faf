import type { Session } from '../adapters/database.js'
import { abortOnAny } from '../backfill/abort-on-any.js'
import { withFaultsMended } from '../backfill/connection/mend.js'
import { type Decision, keep, kept, reading, undo } from '../backfill/connection/transaction.js'
import { startHeartbeat } from '../backfill/heartbeat.js'
import { countMatching } from '../backfill/pages/walk-keys.js'
import type { WrittenSample } from '../backfill/verify/recompute.js'
import { KeySample, type Verification, verifyTable } from '../backfill/verify/verify.js'
import type { Script } from '../dialects/script.js'
import { concludeRun } from './finish-run.js'
import { resultOf } from './read-result.js'
import { inTransaction, type RunAtWork, shardsOf } from './run-books.js'
import type { RunResult } from './run-result.js'
import { isClaimable, type RunStatus } from './run-status.js'
import { type Claimed, claimAlone } from './shards/claim.js'

/** What this worker has met of a pass. */
export class MetKeys {
  scanned = 0
  readonly sample: KeySample

  constructor(
    readonly pass: number,
    sampleSize: number,
  ) {
    this.sample = new KeySample(sampleSize)
  }
}

export interface VerifyOptions {
  readonly met: MetKeys
  /** What this process has written, if it is to be computed again. */
  readonly written: WrittenSample | undefined
  /** Whether the claim was lost the last time. */
  readonly isTooSlow: boolean
}

/**
 * Verifies a run whose shards are all done, and ends it by what was found. One worker does so at a time, under a claim with a lease like a
 * shard's: what it asks may be a burden for the database, and what was found before somebody opened the run again must not end it.
 * `held`: another worker is at it; `not-done`: the run has been opened again, or ended; `claim-lost`: another has taken it over meanwhile.
 */
export async function verifyRun(
  options: RunAtWork,
  { met, written, isTooSlow }: VerifyOptions,
): Promise<RunResult | 'held' | 'not-done' | 'claim-lost'> {
  const { database, scope, connections, run } = options
  const transact = <T>(body: () => Script<Decision<T>>) => inTransaction(options, () => scope.wrap(body()))
  const claim = await transact(() => claimVerification(options, isTooSlow))
  if (claim === 'held' || claim === 'not-done') return claim
  const lost = new AbortController()
  // In an enclosing transaction nobody else can see the claim.
  const heartbeat = scope.isEnclosing
    ? undefined
    : startHeartbeat(claim.hold, connections, claim.shard.leaseMs, {
        onLost: () => lost.abort(),
        onBeat: async () => undefined,
      })
  try {
    const signal = abortOnAny(options.abort, lost.signal)
    const verification = await verify({ ...options, abort: signal }, met, written)
    const ended = await transact(() => concludeRun(database, run.id, verification, claim.hold))
    return ended && isClaimable(ended.status as RunStatus) ? 'claim-lost' : resultOf(options)
  } catch (error) {
    if (scope.isEnclosing) throw error
    if (lost.signal.aborted && !options.abort.aborted) return 'claim-lost'
    // Others need not wait for the lease to run out.
    await transact(() => kept(claim.hold.release())).catch(() => undefined)
    throw error
  } finally {
    heartbeat?.stop()
  }
}

function* claimVerification(
  { database, run: { id } }: RunAtWork,
  isTooSlow: boolean,
): Script<Decision<Claimed | 'held' | 'not-done'>> {
  const { dialect, stateNames } = database
  const run = yield* dialect.state.lockRun(stateNames, id)
  if (run?.status !== 'running') return undo('not-done')
  const shards = yield* dialect.state.shards(stateNames, id)
  if (shards.some(({ status }) => status === 'open')) return undo('not-done')
  const claim = yield* claimAlone(database, run, { isTooSlow })
  return claim === 'held' ? undo(claim) : keep(claim)
}

/** On the connection that reads, so that the one that writes can tell meanwhile that this worker is alive. */
function verify(options: RunAtWork, met: MetKeys, written: WrittenSample | undefined): Promise<Verification> {
  const { database, prepared, scope, abort } = options
  const doing = `verifying backfill "${prepared.definition.name}"`
  return withFaultsMended(
    { ...options, dialect: database.dialect },
    { doing, connection: 'reader' },
    async (session) => {
      const sample = await sampleOfAll(options, session, met)
      const place = { dialect: database.dialect, scope, session, prepared, signal: abort }
      return verifyTable(place, 0, sample.keys, written)
    },
  )
}

/** Where others have met some of the keys, all of them are gone through once more for a sample. */
async function sampleOfAll(options: RunAtWork, session: Session, met: MetKeys): Promise<KeySample> {
  const { database, prepared, scope } = options
  const { sample: size, check } = prepared.definition.verify
  if (!check) return met.sample
  const shards = await session.run(reading(database.dialect, scope, shardsOf(options)))
  if (met.scanned >= shards.reduce((sum, shard) => sum + shard.counters.passScanned, 0)) return met.sample
  const sample = new KeySample(size)
  await countMatching(database.dialect, session, scope, prepared.plan, {
    onKeys(keys) {
      sample.addAll(keys)
    },
  })
  return sample
}
