import type { Script } from './script.js'
import type { Statement } from './sql.js'
import type { TableName } from './table.js'

/** What can be done before a statement, outside a transaction, so that it need not read the table under its lock. */
export interface OnlinePreparation {
  /** The index or constraint it is about, quoted. */
  readonly subject: string
  readonly why: string
  /** Can be run again after a failure. */
  readonly prepare: readonly string[]
  /** Takes the preparation back, inside a transaction as well. */
  readonly clear: readonly string[]
  /** What is left of the statement, and its way back. */
  readonly up: readonly string[]
  readonly down: readonly string[]
}

/** A statement that states how it is carried out. */
export interface OnlineStatement {
  readonly text: string
  /** For the comment above it; undefined where there was nothing to choose. */
  readonly why: string | undefined
}

/** How long others may have to wait. */
export interface StatementLimits {
  /** Behind a statement that itself waits for a lock. */
  readonly lockTimeoutMs: number
  /** The same for one that asks for its lock at the end of its work, which would be lost. */
  readonly lateLockTimeoutMs: number
  /** For a statement that has its lock and reads no rows. */
  readonly statementTimeoutMs: number
}

/** Statements on the schema that ORMs do not make, or not without losing rows. */
export interface DdlStatements {
  /**
   * Gives a column another type and keeps its values. `type` is what the ORM would write in a new column's place: the type, and on
   * MySQL all that follows it.
   */
  changeType(table: TableName, column: string, type: string): readonly Statement[]
  /** Makes the planner's statistics anew, for a table whose rows were filled. */
  analyze(table: TableName): Statement
  /** Where in a migration it belongs: before the contract, or behind it because the contract makes tables anew or commits anyway. */
  readonly analyzesAfterContract: boolean
  /** The index that the database made for a foreign key and keeps when that is dropped; nothing where it makes none. */
  dropForeignKeyIndex(table: TableName, foreignKey: string): readonly Statement[]
  /** The statement with the algorithm that lets writers go on, where it has one. `back` takes it back, where that is known. */
  askOnline(text: string, back: string | undefined): OnlineStatement
  /** Undefined where the statement gains nothing by it, or the database has no such way. */
  prepareOnline(up: string, down: string): OnlinePreparation | undefined
  /** Whether a statement can make others queue behind it. */
  readonly hasLockLimits: boolean
  /**
   * The scripts that carry statements out, in order. Each can be run again after an error: it has undone what it did, or begins by
   * clearing it away. Without an enclosing transaction no lock is held from one statement to the next. Statements that keep writers out have limits; those that let them pass have none, whatever the application
   * has set, since they may read for hours. The application's settings are as they were afterwards.
   */
  limited(
    statements: readonly string[],
    limits: StatementLimits,
    options: { readonly isEnclosed: boolean },
  ): readonly (() => Script<void>)[]
  /** Gives a type of the database, an enum's for instance, another name. */
  renameType(schema: string | undefined, from: string, to: string): readonly Statement[]
}
