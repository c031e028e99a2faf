import { parseColumn } from '../backfill/definition/columns.js'
import type { ColumnKind } from '../dialects/table.js'
import { commonCodecs, refuse } from '../dialects/values.js'
import { columnOf, type VersionColumns } from '../schema-version/shape.js'
import type { UntypedRow } from '../schema-version/steps.js'

/** What JSON can hold, as it is in the file; anything else is there as a text. */
const native: ReadonlySet<ColumnKind> = new Set(['integer', 'double', 'boolean', 'json'])

/**
 * The record of a line by the columns of its version: texts that stand for a moment, a bigint, bytes; in a CSV file for everything. An
 * empty cell of a column that may be NULL is null.
 */
export function recordReader(columns: VersionColumns, isCsv: boolean): (record: UntypedRow) => UntypedRow {
  const cells = Object.entries(columns).map(([name, entry]) => ({ name, ...parseColumn(columnOf(entry)) }))
  const read = cells.filter(({ kind }) => isCsv || !native.has(kind))
  return (record) => {
    const next: Record<string, unknown> = { ...record }
    for (const { name, kind, isNullable } of read) {
      const value = record[name]
      if (isCsv && value === '' && isNullable) next[name] = null
      else if (typeof value === 'string') next[name] = readCell(kind, value)
    }
    return next
  }
}

/** A cell that cannot be read stays as it is: validation says so, with its path. */
function readCell(kind: ColumnKind, text: string): unknown {
  try {
    return decode(kind, text)
  } catch {
    return text
  }
}

function decode(kind: ColumnKind, text: string): unknown {
  switch (kind) {
    case 'integer':
      return /^\s*$/.test(text) ? text : commonCodecs.integer.decode(text)
    case 'bigint':
      return commonCodecs.bigint.decode(text)
    case 'json':
      return commonCodecs.json.decode(text)
    case 'double': {
      const value = Number(text)
      return text.trim() === '' || Number.isNaN(value) ? refuse('no number') : value
    }
    case 'boolean':
      return { true: true, false: false, '1': true, '0': false }[text.toLowerCase()] ?? text
    case 'timestamp': {
      const moment = new Date(text)
      return Number.isNaN(moment.getTime()) ? text : moment
    }
    case 'bytes':
      return Buffer.from(text, 'base64')
    default:
      return text
  }
}

/** For `JSON.stringify`: what JSON has no word for, as a text. Dates are ISO texts already. */
export function jsonValue(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  // Buffers say themselves as objects before they come here.
  if (isBufferJson(value)) return Buffer.from(value.data).toString('base64')
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return value
}

function isBufferJson(value: unknown): value is { readonly data: number[] } {
  const { type, data } = (value ?? {}) as { readonly type?: unknown; readonly data?: unknown }
  return type === 'Buffer' && Array.isArray(data)
}

/** A cell of a CSV file: texts as they are, nothing for null, anything else as JSON has it. */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string') return value
  if (value instanceof Date) return value.toISOString()
  const json = JSON.stringify(value, jsonValue)
  // A text in JSON needs no quotes in a cell of its own.
  return json.startsWith('"') ? (JSON.parse(json) as string) : json
}
