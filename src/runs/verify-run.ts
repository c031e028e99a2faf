import type { Database } from '../adapters/database.js'
import { ownConnections } from '../backfill/connections.js'
import type { BackfillDefinition } from '../backfill/definition/definition.js'
import { batchLimits } from '../backfill/limits.js'
import { prepareBackfill } from '../backfill/prepare-backfill.js'
import { ownTransactions, reading } from '../backfill/transaction.js'
import { checkSample, KeySample, type Verification } from '../backfill/verify.js'
import { countMatching } from '../backfill/walk-keys.js'

/**
 * Checks a table as it is now, whatever its runs say: how many rows still match, page by page, and `verify.check` on a sample.
 * Reads only.
 */
export async function verifyNow(database: Database, definition: BackfillDefinition): Promise<Verification> {
  const { dialect } = database
  const connections = ownConnections(database)
  const scope = ownTransactions(dialect, batchLimits)
  try {
    const session = await connections.writer()
    const prepared = await session.run(reading(dialect, scope, prepareBackfill(database, definition)))
    const sample = new KeySample(definition.verify.sample)
    const matching = await countMatching(dialect, session, scope, prepared.plan, {
      onKeys(keys) {
        for (const key of keys) sample.add(key)
      },
    })
    // Without a `where` that a write ends, every row matches and none is left to do.
    const remaining = prepared.plan.endsWithWrite ? matching : 0
    const checked = await checkSample(dialect, scope, session, prepared, sample.keys)
    return { isPassed: remaining === 0 && checked.refused.length === 0, remaining, ...checked }
  } finally {
    await connections.release()
  }
}
