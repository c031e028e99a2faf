import type { MappedTable } from '../../adapters/database.js'
import { type ColumnInfo, keyedBy, type TableInfo, tableText } from '../../dialects/table.js'
import type { ErrorCode } from '../../errors/codes.js'
import { RowshiftError } from '../../errors/rowshift-error.js'

/** What a property's value is sent as. `position` is the row's among those given, for the message of a refusal. */
export type Encode = (value: unknown, position: number) => string | null

/** The rows of a bulk call against their table: properties become columns, values texts, and what does not fit is refused. */
export interface BulkRows {
  fail(code: ErrorCode, message: string): never
  columnOf(property: string): ColumnInfo
  /** The property of a column that the table is keyed by. */
  propertyOf(column: ColumnInfo): string
  /** The table as if these properties were its key; undefined = no unique index is on them. */
  keyedBy(properties: readonly string[]): TableInfo | undefined
  writable(property: string): ColumnInfo
  encoder(property: string): Encode
  decoder(property: string): (text: string) => unknown
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
    encoder(property) {
      const column = columnOf(property)
      const mapped = mapping.columns.get(property)!
      return (value, position) => {
        try {
          return mapped.encode(value, column)
        } catch (error) {
          const why = `"${property}" of row ${position} is no value for ${column.type}: ${(error as Error).message}.`
          return fail('INVALID_VALUE', why)
        }
      }
    },
    decoder(property) {
      const column = columnOf(property)
      const mapped = mapping.columns.get(property)!
      return (text) => mapped.decode(text, column)
    },
  }
}

/** A row's properties that have a value, and the name of this set of them, in whatever order they stand. */
export interface Shape {
  readonly properties: readonly string[]
  readonly name: string
}

/** Finds out which properties rows have: most rows of a call have those of the row before, in the same order. */
export function createShapes(): (row: object) => Shape {
  const shapes = new Map<string, Shape>()
  return (row) => {
    const given: string[] = []
    for (const property of Object.keys(row))
      if ((row as Readonly<Record<string, unknown>>)[property] !== undefined) given.push(property)
    const written = given.join('\0')
    let shape = shapes.get(written)
    if (!shape) {
      const properties = given.sort()
      shape = { properties, name: properties.join('\0') }
      shapes.set(written, shape)
    }
    return shape
  }
}
