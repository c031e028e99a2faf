import type { Dialect } from '../../../dialects/dialect.js'
import type { SchemaReader } from '../../schema.js'
import type { DataSourceLike } from '../data-source.js'
import { RehearsedSchema } from './builder.js'
import { migrationWriter } from './migration-class.js'
import { planStages } from './stages.js'
import { readChanges } from './table-changes.js'

/** Reads the tables of all entities and compares them with the code. Changes nothing. */
export async function readSchema(dataSource: DataSourceLike, dialect: Dialect): Promise<SchemaReader> {
  const schema = await RehearsedSchema.open(dataSource)
  try {
    const changes = await readChanges(schema, dialect.name === 'mysql')
    const mode = dataSource.options.migrationsTransactionMode as SchemaReader['transactionMode'] | undefined
    return {
      transactionMode: mode ?? 'all',
      tables: changes,
      stages: (choices) => planStages(schema, dialect, changes, choices),
      migrations: migrationWriter,
      release: () => schema.release(),
    }
  } catch (error) {
    await schema.release()
    throw error
  }
}
