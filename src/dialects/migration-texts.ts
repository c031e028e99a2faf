import type { Sql } from './sql.js'
import type { StateNames } from './state-statements.js'
import type { TableName } from './table.js'

/** A definition as far as plain SQL can know it. */
export interface ScriptedBackfill {
  readonly name: string
  readonly table: TableName
  /** Its `where`. */
  readonly matching: Sql
}

/** Parts of migrations that are plain SQL and run by whoever runs them: text without placeholders, each statement ended by a semicolon. */
export interface MigrationTexts {
  /** The state tables, where they are not there yet. */
  createState(names: StateNames): string
  /**
   * Schedules a run for workers, which complete its row with what only code knows. An empty table has a completed run at once, so a
   * shadow database passes the gate.
   */
  schedule(names: StateNames, backfill: ScriptedBackfill): string
  /** A completed run for a table without rows; nothing for any other. */
  completeIfEmpty(names: StateNames, backfill: ScriptedBackfill): string
  /** Fails, and with it the migration, unless the latest run is completed and no row matches but those it left. */
  gate(names: StateNames, backfill: ScriptedBackfill): string
  /** What the table has become; its columns are noted by the next command that looks at them. */
  recordVersion(names: StateNames, table: string, version: string, migration: string): string
  renameColumn(table: TableName, from: string, to: string): string
}
