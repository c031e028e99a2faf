import { type BulkUpdateResult, bulkUpdate as updateRows } from '../../backfill/bulk/bulk-update.js'
import type { ColumnName } from '../../backfill/definition/columns.js'
import { type BulkRepository, placeOf } from './bulk-repository.js'

export interface BulkUpdateOptions<E> {
  /** Properties of a unique index that rows are found by, where it is not the primary key. */
  readonly key?: readonly (ColumnName<E> & string)[]
  /** What happens when a row is not there: `error`, the default, writes nothing; `skip` updates the others. */
  readonly missing?: 'error' | 'skip'
}

/**
 * Updates rows with different values for each, by their keys: one statement, in the transaction of the repository's manager if one is
 * open. A property that is undefined is left as it is; nothing else is written, `@UpdateDateColumn` and `@VersionColumn` included, and
 * subscribers are not called.
 *
 *   await bulkUpdate(dataSource.getRepository(City), [{ id: 1, slug: 'oslo' }, { id: 2, slug: 'bergen' }])
 *
 * @throws RowshiftError ROW_NOT_FOUND, INVALID_VALUE, COLUMN_NOT_FOUND, COLUMN_NOT_WRITABLE, KEY_NOT_UNIQUE, ROW_REFUSED, DATABASE_ERROR,
 * DATABASE_UNAVAILABLE
 */
export async function bulkUpdate<E extends object>(
  repository: BulkRepository<E>,
  rows: readonly { readonly [K in ColumnName<E>]?: E[K] }[],
  { key, missing = 'error' }: BulkUpdateOptions<E> = {},
): Promise<BulkUpdateResult> {
  const { database, enclosing } = await placeOf(repository)
  return updateRows(database, enclosing, { mapping: database.mapping(repository.target), rows, key, missing })
}
