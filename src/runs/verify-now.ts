import type { Database } from '../adapters/database.js'
import { ownConnections } from '../backfill/connection/connections.js'
import { batchLimits } from '../backfill/connection/limits.js'
import { ownTransactions, reading } from '../backfill/connection/transaction.js'
import type { BackfillDefinition } from '../backfill/definition/definition.js'
import { countMatching } from '../backfill/pages/walk-keys.js'
import { prepareBackfill } from '../backfill/prepare/prepare-backfill.js'
import { KeySample, type Verification, verifyTable } from '../backfill/verify/verify.js'
import type { Script } from '../dialects/script.js'
import type { RunStatus } from './run-status.js'

/** What is found now, and what the latest run was ended by. */
export interface VerifyReport {
  readonly now: Verification
  readonly stored: StoredVerification | undefined
}

export interface StoredVerification extends Verification {
  readonly runId: number
  readonly status: RunStatus
  /** When the run ended, ISO 8601 in UTC by the database's clock. */
  readonly at: string | undefined
}

const never = new AbortController().signal

/**
 * Checks a table as it is now, whatever its runs say: how many rows still match, page by page, `verify.check` on a sample, and
 * the assertions of `verify.after`; and gives back what the latest run has stored. Reads only.
 */
export async function verifyNow(database: Database, definition: BackfillDefinition): Promise<VerifyReport> {
  const { dialect } = database
  const connections = ownConnections(database)
  const scope = ownTransactions(dialect, batchLimits)
  try {
    const session = await connections.writer()
    const prepared = await session.run(reading(dialect, scope, prepareBackfill(database, definition)))
    const sample = new KeySample(definition.verify.sample)
    const matching = await countMatching(dialect, session, scope, prepared.plan, {
      onKeys(keys) {
        sample.addAll(keys)
      },
    })
    // Without a `where` that a write ends, every row matches and none is left to do.
    const remaining = prepared.plan.endsWithWrite ? matching : 0
    const place = { dialect, scope, session, prepared, signal: never }
    const now = await verifyTable(place, remaining, sample.keys, undefined)
    return { now, stored: await session.run(reading(dialect, scope, storedOf(database, definition.name))) }
  } finally {
    await connections.release()
  }
}

function* storedOf({ dialect, stateNames }: Database, name: string): Script<StoredVerification | undefined> {
  if ((yield* dialect.state.version(stateNames)) === undefined) return undefined
  const run = yield* dialect.state.latestRun(stateNames, name)
  if (!run?.verification) return undefined
  const verification = JSON.parse(run.verification) as Verification
  return { runId: run.id, status: run.status as RunStatus, at: run.finishedAt, ...verification }
}
