/*
 * TypeORM by structure: what rowshift uses of it, so that it works with any 1.x copy the application has installed.
 */

export interface QueryRunnerLike {
  query(query: string, parameters?: unknown[]): Promise<unknown>
  connect(): Promise<unknown>
  release(): Promise<void>
  readonly isTransactionActive: boolean
  readonly dataSource: DataSourceLike
}

export interface DataSourceLike {
  readonly isInitialized: boolean
  readonly options: { readonly type: string; readonly [option: string]: unknown }
  setOptions(options: object): unknown
  initialize(): Promise<unknown>
  destroy(): Promise<void>
  createQueryRunner(mode?: 'master' | 'slave'): QueryRunnerLike
  readonly entityMetadatas: readonly EntityMetadataLike[]
  hasMetadata(target: never): boolean
  getMetadata(target: never): EntityMetadataLike
  readonly driver: unknown
  readonly logger: { logQuery(query: string, parameters: undefined, queryRunner: QueryRunnerLike): unknown }
}

export interface EntityMetadataLike {
  readonly name: string
  /** A class, or the name of an EntitySchema. */
  readonly target: unknown
  readonly tableType: string
  readonly treeType?: string | undefined
  readonly tableName: string
  readonly schema?: string | undefined
  readonly database?: string | undefined
  readonly columns: readonly ColumnMetadataLike[]
  readonly inheritancePattern?: string | undefined
  readonly discriminatorColumn?: { readonly databaseName: string } | undefined
  readonly discriminatorValue?: string | undefined
  readonly childEntityMetadatas: readonly EntityMetadataLike[]
}

export interface ColumnMetadataLike {
  readonly propertyPath: string
  readonly databaseName: string
  readonly type: unknown
  readonly isArray: boolean
  /** Has no property: TypeORM made it for a relation, a tree or a discriminator. */
  readonly isVirtual: boolean
  /** Has no column in the table: a query computes it. */
  readonly isVirtualProperty: boolean
  readonly isNullable: boolean
  readonly isVersion: boolean
  readonly isDiscriminator: boolean
  readonly isGenerated: boolean
  readonly generationStrategy?: string | undefined
  readonly relationMetadata?: { readonly propertyPath: string } | undefined
  /** Of a relation's column, the one that it refers to. */
  readonly referencedColumn?: ColumnMetadataLike | undefined
  /** The value in an entity, by its path; of a relation the value that refers to the other. */
  getEntityValue(entity: object): unknown
}
