import { compare } from 'semver'
import type { Database, StatedTable } from '../../adapters/database.js'
import { reading } from '../../backfill/connection/transaction.js'
import { parseTableName, writeTableName } from '../../backfill/definition/table-name.js'
import type { Script } from '../../dialects/script.js'
import type { RecordedVersion, RunRow } from '../../dialects/state-statements.js'
import { type CatalogueColumn, tableText } from '../../dialects/table.js'
import { withSession } from '../control/run-control.js'
import { requireVersion } from '../open-state.js'
import { isActive, type RunStatus } from '../run-status.js'

/**
 * How the code's version of a table stands to what migrations have recorded.
 *
 * | | |
 * |---|---|
 * | `current` | the same version, and the columns are as recorded |
 * | `behind` | the database is older: a gate is shut, or a migration is pending |
 * | `ahead` | the database is newer than the code, or no entity states a version any more |
 * | `drift` | the same version, but columns were changed without a new one |
 * | `unrecorded` | no migration has recorded a version yet |
 */
export type VersionState = 'current' | 'behind' | 'ahead' | 'drift' | 'unrecorded'

/** A table whose version the code states or a migration has recorded. */
export interface VersionReport {
  readonly table: string
  readonly entity: string | undefined
  readonly code: string | undefined
  readonly recorded: RecordedVersion | undefined
  readonly state: VersionState
  /** The columns that were changed without a new version. */
  readonly columns: readonly string[]
  /** The backfill whose run has to be completed before a migration can go on. */
  readonly gate: string | undefined
}

/** Compares the versions in the code with those recorded, and the columns of the tables with both. */
export async function readVersions(database: Database): Promise<readonly VersionReport[]> {
  const { dialect, stateNames } = database
  const stated = new Map(database.statedTables().map((table) => [writeTableName(table.table), table]))
  function* read(): Script<readonly VersionReport[]> {
    const version = yield* dialect.state.version(stateNames)
    if (version !== undefined) requireVersion(version)
    const recorded = version === undefined ? [] : yield* dialect.state.recordedVersions(stateNames)
    const runs = version === undefined ? [] : yield* dialect.state.latestRuns(stateNames)
    const byTable = new Map(recorded.map((one) => [one.table, one]))
    const reports: VersionReport[] = []
    for (const table of new Set([...stated.keys(), ...byTable.keys()])) {
      const code = stated.get(table)
      if (code?.version === undefined && !byTable.has(table)) continue
      const columns = yield* dialect.catalogueColumns(parseTableName(table))
      reports.push(reportOf(table, code, byTable.get(table), columns, runs))
    }
    return reports
  }
  return withSession(database, { doing: 'comparing schema versions' }, (session, scope) =>
    session.run(reading(dialect, scope, read())),
  )
}

function reportOf(
  table: string,
  code: StatedTable | undefined,
  recorded: RecordedVersion | undefined,
  columns: readonly CatalogueColumn[],
  runs: readonly RunRow[],
): VersionReport {
  const drifted = recorded && code?.version === recorded.version ? driftedColumns(code, recorded, columns) : []
  const state = stateOf(code?.version, recorded?.version, drifted)
  const run = runs.find((one) => one.table === tableText(parseTableName(table)) && isActive(one.status as RunStatus))
  return {
    table,
    entity: code?.entity,
    code: code?.version,
    recorded,
    state,
    columns: drifted,
    gate: state === 'behind' ? run?.name : undefined,
  }
}

function stateOf(code: string | undefined, recorded: string | undefined, drifted: readonly string[]): VersionState {
  if (recorded === undefined) return 'unrecorded'
  if (code === undefined) return 'ahead'
  const order = compare(code, recorded)
  if (order !== 0) return order > 0 ? 'behind' : 'ahead'
  return drifted.length > 0 ? 'drift' : 'current'
}

/** Columns that are not as they were recorded, and columns that the code and the table do not agree about. */
function driftedColumns(
  code: StatedTable,
  recorded: RecordedVersion,
  columns: readonly CatalogueColumn[],
): readonly string[] {
  const describe = ({ type, isNullable }: CatalogueColumn) => JSON.stringify([type, isNullable])
  // A migration of plain SQL records a version without columns.
  const noted = recorded.columns.length > 0 ? recorded.columns : columns
  const before = new Map(noted.map((column) => [column.name, describe(column)]))
  const now = new Map(columns.map((column) => [column.name, describe(column)]))
  const nullable = new Map(columns.map((column) => [column.name, column.isNullable]))
  const stated = new Map(code.columns.map((column) => [column.name, column.isNullable]))
  const names = new Set([...before.keys(), ...now.keys(), ...stated.keys()])
  return [...names].filter((name) => before.get(name) !== now.get(name) || nullable.get(name) !== stated.get(name))
}
