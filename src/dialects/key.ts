import { RowshiftError } from '../errors/rowshift-error.js'
import { type ColumnInfo, type TableInfo, type TableName, tableText } from './table.js'

export interface UniqueIndex {
  readonly name: string
  readonly isPrimary: boolean
  /** undefined = an expression. */
  readonly columns: readonly (ColumnInfo | undefined)[]
}

interface ColumnIndex extends UniqueIndex {
  readonly columns: readonly ColumnInfo[]
}

/**
 * Chooses the key that pages follow: the primary key, else the first unique index without NULLs. Everything else would skip
 * or repeat rows, so it is refused here, before the first page.
 */
export function requireKey(
  table: TableName,
  indexes: readonly UniqueIndex[],
  whyUnsupported: (column: ColumnInfo) => string | undefined,
): Pick<TableInfo, 'key' | 'keyIndex' | 'uniqueIndexes'> {
  const onColumns = indexes.flatMap(({ columns, ...index }): ColumnIndex[] => {
    const present = columns.filter((column) => column !== undefined)
    return present.length === columns.length ? [{ ...index, columns: present }] : []
  })
  const details = { table: tableText(table) }
  if (onColumns.length === 0) {
    throw new RowshiftError('KEY_NOT_UNIQUE', {
      message: `table "${tableText(table)}" has no primary key and no unique index, so its rows cannot be told apart. Add a primary key, or a unique index on NOT NULL columns.`,
      details,
    })
  }
  const whole = onColumns.filter((index) => index.columns.every((column) => !column.isNullable))
  if (whole.length === 0) {
    const nullable = onColumns.flatMap((index) =>
      index.columns.filter((column) => column.isNullable).map((c) => c.name),
    )
    throw new RowshiftError('KEY_NULLABLE', {
      message: `the only unique keys of "${tableText(table)}" may hold NULL (${[...new Set(nullable)].join(', ')}): such rows would be missed. Declare the columns NOT NULL.`,
      details: { ...details, columns: [...new Set(nullable)] },
    })
  }
  const isSupported = (index: ColumnIndex) => index.columns.every((column) => whyUnsupported(column) === undefined)
  const byPreference = [...whole].sort((a, b) => Number(b.isPrimary) - Number(a.isPrimary))
  const chosen = byPreference.find(isSupported) ?? byPreference[0]!
  for (const column of chosen.columns) {
    const reason = whyUnsupported(column)
    if (reason !== undefined) {
      throw new RowshiftError('KEY_UNSUPPORTED', {
        message: `key column "${column.name}" of "${tableText(table)}" cannot be paged by: ${reason}. Add a unique index on NOT NULL columns of another type.`,
        details: { ...details, column: column.name, type: column.type },
      })
    }
  }
  return {
    key: chosen.columns,
    keyIndex: chosen.name,
    uniqueIndexes: onColumns.map(({ name, columns }) => ({ name, columns: columns.map((column) => column.name) })),
  }
}
