export { withSchemaVersion } from './entity-versions.js'
export {
  backfill,
  buildOnline,
  type MigrationQueryRunner,
  recordVersion,
  requireCompleted,
  schedule,
  undo,
} from './migration.js'
export { refuseLoss, requireReversible, requireWritten } from './migration-checks.js'
export { type DataSourceSource, typeorm } from './typeorm.js'
