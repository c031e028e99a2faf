import { createHash } from 'node:crypto'
import type { Database, Session } from '../../adapters/database.js'
import { withFaultsMended } from '../../backfill/connection/mend.js'
import { keep, reading } from '../../backfill/connection/transaction.js'
import { parseTableName, writeTableName } from '../../backfill/definition/table-name.js'
import type { Script } from '../../dialects/script.js'
import type { RecordedVersion } from '../../dialects/state-statements.js'
import type { CatalogueColumn } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { withSession } from '../control/run-control.js'
import { inPlace } from '../in-migration.js'
import { requireVersion } from '../open-state.js'

/**
 * Records, inside a migration, which version a table has now, with its columns as they are at this moment; `undefined` forgets what
 * was recorded. It commits or rolls back with the migration.
 * @throws RowshiftError TABLE_NOT_FOUND
 */
export async function recordVersionInMigration(
  given: Database,
  session: Session,
  record: { readonly table: string; readonly version: string | undefined; readonly migration: string | undefined },
): Promise<void> {
  const name = parseTableName(record.table)
  const table = writeTableName(name)
  await inPlace(given, session, ({ database: { dialect, stateNames }, scope, ...place }) => {
    function* write() {
      const { version, migration } = record
      if (version === undefined) yield* dialect.state.forgetVersion(stateNames, table)
      else {
        const columns = yield* dialect.catalogueColumns(name)
        if (columns.length === 0) throw noTable(table)
        const fingerprint = fingerprintOf(columns)
        yield* dialect.state.recordVersion(stateNames, { table, version, fingerprint, columns, migration })
      }
      return keep(undefined)
    }
    const doing = `recording the version of "${table}"`
    return withFaultsMended({ ...place, scope }, { doing }, (writer) => writer.run(scope.wrap(write())))
  })
}

function noTable(table: string): RowshiftError {
  return new RowshiftError('TABLE_NOT_FOUND', {
    message: `there is no table "${table}" to record a version of. Record it after the table is made.`,
    details: { table },
  })
}

/** Of the columns in any order: to move a column is no change of the rows. */
export function fingerprintOf(columns: readonly CatalogueColumn[]): string {
  const lines = columns.map(({ name, type, isNullable }) => JSON.stringify([name, type, isNullable])).sort()
  return createHash('sha256').update(lines.join('\n')).digest('hex')
}

/** What migrations have recorded; nothing where no state tables are yet. */
export async function readRecordedVersions(database: Database): Promise<readonly RecordedVersion[]> {
  const { dialect, stateNames } = database
  function* read(): Script<readonly RecordedVersion[]> {
    const version = yield* dialect.state.version(stateNames)
    if (version === undefined) return []
    requireVersion(version)
    return yield* dialect.state.recordedVersions(stateNames)
  }
  return withSession(database, { doing: 'reading the recorded versions' }, (session, scope) =>
    session.run(reading(dialect, scope, read())),
  )
}

/** Notes the columns of tables whose version a migration of plain SQL has recorded, so that later changes of them show as drift. */
export async function noteRecordedColumns(database: Database): Promise<void> {
  const { dialect, stateNames } = database
  const bare = (await readRecordedVersions(database)).filter(({ columns }) => columns.length === 0)
  if (bare.length === 0) return
  function* note() {
    for (const { table, version, migration } of bare) {
      const columns = yield* dialect.catalogueColumns(parseTableName(table))
      if (columns.length === 0) continue
      const fingerprint = fingerprintOf(columns)
      yield* dialect.state.recordVersion(stateNames, { table, version, fingerprint, columns, migration })
    }
    return keep(undefined)
  }
  await withSession(database, { doing: 'noting the columns of recorded versions' }, (session, scope) =>
    session.run(scope.wrap(note())),
  )
}
