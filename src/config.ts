import type { DatabaseSource } from './adapters/database.js'
import type { Backfill } from './backfill/definition/define-backfill.js'
import type { Sequence } from './backfill/definition/sequence.js'
import type { Tenants } from './runs/tenants/tenants.js'
import type { PaceOptions } from './runs/throttle/pace-options.js'

/** A database, its definitions, and how its runs are paced. */
export interface DataSourceConfig {
  /** Where the rows are: `typeorm('./src/data-source.ts')`. */
  readonly database: DatabaseSource
  /** Globs of the files whose exports are the definitions, relative to the config file; or the definitions themselves. */
  readonly backfills: string | readonly (string | Backfill | Sequence)[]
  /** How hard `run` and `work` may press the database, and when they wait. Migrations do not wait: they hold locks. */
  readonly pace?: PaceOptions
}

/** The same for every tenant, each with a database, schema or file of its own: `--tenant <name>`, `--each-tenant`. */
export interface TenantsConfig extends Omit<DataSourceConfig, 'database'> {
  readonly tenants: Tenants
}

/** Several databases by name: every command is about one of them, `--data-source <name>`. */
export interface DataSourcesConfig {
  readonly dataSources: Readonly<Record<string, DataSourceConfig | TenantsConfig>>
}

/**
 * What `rowshift.config.ts` exports as its default. Its folder is the working directory of every command, wherever that was
 * started: paths here, and those that TypeORM takes relative to the working directory, begin there.
 */
export type Config = DataSourceConfig | TenantsConfig | DataSourcesConfig

/** Types the configuration; returns it unchanged. */
export function defineConfig(config: Config): Config {
  return config
}
