import { type Sql, type SqlSpelling, sql } from '../sql.js'
import type { StateNames, stateTableNames } from '../state-statements.js'

/** What the state statements spell differently on each database. */
export interface StateSpelling extends SqlSpelling {
  /** The clock at this statement, not at the start of the transaction. */
  readonly now: Sql
  /** `now` plus a number of milliseconds, given as an expression. */
  after(milliseconds: Sql): Sql
  /** Whole milliseconds from a stored time to `now`. */
  millisecondsSince(column: Sql): Sql
  /** A stored time as ISO 8601 text in UTC. */
  timeText(column: Sql): Sql
  /** Row locks; empty where a writing transaction already is alone. */
  readonly forUpdate: Sql
  readonly forUpdateSkipLocked: Sql
  /** Ends a read of runs and shards that must not be of an old snapshot. */
  readonly forRead: Sql
  /** Ends an INSERT that keeps the present row when a unique `column` clashes. */
  keepOnConflict(column: Sql): Sql
  hasTable(names: StateNames, table: Sql, name: string): Sql
  /** Makes creation safe against a second creator; false = somebody else is at it. Absent where the DDL itself is safe. */
  readonly tryCreationLock?: Sql
  /** CREATE TABLE IF NOT EXISTS statements, in order. */
  createTables(tables: StateTables): readonly Sql[]
}

export interface StateTables {
  readonly run: Sql
  readonly checkpoint: Sql
  readonly failure: Sql
  readonly journal: Sql
  readonly change: Sql
  readonly budget: Sql
  readonly schemaVersion: Sql
}

export function stateTables(names: StateNames): StateTables {
  const path = (name: (typeof stateTableNames)[number]) =>
    names.schema === undefined ? sql.id(names.prefix + name) : sql.id(names.schema, names.prefix + name)
  return {
    run: path('run'),
    checkpoint: path('checkpoint'),
    failure: path('failure'),
    journal: path('journal'),
    change: path('change'),
    budget: path('budget'),
    schemaVersion: path('schema_version'),
  }
}
