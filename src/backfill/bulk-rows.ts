import type { MappedTable } from '../adapters/database.js'
import { type ColumnInfo, keyedBy, type TableInfo, tableText } from '../dialects/table.js'
import type { ErrorCode } from '../errors/codes.js'
import { RowshiftError } from '../errors/rowshift-error.js'

/** The rows of a bulk call against their table: properties become columns, values texts, and what does not fit is refused. */
export interface BulkRows {
  fail(code: ErrorCode, message: string): never
  columnOf(property: string): ColumnInfo
  /** The property of a column that the table is keyed by. */
  propertyOf(column: ColumnInfo): string
  /** The table as if these properties were its key; undefined = no unique index is on them. */
  keyedBy(properties: readonly string[]): TableInfo | undefined
  writable(property: string): ColumnInfo
  encoded(property: string, value: unknown, position: number): string | null
  decoded(property: string, text: string): unknown
}

/** @param doing for messages: "updating rows of" */
export function bulkRows(doing: string, mapping: MappedTable, info: TableInfo): BulkRows {
  const table = tableText(mapping.table)
  const fail = (code: ErrorCode, message: string): never => {
    throw new RowshiftError(code, { message: `${doing} "${table}": ${message}`, details: { table } })
  }

  const columnOf = (property: string): ColumnInfo => {
    const mapped = mapping.columns.get(property)
    if (mapped?.unusable) throw mapped.unusable()
    const column = mapped && info.columns.get(mapped.column)
    if (column) return column
    const known = [...mapping.columns.keys()].join(', ')
    return fail('COLUMN_NOT_FOUND', `there is no column for "${property}". It has: ${known}.`)
  }

  return {
    fail,
    columnOf,
    propertyOf({ name }) {
      for (const [property, mapped] of mapping.columns) if (mapped.column === name) return property
      return fail('COLUMN_NOT_FOUND', `the key column "${name}" has no property.`)
    },
    keyedBy: (properties) => keyedBy(info, properties.map(columnOf)),
    writable(property) {
      const column = columnOf(property)
      return column.isGenerated ? fail('COLUMN_NOT_WRITABLE', `"${property}" is computed by the database.`) : column
    },
    encoded(property, value, position) {
      const column = columnOf(property)
      try {
        return mapping.columns.get(property)!.encode(value, column)
      } catch (error) {
        const why = `"${property}" of row ${position} is no value for ${column.type}: ${(error as Error).message}.`
        return fail('INVALID_VALUE', why)
      }
    },
    decoded: (property, text) => mapping.columns.get(property)!.decode(text, columnOf(property)),
  }
}
