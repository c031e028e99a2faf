import type { TablePlan } from '../../dialects/dialect.js'
import { sql } from '../../dialects/sql.js'
import type { TransformWork } from '../definition/definition.js'
import type { Binder, BoundColumn } from './binder.js'

/** A column whose values are unique only because of those who write them. */
export interface UnindexedColumn {
  readonly bound: BoundColumn
  /** The rows whose value a row before them has. */
  readonly sharing: TablePlan
}

/** The columns of `unique` that no unique index is on. */
export function bindUnindexed(
  { info, dialect }: Binder,
  { unique }: TransformWork,
  write: readonly BoundColumn[],
): readonly UnindexedColumn[] {
  const isIndexed = (name: string) =>
    info.uniqueIndexes.some(({ columns }) => columns.length === 1 && columns[0] === name)
  return [...unique.keys()].flatMap((property): UnindexedColumn[] => {
    const bound = write.find((column) => column.property === property)!
    const { name } = bound.column
    if (isIndexed(name)) return []
    const by = [sql`${sql.id(info.table.name)}.${sql.id(name)}`]
    const { isOther } = dialect.duplicates({ info, by, keep: [], where: undefined, wanted: [] })
    return [{ bound, sharing: { info, read: [], where: isOther, endsWithWrite: false } }]
  })
}
