import type { ColumnInfo, TableInfo } from '../../dialects/table.js'

/** A table that has the rows of another one once they are deleted there. */
export interface Archive {
  /** As if the key of the other table were its own. */
  readonly info: TableInfo
  /** What is copied into it. */
  readonly columns: readonly ColumnInfo[]
  /** What is copied back. */
  readonly returned: readonly ColumnInfo[]
}
