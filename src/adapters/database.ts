import type { Dialect } from '../dialects/dialect.js'
import type { Script } from '../dialects/script.js'
import type { StateNames } from '../dialects/state-statements.js'
import type { ColumnInfo, TableName } from '../dialects/table.js'
import type { RowshiftError } from '../errors/rowshift-error.js'
import type { SchemaReader } from './schema.js'

/** One held connection. Scripts run one after another, never interleaved. */
export interface Session {
  run<T>(script: Script<T>): Promise<T>
  /**
   * True when the application's own statements can run on this connection between two scripts: then a transaction must
   * begin and end in one script.
   */
  readonly isShared: boolean
  /** Gives the connection back; `discard` closes it, for a connection whose state is in doubt. Never throws. */
  release(options?: { readonly discard?: boolean }): Promise<void>
}

/** How one property of an entity or model is stored: the ORM's own conversions, its user's transformers included. */
export interface MappedColumn {
  /** The column's name in the database. */
  readonly column: string
  /** Set where it can neither be read nor written: why. */
  readonly unusable?: () => RowshiftError
  /** From the text read (never null) or null to the property's value. */
  decode(text: string | null, column: ColumnInfo): unknown
  /** From the property's value to the text sent, or null. */
  encode(value: unknown, column: ColumnInfo): string | null
}

/** What an ORM knows about an entity or model. */
export interface MappedTable {
  readonly table: TableName
  readonly columns: ReadonlyMap<string, MappedColumn>
  /** Limits a table shared by several entities to the rows of this one. */
  readonly discriminator?: { readonly column: string; readonly values: readonly string[] }
}

/** An entity's or model's table, and what the code says about it. */
export interface StatedTable {
  /** For people: the class, schema or model. */
  readonly entity: string
  readonly table: TableName
  /** Its schema version; undefined = it states none. */
  readonly version: string | undefined
  /** What `defineVersions` returned, if the entity names it. */
  readonly of: unknown
  readonly columns: readonly { readonly name: string; readonly isNullable: boolean }[]
}

/** The port to a database, implemented by each ORM's adapter. */
export interface Database {
  readonly kind: 'database'
  readonly dialect: Dialect
  /** One object for all ports to the same connection pool: what is remembered of its database is remembered by it. */
  readonly pool: object
  readonly stateNames: StateNames
  /** For people: `postgres shop@db1`. No credentials. */
  readonly label: string
  /**
   * A further connection to the primary, held until released.
   * @throws RowshiftError CONNECTION_UNAVAILABLE when the pool gives none within `timeoutMs`.
   */
  connect(options?: { readonly timeoutMs?: number }): Promise<Session>
  /** How the ORM maps an entity class or model token. @throws RowshiftError ENTITY_NOT_FOUND */
  mapping(source: unknown): MappedTable
  /** The tables of all entities or models, each once. @throws RowshiftError VERSION_DUPLICATE */
  statedTables(): readonly StatedTable[]
  /** The command that writes migrations for it: `rowshift generate`. */
  readonly generateCommand: string
  /** What the ORM knows of the schema, for `rowshift generate`. The caller releases it. */
  readSchema(): Promise<SchemaReader>
  close(): Promise<void>
}

/** Opens a database when it is needed: what `typeorm()` returns. */
export interface DatabaseSource {
  readonly kind: 'database-source'
  /** The application's file that it comes from, if it was named, relative to the working directory. */
  readonly file?: string
  open(): Promise<Database>
}
