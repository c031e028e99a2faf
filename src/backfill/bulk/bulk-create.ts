import type { Database, MappedTable, Session } from '../../adapters/database.js'
import type { Dialect, Key, NewRow } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { type ColumnInfo, type TableInfo, tableText } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { type CreateRows, creationOf, type OnTaken } from '../batch/create-rows.js'
import type { WritePlace } from '../batch/destination.js'
import { enclosedConnections, ownConnections } from '../connection/connections.js'
import { batchLimits, conflictAttempts } from '../connection/limits.js'
import { withFaultsMended } from '../connection/mend.js'
import {
  CommitInDoubt,
  type Decision,
  keep,
  ownTransactions,
  readModeIn,
  savepoints,
  undo,
} from '../connection/transaction.js'
import { type BulkRows, bulkRows, createShapes, type Encode } from './bulk-rows.js'
import { withKnownTable } from './known-table.js'

/** What happens to a row of a bulk create when another one is in the way. */
export interface BulkConflict {
  /** The properties of a unique index. */
  readonly key: readonly string[]
  readonly do: 'skip' | 'update' | 'fail'
}

export interface BulkCreate {
  readonly mapping: MappedTable
  /** By property. A property that is undefined gets the column's default. */
  readonly rows: readonly object[]
  readonly onConflict: BulkConflict | undefined
  /** Properties that are written when a row is created, and never into one that is there. */
  readonly initial: ReadonlySet<string>
}

export interface BulkCreateResult<K = object> {
  /** Rows that are new. */
  readonly created: number
  /** Rows that were there and have the values now. */
  readonly updated: number
  /** Rows that stay as they were, because others were in the way: in the table, or given before or after them. */
  readonly skipped: number
  /** For each row that was given, in their order, the key that it has in the table; of a skipped one, that of the row in its way. */
  readonly keys: readonly K[]
}

/** Rows that have values for the same columns. */
interface Group {
  readonly create: CreateRows
  readonly columns: readonly { readonly property: string; readonly encode: Encode }[]
  readonly keyOf: (key: Key) => object
  readonly rows: NewRow[]
  /** Where each row was among those given. */
  readonly positions: number[]
}

/** So many rows are one statement, if the database takes them in one packet: it stays far below any time limit. */
const statementRows = 10_000

const never = new AbortController().signal

/**
 * Creates rows in one transaction, by one statement for up to 10,000 rows that have values for the same columns.
 * @param enclosing the session of a transaction that is open and takes the rows in; undefined = a connection of its own
 * @throws RowshiftError INVALID_VALUE, COLUMN_NOT_FOUND, COLUMN_NOT_WRITABLE, UNIQUE_NEEDS_INDEX, INVALID_USAGE, CONFLICT, ROW_REFUSED,
 * COMMIT_UNKNOWN, DATABASE_ERROR, DATABASE_UNAVAILABLE
 */
export async function bulkCreate(
  database: Database,
  enclosing: Session | undefined,
  create: BulkCreate,
): Promise<BulkCreateResult> {
  if (create.rows.length === 0) return { created: 0, updated: 0, skipped: 0, keys: [] }
  const { dialect } = database
  const connections = enclosing ? await enclosedConnections(database, enclosing) : ownConnections(database)
  const scope = enclosing ? savepoints(dialect) : ownTransactions(dialect, batchLimits)
  const place = { dialect, mode: readModeIn(scope), journal: undefined }
  const doing = `creating rows of ${tableText(create.mapping.table)}`
  try {
    return await withFaultsMended({ dialect, connections, scope, abort: never }, { doing }, async (session) => {
      const { table } = create.mapping
      const prepare = (info: TableInfo) => groupsOf(info, create)
      const write = (groups: readonly Group[]) => createGroups(place, groups, create.rows.length)
      for (let attempts = conflictAttempts; ; attempts--) {
        try {
          const outcome = await withKnownTable(database, session, scope, table, prepare, write)
          if (outcome !== 'raced') return outcome
          if (attempts === 1) throw contested(create)
        } catch (error) {
          // Done again, what was perhaps committed would be created twice.
          if (error instanceof CommitInDoubt) throw unknownCommit(create, error)
          if (attempts === 1 || !isClashToPass(dialect, create, error)) throw error
        }
      }
    })
  } finally {
    await connections.release()
  }
}

/** Somebody else was quicker to create a row that is skipped or updated once it is seen. */
function isClashToPass(dialect: Dialect, { onConflict }: BulkCreate, error: unknown): boolean {
  if (!onConflict || onConflict.do === 'fail' || error instanceof RowshiftError) return false
  return dialect.classifyError(error).isUniqueViolation
}

function* createGroups(
  place: WritePlace,
  groups: readonly Group[],
  rowCount: number,
): Script<Decision<BulkCreateResult | 'raced'>> {
  const keys = Array<object>(rowCount)
  let created = 0
  let updated = 0
  let skipped = 0
  for (const { create, keyOf, rows, positions } of groups) {
    for (let from = 0; from < rows.length; from += statementRows) {
      const creation = yield* create(place, rows.slice(from, from + statementRows))
      if (creation === 'raced') return undo(creation)
      created += creation.created
      updated += creation.updated
      skipped += creation.skipped
      for (let i = 0; i < creation.keys.length; i++) keys[positions[from + i]!] = keyOf(creation.keys[i]!)
    }
  }
  return keep({ created, updated, skipped, keys })
}

function groupsOf(info: TableInfo, create: BulkCreate): readonly Group[] {
  const { mapping, rows, onConflict } = create
  const bulk = bulkRows('creating rows of', mapping, info)
  const conflictKey = onConflict && conflictKeyOf(bulk, onConflict)
  const keyed = info.key.map((column) => {
    const property = bulk.propertyOf(column)
    return { property, decode: bulk.decoder(property) }
  })
  const keyOf = (key: Key) => {
    const found: Record<string, unknown> = {}
    for (let i = 0; i < keyed.length; i++) found[keyed[i]!.property] = keyed[i]!.decode(key[i]!)
    return found
  }

  const shapeOf = createShapes()
  const groups = new Map<string, Group>()
  for (let position = 0; position < rows.length; position++) {
    const row = rows[position] as Readonly<Record<string, unknown>>
    const { properties, name } = shapeOf(row)
    for (const { property } of keyed) {
      if (row[property] === null)
        bulk.fail(
          'INVALID_VALUE',
          `row ${position} has null for "${property}", its key. Leave it out where the database makes it.`,
        )
    }
    let group = groups.get(name)
    if (!group) {
      if (properties.length === 0) bulk.fail('INVALID_VALUE', `row ${position} has no value for any column.`)
      const missing = onConflict?.key.find((property) => !properties.includes(property))
      if (missing !== undefined)
        bulk.fail(
          'INVALID_VALUE',
          `row ${position} has no "${missing}", by which \`onConflict\` tells rows that are in the way.`,
        )
      const columns = properties.map((property) => bulk.writable(property))
      const onTaken = conflictKey && onTakenOf(create, info, conflictKey, columns)
      group = {
        create: creationOf(info, columns, onTaken, true),
        columns: properties.map((property) => ({ property, encode: bulk.encoder(property) })),
        keyOf,
        rows: [],
        positions: [],
      }
      groups.set(name, group)
    }
    group.rows.push(group.columns.map(({ property, encode }) => encode(row[property], position)))
    group.positions.push(position)
  }
  return [...groups.values()]
}

function conflictKeyOf(bulk: BulkRows, { key }: BulkConflict): readonly ColumnInfo[] {
  const found = bulk.keyedBy(key)
  return (
    found?.key ??
    bulk.fail(
      'UNIQUE_NEEDS_INDEX',
      `\`onConflict.key\` needs a unique index on ${key.join(', ')} and nothing else: without one, two writers could create the same row.`,
    )
  )
}

/** A row that is in the way keeps its own key, and what rows have only when they are new. */
function onTakenOf(
  { mapping, onConflict, initial }: BulkCreate,
  info: TableInfo,
  key: readonly ColumnInfo[],
  columns: readonly ColumnInfo[],
): OnTaken | undefined {
  if (onConflict!.do === 'fail') return undefined
  if (onConflict!.do === 'skip') return { key, overwrites: [] }
  const kept = new Set([...initial].map((property) => mapping.columns.get(property)!.column))
  const overwrites = columns.filter(
    (column) => !key.includes(column) && !info.key.includes(column) && !kept.has(column.name),
  )
  return { key, overwrites }
}

function contested({ mapping }: BulkCreate): RowshiftError {
  const table = tableText(mapping.table)
  return new RowshiftError('CONFLICT', {
    message: `others kept creating or deleting the same rows of "${table}". Nothing was written. Call it again.`,
    details: { table },
    retryable: true,
  })
}

function unknownCommit({ mapping }: BulkCreate, cause: unknown): RowshiftError {
  const table = tableText(mapping.table)
  return new RowshiftError('COMMIT_UNKNOWN', {
    message: `the connection broke while rows of "${table}" were being committed: either all of them are there, or none. Look for one of them, and call it again if it is not there; with \`onConflict\` it may be called again at once.`,
    details: { table },
    cause,
  })
}
