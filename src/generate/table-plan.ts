import type { SchemaColumn, TableChange, TableChoice } from '../adapters/schema.js'

/** What is known of an entity's versions. */
export interface EntityVersions {
  /** What the code says: `@SchemaVersion`. */
  readonly code: string | undefined
  /** What the database says: the last recorded version. */
  readonly recorded: string | undefined
  /** The steps between them, where the entity has a registry. */
  readonly history: VersionHistory | undefined
}

/** A registry as `defineVersions` made it, and where the application keeps it. */
export interface VersionHistory {
  readonly file: string
  readonly exportName: string
  /** Columns by property, as declared; undefined for a shape that is a class or a schema. */
  shape(version: string): Readonly<Record<string, unknown>> | undefined
  readonly versions: readonly string[]
  /** Whether steps lead from one version to the other. */
  hasPath(from: string, to: string): boolean
  /** Whether one of those steps has a function. */
  hasFunction(from: string, to: string): boolean
}

/** A column in a definition: its name, its word, and the property that a version's shape calls it by. */
export interface PlannedColumn {
  readonly column: string
  readonly property: string
  /** What the version that the change leads to calls it, under its new name if it gets one; undefined = it has no such column. */
  readonly laterProperty: string | undefined
  /** `text?` */
  readonly word: string
  /** The only values, where the column or the shape has a list of them. */
  readonly values?: readonly string[] | undefined
  /** The shape states a TypeScript type that the word does not know. */
  readonly isTyped: boolean
}

/** What a generated definition says. */
export interface PlannedBackfill {
  readonly name: string
  readonly exportName: string
  readonly fileName: string
  readonly table: string
  readonly select: readonly PlannedColumn[]
  readonly write: readonly PlannedColumn[]
  /**
   * Rows are migrated when none of these is NULL; where every written column may stay NULL, when one of them is not. Undefined where
   * values are rewritten in place: no column tells, so that the condition is to be written.
   */
  readonly where: { readonly columns: readonly string[]; readonly joins: 'and' | 'or' } | undefined
  /** Whether every written column may stay NULL, so that rows are left out for which all do. */
  readonly mayStayNull: boolean
  readonly step: { readonly from: string; readonly to: string; readonly history: VersionHistory } | undefined
  /** Columns that are dropped and must be filled again when the change is taken back. */
  readonly restored: readonly string[]
  /** Columns that were there and get values in place of NULL: taking the change back leaves them. */
  readonly kept: readonly string[]
  /** `lost`: the old values are gone and nothing says how to compute them. */
  readonly reverse: 'not-needed' | 'downgrade' | 'lost'
}

/** Whether nothing is left to be filled in by hand. */
export const isComplete = ({ step, where }: PlannedBackfill): boolean => step !== undefined && where !== undefined

/** All that was decided about one table. */
export interface TablePlan {
  readonly change: TableChange
  readonly from: string | undefined
  readonly to: string
  readonly choice: TableChoice
  readonly backfill: PlannedBackfill | undefined
  /** Columns whose values nothing can bring back. */
  readonly lost: readonly SchemaColumn[]
}
