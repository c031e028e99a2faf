import type { ReferringRow } from './dialect.js'
import type { Cell } from './script.js'

/* What answers about references have in common. */

/** Rows of an index's name and one of its columns, in order; null = an expression. */
export function columnsByIndex(rows: readonly (readonly Cell[])[]): readonly (readonly (string | undefined)[])[] {
  const indexes = new Map<string, (string | undefined)[]>()
  for (const [index, column] of rows) {
    const columns = indexes.get(String(index)) ?? []
    columns.push(column === null ? undefined : String(column))
    indexes.set(String(index), columns)
  }
  return [...indexes.values()]
}

/** A position, counted from `first`; the key's texts; then tokens. */
export function referringRow(row: readonly Cell[], width: number, first: 0 | 1): ReferringRow {
  return {
    position: Number(row[0]) - first,
    key: row.slice(1, 1 + width).map(String),
    tokens: row.slice(1 + width) as (string | null)[],
  }
}
