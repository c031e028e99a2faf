import type { EntityClass } from '../../backfill/definition/columns.js'
import type { Backfill } from '../../backfill/definition/define-backfill.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { statedVersion } from '../../schema-version/schema-version.js'
import { defineStragglers, type StragglersOptions } from '../../schema-version/stragglers.js'
import { historyOf } from '../../schema-version/version-history.js'
import { primaryProperties, versionProperty } from './schema-version-column.js'

type Row = Readonly<Record<string, unknown>>

/**
 * The backfill of an entity with `@SchemaVersion('2.0.0', { of })` and a `@SchemaVersionColumn()`: rows whose version is behind are taken
 * along by the steps of their versions and get the version. What nobody has read since is no longer old then.
 *
 *   export const settingsStragglers = stragglers(Settings)
 *
 * @throws RowshiftError INVALID_DEFINITION for a class without either, or without earlier versions; VERSION_UNKNOWN, VERSION_PATH
 */
export function stragglers(entity: EntityClass<object>, options: StragglersOptions = {}): Backfill<Row, Row> {
  const column = versionProperty(entity)
  const stated = statedVersion(entity)
  const history = stated && historyOf(stated.of)
  if (!column || !history) {
    throw new RowshiftError('INVALID_DEFINITION', {
      message: `${entity.name} has no version that its rows could be behind. Give it \`@SchemaVersion(version, { of })\` and a \`@SchemaVersionColumn()\`.`,
    })
  }
  const { version } = stated
  const key = primaryProperties(entity)
  return defineStragglers({ entity: entity.name, table: entity, column, version, history, key }, options)
}
