/** A scalar field of a model, or a field of an enum. */
export interface RegistryField {
  /** The column's name in the database. */
  readonly column: string
  /** As the schema declares it: `String`, `BigInt`, or the name of an enum. */
  readonly type: string
  /** `@db.VarChar(191)` is `['VarChar', '191']`; absent where the schema names none. */
  readonly nativeType?: readonly [name: string, ...settings: string[]]
  readonly isNullable: boolean
  readonly isList: boolean
  /** Rows get a value of the database without anybody supplying one; `@default(uuid())` and `@updatedAt` are the client's. */
  readonly fillsItself: boolean
  /** What the client fills a field with that nobody supplies: `@default(uuid())`, `@updatedAt`; absent where it does not. */
  readonly clientFills?: 'uuid4' | 'uuid7' | 'moment' | 'other'
}

export interface RegistryModel {
  /** The table's name in the database. */
  readonly table: string
  /** Its schema, where the schema file has several (`@@schema`); null = the connection's own. */
  readonly schema: string | null
  /** `/// @schemaVersion 2.0.0`; null = the model states none. */
  readonly version: string | null
  /** Fields of the primary key, in order; empty where the model has none. */
  readonly key: readonly string[]
  /** Fields of the unique constraints besides the primary key. */
  readonly uniques: readonly (readonly string[])[]
  /** By the names that the schema gives them, relations left out. */
  readonly fields: Readonly<Record<string, RegistryField>>
  /** The model that each relation leads to, by the relation's name. */
  readonly relations: Readonly<Record<string, string>>
  /** `/// @schemaVersionColumn none=1.0.0`: the field with each row's version, and that of rows without one; absent where there is none. */
  readonly versionColumn?: { readonly field: string; readonly none: string | null }
}

/** What the generator `rowshift-prisma` emits of a Prisma schema: all that rowshift needs to know of it. */
export interface PrismaRegistry {
  /** Of this document, raised when it changes. */
  readonly format: 1
  readonly provider: 'postgresql' | 'mysql' | 'sqlite'
  readonly models: Readonly<Record<string, RegistryModel>>
  /** What each value of an enum is in the database. */
  readonly enums: Readonly<Record<string, Readonly<Record<string, string>>>>
}
