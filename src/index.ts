export type { Database, DatabaseSource } from './adapters/database.js'
export type {
  After,
  BackfillOptions,
  Before,
  Changed,
  CheckedSet,
  Comparison,
  JournalOptions,
  Known,
  RowContext,
  Scalar,
  Settable,
  SetValues,
  SqlBackfillOptions,
  Where,
} from './backfill/definition/backfill-options.js'
export {
  type Cell,
  type CheckedSelection,
  type Column,
  type ColumnName,
  type Columns,
  type ColumnTypes,
  type ColumnWord,
  type EntityClass,
  type Json,
  json,
  type Model,
  type Row,
  type Selection,
  type Source,
  type TypedColumn,
  type ValueOf,
} from './backfill/definition/columns.js'
export {
  type Backfill,
  type ChangesOf,
  type DefineBackfill,
  defineBackfill,
  type RowOf,
} from './backfill/definition/define-backfill.js'
export { toBeWritten } from './backfill/definition/to-be-written.js'
export type { Progress } from './backfill/progress.js'
export type { Verification } from './backfill/verify.js'
export { type Config, type DataSourceConfig, type DataSourcesConfig, defineConfig } from './config.js'
export { type Sql, sql } from './dialects/sql.js'
export type { ErrorCode } from './errors/codes.js'
export { type ErrorDetails, RowshiftError } from './errors/rowshift-error.js'
export type { RunCounts, RunResult } from './runs/run-result.js'
export type { ThrottleAnswer, ThrottleFunction } from './runs/throttle/custom.js'
export type { PaceOptions } from './runs/throttle/pace-options.js'
export { type BackfillWorker, createWorker, type WorkerEvent, type WorkerOptions } from './runs/worker.js'
export {
  type ConvertOptions,
  defineVersions,
  type Onward,
  type Versions,
} from './schema-version/define-versions.js'
export { SchemaVersion, schemaVersionOf, type VersionDecorator } from './schema-version/schema-version.js'
export type { SemVer } from './schema-version/semver.js'
export type { Shape, ShapeType, StandardSchema } from './schema-version/shape.js'
export type { StepChanges, StepFunction } from './schema-version/steps.js'
