import type { Database, MappedTable, Session } from '../../adapters/database.js'
import type { Dialect, TablePlan, UpdateRow } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { type ColumnInfo, type TableInfo, tableText } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { enclosedConnections, ownConnections } from '../connection/connections.js'
import { batchLimits } from '../connection/limits.js'
import { withFaultsMended } from '../connection/mend.js'
import { type Decision, keep, ownTransactions, savepoints } from '../connection/transaction.js'
import { bulkRows, createShapes, type Encode } from './bulk-rows.js'
import { withKnownTable } from './known-table.js'

/** Different values for different rows, each found by its key. */
export interface BulkUpdate {
  readonly mapping: MappedTable
  /** By property. A property that is undefined is left as it is. */
  readonly rows: readonly object[]
  /** The properties that rows are found by, which must be unique; undefined = the primary key. */
  readonly key: readonly string[] | undefined
  /** What becomes of the call when a row is not there: `error` writes nothing, `skip` writes the others. */
  readonly missing: 'error' | 'skip'
}

export interface BulkUpdateResult {
  /** Rows that were found and have the values now. */
  readonly updated: number
  /** Positions of the rows that were not found. */
  readonly missing: readonly number[]
}

/** Rows that have values for the same columns: one statement writes them. */
interface Group {
  readonly columns: readonly ColumnInfo[]
  readonly values: readonly { readonly property: string; readonly encode: Encode }[]
  readonly rows: UpdateRow[]
  /** Where each row was among those given. */
  readonly positions: number[]
}

const never = new AbortController().signal

const doing = 'updating rows of'

/**
 * Updates rows by their keys in one transaction: one statement for all rows that set the same columns.
 * @param enclosing the session of a transaction that is open and takes the update in; undefined = a connection of its own
 * @throws RowshiftError ROW_NOT_FOUND, INVALID_VALUE, COLUMN_NOT_FOUND, COLUMN_NOT_WRITABLE, KEY_NOT_UNIQUE, KEY_WRITTEN, ROW_REFUSED,
 * DATABASE_ERROR, DATABASE_UNAVAILABLE
 */
export async function bulkUpdate(
  database: Database,
  enclosing: Session | undefined,
  update: BulkUpdate,
): Promise<BulkUpdateResult> {
  if (update.rows.length === 0) return { updated: 0, missing: [] }
  const { dialect } = database
  const connections = enclosing ? await enclosedConnections(database, enclosing) : ownConnections(database)
  const scope = enclosing ? savepoints(dialect) : ownTransactions(dialect, batchLimits)
  const place = { dialect, connections, scope, abort: never }
  try {
    const { table } = update.mapping
    return await withFaultsMended(place, { doing: `${doing} ${tableText(table)}` }, (session) => {
      const prepare = (info: TableInfo) => {
        const keyed = withKey(info, update)
        return { keyed, groups: groupsOf(keyed, update) }
      }
      return withKnownTable(database, session, scope, table, prepare, ({ keyed, groups }) =>
        writeAll(dialect, keyed, groups, update),
      )
    })
  } finally {
    await connections.release()
  }
}

function* writeAll(
  dialect: Dialect,
  info: TableInfo,
  groups: readonly Group[],
  update: BulkUpdate,
): Script<Decision<BulkUpdateResult>> {
  const plan: TablePlan = { info, read: [], where: undefined, endsWithWrite: false }
  const missing: number[] = []
  for (const { columns, rows, positions } of groups) {
    // Locked first, because not every database can say which rows an update has left out.
    const found = new Set(yield* dialect.lockGuarded(plan, rows))
    missing.push(...positions.filter((_, i) => !found.has(i)))
    const present = rows.filter((_, i) => found.has(i))
    if (present.length > 0) yield* dialect.updateRows(plan, columns, present)
  }
  missing.sort((a, b) => a - b)
  if (missing.length > 0 && update.missing === 'error') throw notFound(update, missing)
  return keep({ updated: update.rows.length - missing.length, missing })
}

function notFound({ mapping, rows }: BulkUpdate, missing: readonly number[]): RowshiftError {
  const table = tableText(mapping.table)
  return new RowshiftError('ROW_NOT_FOUND', {
    message: `${missing.length} of ${rows.length} rows are not in "${table}", the first of them at position ${missing[0]}. Nothing was written. Leave them out, or pass \`missing: 'skip'\` to update the others.`,
    details: { table, missing: missing.slice(0, 100) },
  })
}

/** The table with the columns that rows are found by as its key. */
function withKey(info: TableInfo, update: BulkUpdate): TableInfo {
  const { key } = update
  if (!key) return info
  const bulk = bulkRows(doing, update.mapping, info)
  return (
    bulk.keyedBy(key) ??
    bulk.fail(
      'KEY_NOT_UNIQUE',
      `${key.join(', ')} are not the columns of a unique index, so one entry could be many rows.`,
    )
  )
}

function groupsOf(info: TableInfo, update: BulkUpdate): readonly Group[] {
  const bulk = bulkRows(doing, update.mapping, info)
  const keys = info.key.map((column) => {
    const property = bulk.propertyOf(column)
    return { property, encode: bulk.encoder(property) }
  })
  const isKey = new Set(keys.map(({ property }) => property))
  const shapeOf = createShapes()
  const seen = new Map<string, number>()
  const groups = new Map<string, Group>()
  for (let position = 0; position < update.rows.length; position++) {
    const row = update.rows[position] as Readonly<Record<string, unknown>>
    const key = keys.map(
      ({ property, encode }) =>
        encode(row[property], position) ??
        bulk.fail('INVALID_VALUE', `row ${position} has no "${property}", which it is found by.`),
    )
    const written = JSON.stringify(key)
    const earlier = seen.get(written)
    if (earlier !== undefined) bulk.fail('INVALID_VALUE', `rows ${earlier} and ${position} have the same key.`)
    seen.set(written, position)
    const { properties, name } = shapeOf(row)
    let group = groups.get(name)
    if (!group) {
      const set = properties.filter((property) => !isKey.has(property))
      if (set.length === 0) bulk.fail('INVALID_VALUE', `row ${position} has nothing but its key.`)
      group = {
        columns: set.map((property) => bulk.writable(property)),
        values: set.map((property) => ({ property, encode: bulk.encoder(property) })),
        rows: [],
        positions: [],
      }
      groups.set(name, group)
    }
    group.rows.push([...key, ...group.values.map(({ property, encode }) => encode(row[property], position))])
    group.positions.push(position)
  }
  return [...groups.values()]
}
