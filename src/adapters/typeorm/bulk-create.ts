import { randomUUID } from 'node:crypto'
import { type BulkCreateResult, bulkCreate as createRows } from '../../backfill/bulk/bulk-create.js'
import type { ColumnName } from '../../backfill/definition/columns.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { schemaVersionOf } from '../../schema-version/schema-version.js'
import type { MappedTable } from '../database.js'
import { type BulkRepository, placeOf } from './bulk-repository.js'
import type { ColumnMetadataLike, DataSourceLike, EntityMetadataLike } from './data-source.js'
import { entityColumn } from './entity-columns.js'
import { versionProperty } from './schema-version-column.js'

/** Of another entity, or of one that is embedded, as much as is known. */
type Part<V> = V extends Date | Uint8Array | readonly unknown[]
  ? never
  : V extends object
    ? { readonly [K in ColumnName<V>]?: V[K] }
    : never

/** A row to be created: the entity without what it gets by itself. A relation is given by the other entity, or its key. */
export type BulkCreateRow<E> = { readonly [K in ColumnName<E>]?: E[K] | Part<E[K]> }

export interface BulkCreateOptions<E> {
  /**
   * What happens to a row whose values in these properties, those of a unique index, are taken: `skip` leaves the row that is there as it is,
   * `update` writes the values into it, `fail`, the default, creates nothing.
   */
  readonly onConflict?: { readonly key: readonly (ColumnName<E> & string)[]; readonly do: 'skip' | 'update' | 'fail' }
}

/**
 * Creates rows: one statement for up to 10,000 of those that have the same properties, in the transaction of the repository's manager if
 * one is open, else in one of its own. All are created, or none. A property that is undefined gets the column's default. As TypeORM's
 * `insert` does, it makes UUIDs where the database cannot and fills `@VersionColumn`; subscribers and listeners are not called.
 *
 *   const { keys } = await bulkCreate(dataSource.getRepository(City), [{ name: 'Oslo' }, { name: 'Bergen' }])
 *   keys[1] // { id: 8 }
 *
 * @throws RowshiftError INVALID_VALUE, COLUMN_NOT_FOUND, COLUMN_NOT_WRITABLE, UNIQUE_NEEDS_INDEX, INVALID_USAGE, CONFLICT, ROW_REFUSED,
 * COMMIT_UNKNOWN, DATABASE_ERROR, DATABASE_UNAVAILABLE
 */
export async function bulkCreate<E extends object>(
  repository: BulkRepository<E>,
  rows: readonly BulkCreateRow<E>[],
  { onConflict }: BulkCreateOptions<E> = {},
): Promise<BulkCreateResult<{ readonly [K in ColumnName<E>]?: E[K] }>> {
  const { dataSource, database, enclosing } = await placeOf(repository)
  const { table } = database.mapping(repository.target)
  const metadata = dataSource.getMetadata(repository.target as never)
  if (metadata.treeType !== undefined && metadata.treeType !== 'adjacency-list') {
    throw new RowshiftError('INVALID_USAGE', {
      message: `"${metadata.name}" is a tree whose paths TypeORM keeps (${metadata.treeType}). Create its rows by a TreeRepository.`,
      details: { entity: metadata.name },
    })
  }
  const columns = metadata.columns.filter(({ isVirtualProperty }) => !isVirtualProperty)
  const mapping: MappedTable = {
    table,
    columns: new Map(
      columns.map((column) => [pathOf(column), entityColumn(dataSource, database.dialect, column)] as const),
    ),
  }
  const rowVersion = versionProperty(metadata.target)?.property
  const isInitial = (column: ColumnMetadataLike) => column.isVersion || column.propertyPath === rowVersion
  const initial = new Set(columns.filter(isInitial).map(pathOf))
  const given = rows.map(valuesBy(columns, metadata, dataSource))
  const { keys, ...counts } = await createRows(database, enclosing, { mapping, rows: given, onConflict, initial })
  const isNested = columns.some((column) => pathOf(column).includes('.'))
  return { ...counts, keys: isNested ? keys.map((key) => nested(key)) : keys }
}

/** `address.city`; `country.id` for the column that a relation has without a property of its own. */
function pathOf({ propertyPath, isVirtual, referencedColumn }: ColumnMetadataLike): string {
  return isVirtual && referencedColumn ? `${propertyPath}.${referencedColumn.propertyPath}` : propertyPath
}

type Values = Record<string, unknown>

/** Takes the values of an entity by the paths of its columns; what is no column stays as it is, to be refused. */
function valuesBy(
  columns: readonly ColumnMetadataLike[],
  metadata: EntityMetadataLike,
  dataSource: DataSourceLike,
): (row: object) => Values {
  const paths = columns.flatMap(({ propertyPath, relationMetadata }) => [
    propertyPath,
    relationMetadata?.propertyPath ?? propertyPath,
  ])
  const heads = new Set(paths.map((path) => path.split('.')[0]))
  const cells = columns.map((column) => ({
    path: pathOf(column),
    column,
    start: startOf(column, metadata, dataSource),
  }))
  return (row) => {
    const values: Values = {}
    for (const property of Object.keys(row)) if (!heads.has(property)) values[property] = (row as Values)[property]
    for (const { path, column, start } of cells) {
      const value = column.isDiscriminator ? metadata.discriminatorValue : column.getEntityValue(row)
      values[path] = value === undefined ? start?.() : value
    }
    return values
  }
}

/** What the database does not make by itself. */
function startOf(
  column: ColumnMetadataLike,
  { target }: EntityMetadataLike,
  { driver }: DataSourceLike,
): (() => unknown) | undefined {
  if (column.isVersion) return () => 1
  const { isUUIDGenerationSupported } = driver as { isUUIDGenerationSupported(): boolean }
  if (column.isGenerated && column.generationStrategy === 'uuid' && !isUUIDGenerationSupported.call(driver))
    return randomUUID
  if (versionProperty(target)?.property !== column.propertyPath) return undefined
  const version = schemaVersionOf(target as object)
  return () => version
}

/** `{ 'country.id': 47 }` as it stands in an entity: `{ country: { id: 47 } }`. */
function nested(key: object): object {
  const entity: Record<string, unknown> = {}
  for (const [path, value] of Object.entries(key)) {
    const names = path.split('.')
    const last = names.pop()!
    let inner = entity
    for (const name of names) {
      const next = (inner[name] ?? {}) as Record<string, unknown>
      inner[name] = next
      inner = next
    }
    inner[last] = value
  }
  return entity
}
