import type { Session } from '../../adapters/database.js'
import type { Dialect, Key } from '../../dialects/dialect.js'
import type { Scope } from '../connection/transaction.js'
import { writeKey } from '../pages/cursor.js'
import { countMatching } from '../pages/walk-keys.js'
import type { PreparedBackfill } from '../prepare/prepare-backfill.js'

/** Rows whose value in a column a row before them has. */
export interface SharedValues {
  readonly column: string
  readonly rows: number
  /** At most ten. */
  readonly keys: readonly Key[]
}

const keysShown = 10

/** Where no unique index refuses a value that is taken: the columns in which one is there twice. Page by page. */
export async function findShared(
  dialect: Dialect,
  scope: Scope,
  session: Session,
  { work }: PreparedBackfill,
): Promise<readonly SharedValues[]> {
  const found: SharedValues[] = []
  for (const { bound, sharing } of work.form === 'transform' ? work.unindexed : []) {
    const keys: Key[] = []
    const rows = await countMatching(dialect, session, scope, sharing, {
      onMatching: (matching) => keys.push(...matching.slice(0, keysShown - keys.length)),
    })
    if (rows > 0) found.push({ column: bound.column.name, rows, keys })
  }
  return found
}

/** In words, with keys and without contents. */
export const describeShared = ({ column, rows, keys }: SharedValues): string =>
  `${rows === 1 ? '1 row has' : `${rows.toLocaleString('en-US')} rows have`} a value of "${column}" that another row has: keys ${keys.map(writeKey).join(', ')}`
