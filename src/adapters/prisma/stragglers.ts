import type { Model } from '../../backfill/definition/columns.js'
import type { Backfill } from '../../backfill/definition/define-backfill.js'
import type { VersionsWithin } from '../../schema-version/define-versions.js'
import { defineStragglers, type StragglersOptions } from '../../schema-version/stragglers.js'
import { modelOfToken } from './model-tokens.js'
import type { PrismaRegistry } from './registry.js'
import { versionedModel } from './versioned-models.js'

type Row = Readonly<Record<string, unknown>>

export interface ModelStragglersOptions<R> extends StragglersOptions {
  /** What `defineVersions` returned. */
  readonly of: VersionsWithin<keyof R>
  /** What the generator `rowshift-prisma` wrote. */
  readonly registry: PrismaRegistry
}

/**
 * The backfill of a model with `/// @schemaVersion 2.0.0` and, above a field, `/// @schemaVersionColumn`: rows whose version is behind
 * are taken along by the steps of their versions and get the version. What nobody has read since is no longer old then.
 *
 *   export const settingsStragglers = stragglers(models.settings, { of: settings, registry })
 *
 * @throws RowshiftError ENTITY_NOT_FOUND, VERSION_MISSING, COLUMN_NOT_FOUND, INVALID_CONFIG for a model that the registry has not, or
 * whose rows carry no version; INVALID_DEFINITION for one without earlier versions; VERSION_UNKNOWN, VERSION_PATH
 */
export function stragglers<R>(
  model: Model<R>,
  { of, registry, ...options }: ModelStragglersOptions<R>,
): Backfill<Row, Row> {
  const rows = versionedModel(registry, String(modelOfToken(model)), of)
  return defineStragglers({ ...rows, table: model, key: new Set(rows.model.key) }, options)
}
