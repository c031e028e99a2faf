import type { MappedTable } from '../../adapters/database.js'
import type { Dialect } from '../../dialects/dialect.js'
import { type ColumnInfo, type TableInfo, tableText } from '../../dialects/table.js'
import type { ErrorCode } from '../../errors/codes.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { BackfillDefinition, DeclaredColumn } from '../definition/definition.js'

/** A column of a definition, tied to the table: how its values come and go. */
export interface BoundColumn {
  /** The name in the definition: a property of the entity, or the column itself. */
  readonly property: string
  readonly column: ColumnInfo
  /** Where its token stands among `plan.read`. */
  readonly position: number
  /** A key or generated column: it can be given back unchanged only. */
  readonly isReadOnly: boolean
  /** @throws Error whose message carries no contents */
  decode(text: string | null): unknown
  /** @throws Error whose message carries no contents */
  encode(value: unknown): string | null
}

/** Ties what a definition names to a table. */
export interface Binder {
  fail(code: ErrorCode, message: string, details?: Record<string, unknown>): never
  readonly dialect: Dialect
  readonly info: TableInfo
  /** The column of a property, with its conversions. */
  bind(property: string, declared: DeclaredColumn, position: number): BoundColumn
  /** The same for a property that the definition does not declare. */
  bindUndeclared(property: string): BoundColumn
  requireWritable(bound: { readonly property: string; readonly column: ColumnInfo }): void
  /** A constant of the definition as text; one that the column cannot hold is refused. */
  constant(bound: BoundColumn, value: unknown): string | null
}

export function createBinder(
  dialect: Dialect,
  definition: BackfillDefinition,
  info: TableInfo,
  mapping: MappedTable | undefined,
): Binder {
  const table = tableText(info.table)
  // Taking back meets rows that were never filled; their NULLs are no fault.
  const requiresValues = definition.work.form === 'transform' && !definition.work.isPartial
  const fail = (code: ErrorCode, message: string, details: Record<string, unknown> = {}): never => {
    throw new RowshiftError(code, {
      message: `backfill "${definition.name}": ${message}`,
      details: { backfill: definition.name, table, ...details },
    })
  }

  const columnOf = (property: string): ColumnInfo => {
    const name = mapping?.columns.get(property)?.column ?? property
    const column = info.columns.get(name)
    if (column) return column
    const embedded = [...(mapping?.columns.keys() ?? [])].filter((path) => path.startsWith(`${property}.`))
    if (embedded.length > 0) {
      const message = `"${property}" of the entity is embedded. Name its columns: ${embedded.join(', ')}.`
      return fail('COLUMN_NOT_FOUND', message, { column: property })
    }
    const known = [...info.columns.keys()].join(', ')
    return fail('COLUMN_NOT_FOUND', `table "${table}" has no column "${name}". It has: ${known}.`, { column: name })
  }

  const bind = (property: string, declared: DeclaredColumn, position: number): BoundColumn => {
    const column = columnOf(property)
    const isReadOnly = info.key.includes(column) || column.isGenerated
    if (declared === 'mapped') {
      const mapped = mapping?.columns.get(property)
      if (!mapped) return fail('COLUMN_NOT_FOUND', `the entity has no column "${property}".`, { column: property })
      if (mapped.unusable) throw mapped.unusable()
      return {
        property,
        column,
        position,
        isReadOnly,
        decode: (text) => mapped.decode(text, column),
        encode: (value) => mapped.encode(value ?? null, column),
      }
    }
    const codec = dialect.codec(column, declared.kind)
    if (!codec) {
      return fail(
        'COLUMN_TYPE_MISMATCH',
        `column "${column.name}" is ${column.type}, which "${declared.kind}" does not fit. Declare it as "${column.kind === 'other' ? 'text' : column.kind}".`,
        { column: column.name, type: column.type, declared: declared.kind },
      )
    }
    const { allowed } = declared
    const holdsNull = declared.isNullable || declared.kind === 'json'
    return {
      property,
      column,
      position,
      isReadOnly,
      decode(text) {
        if (text !== null) return codec.decode(text)
        if (requiresValues && !holdsNull)
          throw new TypeError(`the stored value is NULL: declare it as "${declared.kind}?"`)
        return null
      },
      encode(value) {
        if (value === null) {
          // A JSON column that is not declared nullable holds JSON's own null.
          if (declared.kind === 'json' && !declared.isNullable) return codec.encode(null)
          if (!holdsNull) throw new TypeError(`null is not declared: use "${declared.kind}?"`)
          return null
        }
        if (allowed && !allowed.includes(value as string)) throw new TypeError('the value is not one of those declared')
        return codec.encode(value)
      },
    }
  }

  return {
    fail,
    dialect,
    info,
    bind,
    bindUndeclared(property) {
      if (mapping) return bind(property, 'mapped', -1)
      return bind(property, { kind: columnOf(property).kind, isNullable: true }, -1)
    },
    constant(bound, value) {
      try {
        return bound.encode(value)
      } catch (error) {
        const { name, type } = bound.column
        return fail(
          'INVALID_DEFINITION',
          `a constant for "${bound.property}" is no value of column "${name}" (${type}): ${(error as Error).message}.`,
          { column: name },
        )
      }
    },
    requireWritable({ property, column }) {
      if (info.key.includes(column)) {
        fail(
          'KEY_WRITTEN',
          `"${property}" is part of the key (${info.key.map((key) => key.name).join(', ')}), which pages follow: it cannot be written. Fill a new column and swap them in a later migration.`,
          { column: column.name },
        )
      }
      if (column.isGenerated) {
        fail(
          'COLUMN_NOT_WRITABLE',
          `column "${column.name}" is generated by the database. Write what it is computed from.`,
          {
            column: column.name,
          },
        )
      }
    },
  }
}
