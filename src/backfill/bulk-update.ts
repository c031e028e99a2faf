import type { Database, MappedTable, Session } from '../adapters/database.js'
import type { Dialect, TablePlan, UpdateRow } from '../dialects/dialect.js'
import type { Script } from '../dialects/script.js'
import { type ColumnInfo, type TableInfo, tableText } from '../dialects/table.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { bulkRows } from './bulk-rows.js'
import { enclosedConnections, ownConnections } from './connection/connections.js'
import { batchLimits } from './connection/limits.js'
import { withFaultsMended } from './connection/mend.js'
import { type Decision, keep, ownTransactions, reading, savepoints } from './connection/transaction.js'

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
    return await withFaultsMended(place, { doing: `${doing} ${tableText(update.mapping.table)}` }, async (session) => {
      const info = await session.run(reading(dialect, scope, dialect.introspect(update.mapping.table)))
      const keyed = withKey(info, update)
      const groups = groupsOf(keyed, update)
      return session.run(scope.wrap(writeAll(dialect, keyed, groups, update)))
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
  const keys = info.key.map((column) => bulk.propertyOf(column))
  const seen = new Map<string, number>()
  const groups = new Map<string, Group>()
  for (const [position, row] of update.rows.entries()) {
    const given = Object.entries(row).filter(([, value]) => value !== undefined)
    const values = new Map(given)
    const key = keys.map((property) => {
      const text = bulk.encoded(property, values.get(property), position)
      return text ?? bulk.fail('INVALID_VALUE', `row ${position} has no "${property}", which it is found by.`)
    })
    const earlier = seen.get(JSON.stringify(key))
    if (earlier !== undefined) bulk.fail('INVALID_VALUE', `rows ${earlier} and ${position} have the same key.`)
    seen.set(JSON.stringify(key), position)
    const set = given
      .map(([property]) => property)
      .filter((property) => !keys.includes(property))
      .sort()
    if (set.length === 0) bulk.fail('INVALID_VALUE', `row ${position} has nothing but its key.`)
    const group = groups.get(set.join('\0')) ?? {
      columns: set.map((property) => bulk.writable(property)),
      rows: [],
      positions: [],
    }
    groups.set(set.join('\0'), group)
    group.rows.push([...key, ...set.map((property) => bulk.encoded(property, values.get(property), position))])
    group.positions.push(position)
  }
  return [...groups.values()]
}
