import type { Session } from '../../adapters/database.js'
import type { Dialect, Key, TablePlan } from '../../dialects/dialect.js'
import { reading, readModeIn, type Scope } from '../connection/transaction.js'
import { readLastKey, readPage } from './keyset-reader.js'

/** Keys a statement looks at: many, as nothing but the match is read, and few enough for any time limit. */
const keysPerPage = 10_000

/**
 * Counts the rows that match `where`, page by page, so that no statement runs longer than a page takes, however large the table.
 * Stops counting above `limit`; `onKeys` is told all keys met, `onMatching` those of rows that match.
 */
export async function countMatching(
  dialect: Dialect,
  session: Session,
  scope: Scope,
  plan: TablePlan,
  options: {
    readonly limit?: number
    readonly onKeys?: (keys: readonly Key[]) => void
    readonly onMatching?: (keys: readonly Key[]) => void
  } = {},
): Promise<number> {
  const { limit = Number.POSITIVE_INFINITY, onKeys = () => undefined, onMatching = () => undefined } = options
  const matchOnly = { ...plan, read: [] }
  // On MySQL this locks the rows, which keeps writers out until the contract that follows, as LOCK TABLE does elsewhere.
  const mode = readModeIn(scope)
  const upTo = await session.run(reading(dialect, scope, readLastKey(dialect, matchOnly, mode)))
  let matching = 0
  let after: Key | undefined
  while (upTo && matching <= limit) {
    const range = { after, upTo, limit: keysPerPage }
    const page = await session.run(reading(dialect, scope, readPage(dialect, matchOnly, range, mode)))
    matching += page.rows.length
    onKeys(page.keys)
    onMatching(page.rows.map(({ key }) => key))
    if (page.isLast) break
    after = page.last
  }
  return matching
}
