import { type Sql, sql } from './sql.js'
import type { ColumnInfo, TableInfo } from './table.js'

/** Which row comes before the others of its group: by this column, from its smallest or its largest value. NULL comes last. */
export interface Precedence {
  readonly column: ColumnInfo
  readonly end: 'first' | 'last'
}

/** How rows that are the same are told, and which of them survives. */
export interface DuplicatesSql {
  /** Whether another row of its group comes before a row. */
  readonly isOther: Sql
  /** The key of the row that survives of a row's group, a value a column. */
  readonly survivorKey: readonly Sql[]
  /** What it holds in further columns. */
  readonly survivorValues: readonly Sql[]
  /** Looks for the rows that are the same as the one with this key. */
  sameAs(key: readonly Sql[]): Sql
}

export interface DuplicatesOptions {
  readonly info: TableInfo
  /** What makes rows the same, over the row's columns. */
  readonly by: readonly Sql[]
  readonly keep: readonly Precedence[]
  /** The rows that are looked at. */
  readonly where: Sql | undefined
  /** Columns whose values are wanted of the survivor. */
  readonly wanted: readonly ColumnInfo[]
}

/**
 * SQL that every database understands. The survivor of a row's group is the first one of it in the stated order, looked up by the index of the group:
 *
 *   (select rs_s.rs_k0 from (select "user"."id" as rs_k0, "user"."created_at" as rs_o0, lower(email) as rs_g0 from "user" where <where>) as rs_s
 *    where rs_s.rs_g0 = (lower(email)) order by rs_s.rs_o0, rs_s.rs_k0 limit 1)
 *
 * The inner table shows nothing but names of ours, so that an expression of the user's means the row outside; inside it means the row there. A group
 * of NULL has no survivor, so nothing is true of its rows.
 */
export function duplicatesSql({ info, by, keep, where, wanted }: DuplicatesOptions): DuplicatesSql {
  const { schema, name } = info.table
  const path = schema === undefined ? sql.id(name) : sql.id(schema, name)
  const own = (column: ColumnInfo) => sql`${sql.id(name)}.${sql.id(column.name)}`
  const shown = (prefix: string, values: readonly Sql[]) =>
    values.map((value, i) => sql`${value} as ${sql.raw(`rs_${prefix}${i}`)}`)
  const columns = [
    ...shown('k', info.key.map(own)),
    ...shown(
      'o',
      keep.map(({ column }) => own(column)),
    ),
    ...shown('r', wanted.map(own)),
    ...shown('g', by),
  ]
  const group = sql`(select ${sql.join(columns)} from ${path} ${where ? sql`where (${where})` : sql``}) as rs_s`
  const order = [
    ...keep.flatMap(({ column, end }, i) => {
      const value = sql.raw(`rs_s.rs_o${i}`)
      // Only where there can be NULLs: no index has this order.
      const isAbsent = column.isNullable ? [sql`case when ${value} is null then 1 else 0 end`] : []
      return [...isAbsent, end === 'first' ? value : sql`${value} desc`]
    }),
    ...info.key.map((_, i) => sql.raw(`rs_s.rs_k${i}`)),
  ]
  const isSame = (values: readonly Sql[]) =>
    sql.join(
      values.map((value, i) => sql`${sql.raw(`rs_s.rs_g${i}`)} = (${value})`),
      ' and ',
    )
  const ofSurvivor = (column: string): Sql =>
    sql`(select ${sql.raw(`rs_s.${column}`)} from ${group} where ${isSame(by)} order by ${sql.join(order)} limit 1)`
  const survivorKey = info.key.map((_, i) => ofSurvivor(`rs_k${i}`))
  const isSurvivor = sql.join(
    info.key.map((column, i) => sql`${own(column)} = ${survivorKey[i]}`),
    ' and ',
  )
  return {
    isOther: where ? sql`(${where}) and not (${isSurvivor})` : sql`not (${isSurvivor})`,
    survivorKey,
    survivorValues: wanted.map((_, i) => ofSurvivor(`rs_r${i}`)),
    sameAs(key) {
      const isRow = sql.join(
        info.key.map((column, i) => sql`${own(column)} = ${key[i]}`),
        ' and ',
      )
      const values = by.map((value) => sql`select ${value} from ${path} where ${isRow}`)
      return sql`select rs_s.rs_k0 from ${group} where ${isSame(values)}`
    },
  }
}
