export type { Database, DatabaseSource } from './adapters/database.js'
export type {
  After,
  AssertionContext,
  AssertionOptions,
  Assertions,
  BackfillOptions,
  Before,
  Changed,
  ChangeOptions,
  CheckedSet,
  Comparison,
  CreateOptions,
  InsertBackfillOptions,
  InsertPageOptions,
  JournalOptions,
  Known,
  OnConflict,
  PageBackfillOptions,
  PageContext,
  Query,
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
export type { DedupeBackfillOptions, Keep, NamedColumn, Others, Repoint } from './backfill/definition/dedupe-options.js'
export {
  type Backfill,
  type ChangesOf,
  type DefineBackfill,
  type DefineInsert,
  defineBackfill,
  type RowOf,
} from './backfill/definition/define-backfill.js'
export type { ArchiveOptions, DeleteBackfillOptions } from './backfill/definition/delete-options.js'
export { type Sequence, sequence } from './backfill/definition/sequence.js'
export { toBeWritten } from './backfill/definition/to-be-written.js'
export type { Progress } from './backfill/progress.js'
export type { AssertionOutcome } from './backfill/verify/assertions.js'
export type { Recomputed, Verification } from './backfill/verify/verify.js'
export {
  type Config,
  type DataSourceConfig,
  type DataSourcesConfig,
  defineConfig,
  type TenantsConfig,
} from './config.js'
export { type Sql, sql } from './dialects/sql.js'
export type { ErrorCode } from './errors/codes.js'
export { type ErrorDetails, RowshiftError } from './errors/rowshift-error.js'
export type { RunCounts, RunResult } from './runs/run-result.js'
export type { TenantOutcome, TenantsReport } from './runs/tenants/each-tenant.js'
export { type EachTenantOptions, runEachTenant, type TenantEvent } from './runs/tenants/run-each-tenant.js'
export type { Tenants } from './runs/tenants/tenants.js'
export type { ThrottleAnswer, ThrottleFunction } from './runs/throttle/custom.js'
export type { PaceOptions } from './runs/throttle/pace-options.js'
export { type BackfillWorker, createWorker, type WorkerEvent, type WorkerOptions } from './runs/worker.js'
export type { ClassTransformerOptions, ClassValidatorOptions } from './schema-version/class-libraries.js'
export type {
  Collected,
  ConvertedStream,
  ConvertHooks,
  ConvertManyOptions,
  ConvertOptions,
  ConvertReport,
  ConvertStreamOptions,
  InTime,
  OnError,
  ReadableStreamOf,
  RecordFailure,
  RecordPlace,
  RecordSource,
  ResultOf,
  RetryOptions,
  StampedVersion,
} from './schema-version/convert-options.js'
export { defineVersions, type PathStep, type Versions } from './schema-version/define-versions.js'
export type {
  ChangedField,
  FieldChange,
  ProbableRename,
  SchemaDiff,
} from './schema-version/diff/diff-schemas.js'
export { diffSchemas } from './schema-version/diff/diff-schemas.js'
export { diffVersions, type VersionDiff } from './schema-version/diff/diff-versions.js'
export { diffMarkdown } from './schema-version/diff/markdown.js'
export { proposeStep } from './schema-version/diff/proposal.js'
export type { Finding } from './schema-version/finding.js'
export type { FinishOptions, ResultKind } from './schema-version/finish.js'
export { jsonSchema } from './schema-version/json-schema/json-schema.js'
export type { JsonSchema } from './schema-version/json-schema/types.js'
export type { Parallel, ParallelOptions } from './schema-version/parallel/options.js'
export { SchemaVersion, schemaVersionOf, type VersionDecorator } from './schema-version/schema-version.js'
export type { SemVer } from './schema-version/semver.js'
export {
  type Field,
  type FilledKeys,
  field,
  type SchemaIssue,
  type SchemaResult,
  type Shape,
  type ShapeType,
  type StandardSchema,
  type ValidatedType,
  type VersionColumns,
} from './schema-version/shape.js'
export {
  type Back,
  downgrade,
  type Onward,
  type StepChanges,
  type StepFunction,
  upgrade,
} from './schema-version/steps.js'
