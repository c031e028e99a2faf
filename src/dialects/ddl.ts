import type { Statement } from './sql.js'
import type { TableName } from './table.js'

/** Statements on the schema that ORMs do not make, or not without losing rows. */
export interface DdlStatements {
  /**
   * Gives a column another type and keeps its values. `type` is what the ORM would write in a new column's place: the type, and on
   * MySQL all that follows it.
   */
  changeType(table: TableName, column: string, type: string): readonly Statement[]
  /** The index that the database made for a foreign key and keeps when that is dropped; nothing where it makes none. */
  dropForeignKeyIndex(table: TableName, foreignKey: string): readonly Statement[]
  /** Gives a type of the database, an enum's for instance, another name. */
  renameType(schema: string | undefined, from: string, to: string): readonly Statement[]
}
