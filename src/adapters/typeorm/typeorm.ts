import { resolve } from 'node:path'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { Database, DatabaseSource } from '../database.js'
import { loadModule } from '../load-module.js'
import type { DataSourceLike } from './data-source.js'
import { databaseOf } from './database.js'

/** A TypeORM data source, by structure. */
export interface TypeormDataSource {
  readonly isInitialized: boolean
  initialize(): Promise<unknown>
  readonly options: { readonly type: string }
}

/** The file that exports a data source, the data source itself, or a function that makes one. */
export type DataSourceSource = string | TypeormDataSource | (() => TypeormDataSource | Promise<TypeormDataSource>)

/**
 * A database through TypeORM, for `defineConfig` and `createWorker`. A data source that is not yet initialized is initialized on
 * first use, and then also destroyed when the work is done; its `synchronize`, `dropSchema` and `migrationsRun` are off here.
 *
 *   typeorm('./src/data-source.ts')
 *   typeorm(dataSource)
 *
 * Opening throws RowshiftError INVALID_CONFIG when the file has no data source, UNSUPPORTED_DATABASE for other drivers.
 */
export function typeorm(source: DataSourceSource): DatabaseSource {
  return {
    kind: 'database-source',
    ...(typeof source === 'string' && { file: source }),
    async open(): Promise<Database> {
      const dataSource = (await find(source)) as unknown as DataSourceLike
      const isOurs = !dataSource.isInitialized
      if (!isOurs) return databaseOf(dataSource)
      const { migrations } = dataSource.options
      // Opening must not change the schema, let alone drop it: as the `typeorm` command does. Migrations are not run here, so their
      // files, which Node may not be able to load as they are, are left alone.
      dataSource.setOptions({ synchronize: false, dropSchema: false, migrationsRun: false, migrations: [] })
      try {
        await dataSource.initialize()
        const database = databaseOf(dataSource, { ownsDataSource: true })
        return {
          ...database,
          async close() {
            await database.close()
            dataSource.setOptions({ migrations })
          },
        }
      } catch (error) {
        if (dataSource.isInitialized) await dataSource.destroy()
        dataSource.setOptions({ migrations })
        throw error
      }
    },
  }
}

async function find(source: DataSourceSource): Promise<TypeormDataSource> {
  if (typeof source === 'function') return source()
  if (typeof source !== 'string') return source
  const path = resolve(source)
  let exports: Readonly<Record<string, unknown>>
  try {
    exports = await loadModule(path)
  } catch (cause) {
    throw new RowshiftError('INVALID_CONFIG', {
      message: `the data source file ${path} could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    })
  }
  for (const value of Object.values(exports)) {
    const found: unknown = await value
    if (isDataSource(found)) return found
  }
  throw new RowshiftError('INVALID_CONFIG', {
    message: `${path} exports no DataSource. Export one, as for the typeorm command.`,
  })
}

function isDataSource(value: unknown): value is TypeormDataSource {
  const candidate = value as Partial<DataSourceLike> | null | undefined
  return typeof candidate?.initialize === 'function' && typeof candidate.createQueryRunner === 'function'
}
