import type { Database, Session } from '../adapters/database.js'
import { batchLimits } from '../backfill/limits.js'
import { withFaultsMended } from '../backfill/mend.js'
import { keep, ownTransactions, reading } from '../backfill/transaction.js'
import { inPlace } from './in-migration.js'
import { requireVersion } from './open-state.js'

/** Records the version of a table inside a migration; undefined forgets it. */
export async function recordVersionInMigration(
  given: Database,
  session: Session,
  table: string,
  version: string | undefined,
): Promise<void> {
  await inPlace(given, session, (place) =>
    withFaultsMended(place, { doing: `recording the version of "${table}"` }, (writer) =>
      writer.run(
        place.scope.wrap(
          (function* () {
            yield* place.dialect.state.recordVersion(given.stateNames, { table, version })
            return keep(undefined)
          })(),
        ),
      ),
    ),
  )
}

/** The versions that migrations have recorded, by table; none where no state tables are yet. */
export async function recordedVersions(database: Database): Promise<ReadonlyMap<string, string>> {
  const { dialect, stateNames } = database
  const session = await database.connect()
  try {
    const scope = ownTransactions(dialect, batchLimits)
    return await session.run(
      reading(
        dialect,
        scope,
        (function* () {
          const version = yield* dialect.state.version(stateNames)
          if (version === undefined) return new Map<string, string>()
          requireVersion(version)
          return yield* dialect.state.recordedVersions(stateNames)
        })(),
      ),
    )
  } finally {
    await session.release()
  }
}
