import type { Database } from '../adapters/database.js'
import { ownConnections } from '../backfill/connections.js'
import type { BackfillDefinition } from '../backfill/definition.js'
import { readLastKey, readPage } from '../backfill/keyset-reader.js'
import { batchLimits } from '../backfill/limits.js'
import { prepareBackfill } from '../backfill/prepare-backfill.js'
import { ownTransactions, reading } from '../backfill/transaction.js'
import { checkSample, KeySample, type Verification } from '../backfill/verify.js'
import type { Key } from '../dialects/dialect.js'

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
    let remaining = 0
    // Every key is looked at: tokens are left out, and so is nothing but the match.
    const plan = { ...prepared.plan, read: [] }
    const upTo = await session.run(reading(dialect, scope, readLastKey(dialect, plan)))
    let after: Key | undefined
    while (upTo) {
      const page = await session.run(
        reading(dialect, scope, readPage(dialect, plan, { after, upTo, limit: definition.batchRows }, 'plain')),
      )
      remaining += prepared.plan.endsWithWrite ? page.rows.length : 0
      for (const key of page.keys) sample.add(key)
      if (page.isLast) break
      after = page.last
    }
    const checked = await checkSample(dialect, scope, session, prepared, sample.keys)
    return { isPassed: remaining === 0 && checked.refused.length === 0, remaining, ...checked }
  } finally {
    await connections.release()
  }
}
