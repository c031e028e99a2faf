import type { TablePlan } from './dialect.js'
import type { ColumnInfo } from './table.js'

/** A column whose token is read and compared, and where that token stands among `plan.read`. */
export interface GuardedColumn {
  readonly column: ColumnInfo
  readonly position: number
}

/** Columns of `plan.read` without those that `where` says are NULL: the statement that has `where` has that guard already. */
export function guardedColumns({ read, where }: TablePlan): readonly GuardedColumn[] {
  return read
    .map((column, position) => ({ column, position }))
    .filter(({ column }) => !where?.nullColumns?.has(column.name))
}
