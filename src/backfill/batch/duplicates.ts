import type { Dialect, DuplicatesSql, Key, KeyRange, TablePlan } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { sql } from '../../dialects/sql.js'
import type { ColumnInfo, TableInfo } from '../../dialects/table.js'

/** A row that does not survive, and the one of its group that does. */
export interface Pair {
  readonly other: Key
  readonly survivor: Key
  /** By referenced column: what it holds in the one and in the other row. */
  readonly values: ReadonlyMap<ColumnInfo, readonly [other: string | null, survivor: string | null]>
}

/** Columns of a table that refer to rows with duplicates. */
export interface BoundReference {
  readonly info: TableInfo
  readonly columns: readonly ColumnInfo[]
  /** What they refer to, in the same order. */
  readonly referenced: readonly ColumnInfo[]
}

/** Rows that are the same, as a definition says it. */
export interface Duplicates {
  readonly references: readonly BoundReference[]
  /** Those of a range, or of these keys, that do not survive, in key order. `plan` is the definition's. */
  pairs(dialect: Dialect, plan: TablePlan, among: KeyRange | readonly Key[]): Script<readonly Pair[]>
}

export function duplicatesOf(
  info: TableInfo,
  { survivorKey, survivorValues }: DuplicatesSql,
  references: readonly BoundReference[],
  /** The columns that `survivorValues` are of. */
  wanted: readonly ColumnInfo[],
): Duplicates {
  const width = info.key.length
  const values = [
    ...info.key.map((column, i) => [column, survivorKey[i]!] as const),
    ...wanted.map((column) => [column, sql`${sql.id(info.table.name)}.${sql.id(column.name)}`] as const),
    ...wanted.map((column, i) => [column, survivorValues[i]!] as const),
  ]
  return {
    references,
    *pairs(dialect, plan, among) {
      const rows = yield* dialect.matchingRows(plan, among, { values, isLocked: false })
      return rows.map((row): Pair => {
        const at = (i: number) => row[2 * width + i] ?? null
        return {
          other: row.slice(0, width) as string[],
          survivor: row.slice(width, 2 * width) as string[],
          values: new Map(wanted.map((column, i) => [column, [at(i), at(wanted.length + i)] as const])),
        }
      })
    },
  }
}
