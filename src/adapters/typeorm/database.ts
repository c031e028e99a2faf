import type { Dialect } from '../../dialects/dialect.js'
import { mysql } from '../../dialects/mysql/index.js'
import { inSchema } from '../../dialects/postgres/in-schema.js'
import { postgres } from '../../dialects/postgres/index.js'
import { sqlite } from '../../dialects/sqlite/index.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { Database, MappedTable, Session } from '../database.js'
import { withinTime } from '../within-time.js'
import type { DataSourceLike, EntityMetadataLike, QueryRunnerLike } from './data-source.js'
import { entityColumn } from './entity-columns.js'
import { statedTables } from './entity-versions.js'
import { openMysqlSession } from './mysql-session.js'
import { openPostgresSession } from './postgres-session.js'
import { readSchema } from './schema/read-schema.js'
import { borrowSqliteSession, openSqliteSession } from './sqlite-session.js'

/** What differs between TypeORM's drivers. */
interface DriverSupport {
  readonly dialect: Dialect
  /** A session on the connection that a query runner holds. */
  open(queryRunner: QueryRunnerLike, options: { readonly isBorrowed: boolean }): Promise<Session>
  /** A session of its own, where that is not a further query runner. */
  connect?(dataSource: DataSourceLike): Promise<Session>
}

const sqliteSupport: DriverSupport = {
  dialect: sqlite,
  open: async (queryRunner) => borrowSqliteSession(queryRunner),
  connect: openSqliteSession,
}

const drivers: Readonly<Record<string, DriverSupport>> = {
  postgres: { dialect: postgres, open: openPostgresSession },
  mysql: { dialect: mysql, open: openMysqlSession },
  mariadb: { dialect: mysql, open: openMysqlSession },
  'better-sqlite3': sqliteSupport,
  sqljs: sqliteSupport,
}

function supportOf(dataSource: DataSourceLike): DriverSupport {
  const { type } = dataSource.options
  const support = drivers[type]
  if (support) return support
  throw new RowshiftError('UNSUPPORTED_DATABASE', {
    message: `TypeORM's driver "${type}" is not supported. Supported are: ${Object.keys(drivers).join(', ')}.`,
    details: { driver: type },
  })
}

/**
 * A database through an initialized data source. The caller keeps the data source; `close` leaves it open unless told
 * otherwise.
 * @throws RowshiftError UNSUPPORTED_DATABASE
 */
export function databaseOf(dataSource: DataSourceLike, options: { readonly ownsDataSource?: boolean } = {}): Database {
  const { dialect: plain, open, connect } = supportOf(dataSource)
  const { entityPrefix = '', schema: named } = dataSource.options as Record<string, string | undefined>
  const schema = plain.name === 'postgres' ? named : undefined
  const dialect = schema === undefined ? plain : inSchema(schema)
  return {
    kind: 'database',
    dialect,
    pool: dataSource,
    stateNames: { schema, prefix: `${entityPrefix}rowshift_` },
    label: [dialect.name, placeOf(dataSource.options)].filter(Boolean).join(' '),
    async connect({ timeoutMs = 30_000 } = {}) {
      if (connect) return connect(dataSource)
      // Always the primary: a replica lags behind, and rows read there would be written over newer ones.
      const queryRunner = dataSource.createQueryRunner('master')
      return withinTime(open(queryRunner, { isBorrowed: false }), timeoutMs, 'poolSize', () => queryRunner.release())
    },
    mapping: (source) => mappingOf(dataSource, dialect, source),
    statedTables: () => statedTables(dataSource, dialect),
    generateCommand: 'rowshift generate',
    readSchema: () => readSchema(dataSource, dialect),
    async close() {
      if (!options.ownsDataSource || !dataSource.isInitialized) return
      try {
        await dataSource.destroy()
      } catch (error) {
        // MySQL's pool ends all of its connections, and then says why one had been lost before: nothing that a run, which has gone
        // on without it, should fail for.
        if (dialect.classifyError(error).class !== 'connection-lost') throw error
      }
    },
  }
}

/** `shop@db1`, from the options or their URL. Never a user or a password. */
function placeOf(options: DataSourceLike['options']): string {
  const { database, host, url } = options as Record<string, string | undefined>
  const parsed = url !== undefined && URL.canParse(url) ? new URL(url) : undefined
  const name = database ?? parsed?.pathname.slice(1) ?? ''
  const server = host ?? parsed?.hostname
  return server ? `${name}@${server}` : name
}

/** The connection of a query runner that a migration was given. */
export function borrowSession(queryRunner: QueryRunnerLike): Promise<Session> {
  return supportOf(queryRunner.dataSource).open(queryRunner, { isBorrowed: true })
}

function mappingOf(dataSource: DataSourceLike, dialect: Dialect, source: unknown): MappedTable {
  if (!dataSource.hasMetadata(source as never)) {
    const name =
      typeof source === 'function' ? source.name : String((source as { options?: { name?: string } })?.options?.name)
    throw new RowshiftError('ENTITY_NOT_FOUND', {
      message: `entity "${name}" is not part of this data source. Add it to \`entities\`, or name the table instead.`,
      details: { entity: name },
    })
  }
  const metadata = dataSource.getMetadata(source as never)
  const columns = metadata.columns
    .filter((column) => !column.isVirtual)
    .map((column) => [column.propertyPath, entityColumn(dataSource, dialect, column)] as const)
  const discriminator = discriminatorOf(metadata)
  return {
    table: {
      schema: metadata.schema ?? (dialect.name === 'mysql' ? metadata.database : undefined),
      name: metadata.tableName,
    },
    columns: new Map(columns),
    ...(discriminator && { discriminator }),
  }
}

/** Entities that share a table are told apart by a column; a parent's rows include its children's. */
function discriminatorOf(metadata: EntityMetadataLike): MappedTable['discriminator'] {
  if (metadata.inheritancePattern !== 'STI' && metadata.discriminatorValue === undefined) return undefined
  const { discriminatorColumn } = metadata
  if (!discriminatorColumn) return undefined
  const values = [metadata, ...metadata.childEntityMetadatas].flatMap(
    ({ discriminatorValue }) => discriminatorValue ?? [],
  )
  return { column: discriminatorColumn.databaseName, values }
}
