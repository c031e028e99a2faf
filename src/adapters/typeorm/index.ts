export type { StragglersOptions } from '../../schema-version/stragglers.js'
export type { UpgradeOnReadOptions } from '../../schema-version/upgrade-on-read.js'
export { type BulkCreateOptions, type BulkCreateRow, bulkCreate } from './bulk-create.js'
export type { BulkRepository } from './bulk-repository.js'
export { type BulkUpdateOptions, bulkUpdate } from './bulk-update.js'
export { entityJsonSchema } from './entity-json-schema.js'
export { withSchemaVersion } from './entity-versions.js'
export {
  backfill,
  changeSchema,
  type MigrationQueryRunner,
  recordVersion,
  requireCompleted,
  schedule,
  undo,
} from './migration.js'
export { refuseLoss, requireReversible, requireWritten } from './migration-checks.js'
export { SchemaVersionColumn } from './schema-version-column.js'
export { stragglers } from './stragglers.js'
export { type DataSourceSource, typeorm } from './typeorm.js'
export { UpgradeOnRead } from './upgrade-on-read.js'
