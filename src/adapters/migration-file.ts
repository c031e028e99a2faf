import type { OnlinePreparation } from '../dialects/ddl.js'
import type { SchemaStatement, SchemaStep } from './schema.js'

/*
 * The port to how an ORM's migrations are written: what one does, part by part, and the file that an ORM makes of it. What is
 * decided about a change is in `generate`; how it is spelled is the adapter's.
 */

/** A definition that a migration runs, as far as its text depends on it. */
export interface MigrationBackfill {
  readonly exportName: string
  /** The file that exports it, absolute. */
  readonly file: string
  /** False for a stub that waits for its function. */
  readonly isWritten: boolean
  /** Columns that are dropped, and that nothing can fill again until the definition has a `reverse`. */
  readonly lost: readonly string[]
  /** Columns that were there and get values in place of NULL, which stay when the change is taken back. */
  readonly kept: readonly string[]
}

/** One call or statement of a migration, with what the comment above it says. */
export type MigrationPart =
  | { readonly kind: 'step'; readonly step: SchemaStep; readonly reasons: readonly string[] }
  | { readonly kind: 'backfill' | 'schedule' | 'gate'; readonly backfill: MigrationBackfill }
  | { readonly kind: 'online'; readonly preparation: OnlinePreparation }
  | { readonly kind: 'version'; readonly table: string; readonly from: string | undefined; readonly to: string }
  /** Says why what follows was not prepared outside a transaction: names that this table's columns get here, or the transaction mode. */
  | { readonly kind: 'unprepared'; readonly table: string | undefined }
  | { readonly kind: 'analyze'; readonly table: string; readonly statement: SchemaStatement }

/** What a migration does. */
export interface MigrationContent {
  /** Where it goes, as it was asked for: `src/migrations/CitySlug`. */
  readonly path: string
  /** Milliseconds; migrations are run in this order. */
  readonly timestamp: number
  /** What it is about, above the class. */
  readonly summary: string
  readonly parts: readonly MigrationPart[]
  /** Runs outside a transaction. */
  readonly isOnline: boolean
  /** Its statements on the schema could make others wait, so they have limits and are tried again. */
  readonly hasLockLimits: boolean
  /** What `down` must refuse before its first statement. */
  readonly lost: readonly { readonly table: string; readonly column: string }[]
}

/** A file to be written. */
export interface SourceFile {
  /** Absolute. */
  readonly path: string
  readonly text: string
}

export interface MigrationWriter {
  /** The command that runs what was written, for people: `typeorm migration:run`. */
  readonly runCommand: string
  /** @param importPath the path that an import in one file has for another, both absolute */
  write(migration: MigrationContent, importPath: (from: string, to: string) => string): SourceFile
}
