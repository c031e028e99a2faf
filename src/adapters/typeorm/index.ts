export { backfill, type MigrationQueryRunner, requireCompleted, schedule, undo } from './migration.js'
export { type DataSourceSource, typeorm } from './typeorm.js'
