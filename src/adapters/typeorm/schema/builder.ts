import type { EntityMetadata, QueryRunner, Table, TableColumn, TableColumnOptions, TableIndex } from 'typeorm'
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js'
import type { IndexMetadata } from 'typeorm/metadata/IndexMetadata.js'
import type { SchemaStatement } from '../../schema.js'
import type { DataSourceLike } from '../data-source.js'

/**
 * TypeORM's own schema builder, one operation at a time: `migration:generate` runs the same operations in one fixed order, drops
 * first. Its methods are protected and stable since 0.2.
 */
export interface SchemaBuilder {
  queryRunner: QueryRunner
  tables: Table[]
  views: unknown[]
  readonly entityToSyncMetadatas: EntityMetadata[]
  getTablePath(target: Table | EntityMetadata): string
  metadataColumnsToTableColumnOptions(columns: ColumnMetadata[]): TableColumnOptions[]
  shouldDropIndices(metadata: IndexMetadata | undefined, index: TableIndex): boolean
  dropOldForeignKeys(): Promise<void>
  dropOldIndices(): Promise<void>
  dropOldChecks(): Promise<void>
  dropOldExclusions(): Promise<void>
  dropCompositeUniqueConstraints(): Promise<void>
  changeTableComment(): Promise<void>
  createNewTables(): Promise<void>
  dropRemovedColumns(): Promise<void>
  addNewColumns(): Promise<void>
  dropColumnReferencedForeignKeys(tablePath: string, column: string): Promise<void>
  dropColumnCompositeIndices(tablePath: string, column: string): Promise<void>
  dropColumnCompositeUniques(tablePath: string, column: string): Promise<void>
  updatePrimaryKeys(): Promise<void>
  updateExistColumns(): Promise<void>
  createNewIndices(): Promise<void>
  createNewChecks(): Promise<void>
  createNewExclusions(): Promise<void>
  createCompositeUniqueConstraints(): Promise<void>
  createForeignKeys(): Promise<void>
}

/** What is used of TypeORM's drivers. */
export interface SchemaDriver {
  createSchemaBuilder(): SchemaBuilder
  findChangedColumns(table: TableColumn[], columns: ColumnMetadata[]): ColumnMetadata[]
  createFullType(column: TableColumn): string
  readonly schema?: string
  readonly database?: string
}

/**
 * The real tables, and statements that are remembered instead of run: each operation changes the tables as they are held in
 * memory, so that the next one finds them changed.
 */
export class RehearsedSchema {
  private constructor(
    readonly queryRunner: QueryRunner,
    readonly driver: SchemaDriver,
    readonly builder: SchemaBuilder,
    readonly entities: readonly EntityMetadata[],
  ) {}

  static async open(dataSource: DataSourceLike): Promise<RehearsedSchema> {
    const driver = dataSource.driver as SchemaDriver
    const queryRunner = dataSource.createQueryRunner('master') as unknown as QueryRunner
    try {
      const builder = driver.createSchemaBuilder()
      const entities = builder.entityToSyncMetadatas
      builder.queryRunner = queryRunner
      builder.views = []
      builder.tables = await queryRunner.getTables(entities.map((metadata) => builder.getTablePath(metadata)))
      queryRunner.enableSqlMemory()
      return new RehearsedSchema(queryRunner, driver, builder, entities)
    } catch (error) {
      await queryRunner.release()
      throw error
    }
  }

  table(metadata: EntityMetadata): Table | undefined {
    const path = this.builder.getTablePath(metadata)
    return this.builder.tables.find((table) => this.builder.getTablePath(table) === path)
  }

  /** The columns of an entity as TypeORM would make them. */
  columnsOf(
    metadata: EntityMetadata,
  ): readonly { readonly metadata: ColumnMetadata; readonly options: TableColumnOptions }[] {
    const columns = metadata.columns.filter((column) => !column.isVirtualProperty)
    const options = this.builder.metadataColumnsToTableColumnOptions(columns)
    return columns.map((column, i) => ({ metadata: column, options: options[i]! }))
  }

  /** The builder, restricted to one entity. */
  builderFor(metadata: EntityMetadata): SchemaBuilder {
    return Object.defineProperty(this.builder, 'entityToSyncMetadatas', { value: [metadata], configurable: true })
  }

  /** What a task would run, with what takes it back. */
  async rehearse(
    task: () => Promise<unknown>,
  ): Promise<{ readonly up: readonly SchemaStatement[]; readonly down: readonly SchemaStatement[] }> {
    this.queryRunner.clearSqlMemory()
    await task()
    const { upQueries, downQueries } = this.queryRunner.getMemorySql()
    const plain = ({ query, parameters }: { query: string; parameters?: unknown[] }) => ({
      text: query,
      parameters: parameters ?? [],
    })
    return { up: upQueries.map(plain), down: downQueries.map(plain).reverse() }
  }

  /** All that TypeORM itself would still change for an entity, in its own order. */
  async remaining(metadata: EntityMetadata): Promise<readonly SchemaStatement[]> {
    const builder = this.builderFor(metadata)
    const { up } = await this.rehearse(async () => {
      await builder.dropOldForeignKeys()
      await builder.dropOldIndices()
      await builder.dropOldChecks()
      await builder.dropOldExclusions()
      await builder.dropCompositeUniqueConstraints()
      await builder.changeTableComment()
      await builder.dropRemovedColumns()
      await builder.addNewColumns()
      await builder.updatePrimaryKeys()
      await builder.updateExistColumns()
      await builder.createNewIndices()
      await builder.createNewChecks()
      await builder.createNewExclusions()
      await builder.createCompositeUniqueConstraints()
      await builder.createForeignKeys()
    })
    return up
  }

  /** Runs a task whose changes to the tables in memory are forgotten. */
  async onCopies<T>(task: () => Promise<T>): Promise<T> {
    const runner = this.queryRunner as unknown as { loadedTables: Table[] }
    const tables = this.builder.tables
    const copies = tables.map((table) => table.clone())
    this.builder.tables = copies
    runner.loadedTables = copies
    try {
      return await task()
    } finally {
      this.builder.tables = tables
      runner.loadedTables = tables
    }
  }

  async release(): Promise<void> {
    this.queryRunner.disableSqlMemory()
    await this.queryRunner.release()
  }
}
