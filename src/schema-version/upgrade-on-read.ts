import { compare, valid } from 'semver'
import { RowshiftError } from '../errors/rowshift-error.js'
import { fieldsOf } from './fields.js'
import type { History } from './version-history.js'

/* Rows that carry their own version, as an ORM gives them: what happens to one that is read. */

/** How rows of other versions than the code's are read. */
export interface UpgradeOnReadOptions {
  /** Rows of a version that the code does not know yet: pass as they are with a warning in the log (default), or make the read fail. */
  readonly newer?: 'warn' | 'fail'
  /**
   * Writes what was upgraded, unless the row has another version by then: one statement a row, on the connection of the read. It goes by
   * the version alone, so code that changes rows and knows no version can be overtaken. Default false.
   */
  readonly writeBack?: boolean
}

/** The property that holds a row's version, and the version of rows without one. */
export interface VersionProperty {
  readonly property: string
  readonly none: string | undefined
}

/** Rows whose version stands in them. */
export interface VersionedRows {
  /** For people: the entity or model. */
  readonly entity: string
  readonly column: VersionProperty
  /** The version that the code has of them. */
  readonly version: string
  readonly history: History
}

export type VersionedRow = Record<string, unknown>

/**
 * Upgrades a row in place, and tells what it held before: the columns that are something else now, its version among them. Undefined
 * where nothing is to be done, or where it was selected in part, so that it cannot be upgraded.
 * @param warn is told of a row that is newer than the code, unless such rows fail
 * @throws RowshiftError VERSION_NEWER, VERSION_UNKNOWN, VERSION_PATH and what steps throw
 */
export function upgradeRow(
  row: VersionedRow,
  rows: VersionedRows,
  newer: 'warn' | 'fail',
  warn: (message: string) => void,
): VersionedRow | undefined {
  const { column, version, history } = rows
  // Not selected: what version the rest has cannot be told.
  if (row[column.property] === undefined) return undefined
  const from = row[column.property] ?? column.none
  if (from === undefined || from === version) return undefined
  if (typeof from === 'string' && valid(from) && compare(from, version) > 0) {
    const message = `a row of ${rows.entity} has the version ${from}, and this code knows ${history.name} up to ${version}. Deploy the code that wrote it; until then do not save the row.`
    if (newer === 'fail')
      throw new RowshiftError('VERSION_NEWER', { message, details: { found: from, known: version } })
    warn(`rowshift: ${message}`)
    return undefined
  }
  return upgradeInPlace(row, from as string, rows)
}

function upgradeInPlace(row: VersionedRow, from: string, { column, version, history }: VersionedRows) {
  const fields = fieldsOf(history.requireShape(from))
  if ([...fields.names].some((name) => row[name] === undefined)) return undefined
  const upgraded = history.converter(from, version, 'plain').convert(row, undefined) as VersionedRow
  const names = fieldsOf(history.requireShape(version)).names
  const before: VersionedRow = { [column.property]: row[column.property] }
  for (const name of names) {
    if (upgraded[name] === undefined || upgraded[name] === row[name]) continue
    before[name] = row[name]
    row[name] = upgraded[name]
  }
  row[column.property] = version
  return before
}

/** What an upgraded row holds now where it held something else before: what there is to write. */
export function upgradedValues(row: VersionedRow, before: VersionedRow): VersionedRow {
  return Object.fromEntries(Object.keys(before).map((name) => [name, row[name]]))
}

/** Gives a new row the version of the code, unless it states one. */
export function stampNewRow(row: VersionedRow, { column, version }: VersionedRows): void {
  row[column.property] ??= version
}
