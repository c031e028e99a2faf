/** A table's name, as parts: never a text that would have to be split again. */
export interface TableName {
  /** PostgreSQL schema, MySQL database or attached SQLite database; undefined = the connection's default. */
  readonly schema: string | undefined
  readonly name: string
}

/** A column as the catalogue describes it: enough to tell whether somebody has changed it. */
export interface CatalogueColumn {
  readonly name: string
  /** The database's own spelling, length included: `character varying(150)`. */
  readonly type: string
  readonly isNullable: boolean
}

/** What a column holds, the same words on every database; `other` is read and written in its text form. */
export type ColumnKind =
  | 'integer'
  | 'bigint'
  | 'double'
  | 'decimal'
  | 'text'
  | 'uuid'
  | 'boolean'
  | 'timestamp'
  | 'date'
  | 'time'
  | 'json'
  | 'bytes'
  | 'other'

export interface ColumnInfo {
  readonly name: string
  readonly kind: ColumnKind
  /** The type as the database prints it, with length: `character varying(20)`. Part of the table's fingerprint. */
  readonly type: string
  /** The type to cast a text to, without length, so that assignment and not the cast decides what fits. */
  readonly castType: string
  readonly isNullable: boolean
  /** Computed or identity-always columns cannot be written. */
  readonly isGenerated: boolean
  /** True: a key that is always generated, though a value it once had can be given back to it. */
  readonly isIdentity?: boolean
  /** PostgreSQL's type id, of a domain its base type's, for the driver's own parsers. */
  readonly typeId?: number
  /** MySQL: character set and collation of a text column. */
  readonly charset?: string
  readonly collation?: string
}

/** A table as found in the catalogue. */
export interface TableInfo {
  readonly table: TableName
  readonly columns: ReadonlyMap<string, ColumnInfo>
  /** The key pages follow: the primary key, or a unique index without NULLs; in index order. Never empty. */
  readonly key: readonly ColumnInfo[]
  readonly keyIndex: string
  /** The full (not partial, not expression) unique indexes, the key's included. */
  readonly uniqueIndexes: readonly { readonly name: string; readonly columns: readonly string[] }[]
}

/** The table as if these columns were its key; undefined = there is no unique index on them. */
export function keyedBy(info: TableInfo, key: readonly ColumnInfo[]): TableInfo | undefined {
  const names = new Set(key.map(({ name }) => name))
  const index = info.uniqueIndexes.find(
    ({ columns }) => columns.length === names.size && columns.every((name) => names.has(name)),
  )
  return index && { ...info, key, keyIndex: index.name }
}

/** The columns that a row is made of: all but the computed ones. */
export const storedColumns = ({ columns }: TableInfo): readonly ColumnInfo[] =>
  [...columns.values()].filter(({ isGenerated, isIdentity }) => !isGenerated || isIdentity === true)

export function tableText(table: TableName): string {
  return table.schema === undefined ? table.name : `${table.schema}.${table.name}`
}
