import { parseColumn } from '../../backfill/definition/columns.js'
import type { ColumnKind } from '../../dialects/table.js'
import { columnOf, isField, type VersionColumns } from '../shape.js'
import type { JsonSchema } from './types.js'

const schemas: Readonly<Record<ColumnKind, JsonSchema>> = {
  integer: { type: 'integer' },
  // JSON numbers are read as doubles, which do not hold them.
  bigint: { type: 'string', pattern: '^-?[0-9]+$' },
  double: { type: 'number' },
  decimal: { type: 'string', pattern: '^[+-]?[0-9]+([.][0-9]+)?$' },
  text: { type: 'string' },
  uuid: { type: 'string', format: 'uuid' },
  boolean: { type: 'boolean' },
  timestamp: { type: 'string', format: 'date-time' },
  date: { type: 'string', format: 'date' },
  time: { type: 'string', format: 'time' },
  json: {},
  bytes: { type: 'string', contentEncoding: 'base64' },
  other: {},
}

/** Columns as they are in a JSON file: what JSON cannot hold is a text. */
export function schemaOfColumns(columns: VersionColumns): JsonSchema {
  const entries = Object.entries(columns)
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, entry]) => [name, schemaOfColumn(entry)])),
    required: entries.map(([name]) => name),
    additionalProperties: false,
  }
}

function schemaOfColumn(entry: VersionColumns[string]): JsonSchema {
  const { kind, isNullable, allowed } = parseColumn(columnOf(entry))
  const fallback = isField(entry) && entry.hasFallback ? { default: entry.fallback } : {}
  if (allowed) return { enum: allowed, ...fallback }
  const { type, ...rest } = schemas[kind]
  if (type === undefined) return { ...rest, ...fallback }
  return { type: isNullable ? [type as string, 'null'] : type, ...rest, ...fallback }
}
