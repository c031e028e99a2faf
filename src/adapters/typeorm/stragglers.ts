import type { BackfillOptions } from '../../backfill/definition/backfill-options.js'
import type { EntityClass } from '../../backfill/definition/columns.js'
import { type Backfill, defineBackfill } from '../../backfill/definition/define-backfill.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { fieldsOf } from '../../schema-version/fields.js'
import { statedVersion } from '../../schema-version/schema-version.js'
import { type History, historyOf } from '../../schema-version/version-history.js'
import { primaryProperties, versionProperty } from './schema-version-column.js'

type Row = Readonly<Record<string, unknown>>
type AnyOptions = BackfillOptions<Row, Readonly<Record<string, true>>, Readonly<Record<string, true>>>

/** What {@link stragglers} is told: as in `defineBackfill`, all that is not in the versions already. */
export interface StragglersOptions
  extends Pick<AnyOptions, 'batchRows' | 'delayMs' | 'maxFailures' | 'journal' | 'revision'> {
  /** Default: the class and its version, `Settings.2.0.0`. */
  readonly name?: string
  /** The versions whose rows are upgraded. Default: all earlier ones that steps lead on from. Their fields are columns of the entity still. */
  readonly from?: readonly string[]
}

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
    throw invalid(
      entity,
      'has no version that its rows could be behind. Give it `@SchemaVersion(version, { of })` and a `@SchemaVersionColumn()`',
    )
  }
  const { version } = stated
  const { property, none } = column
  const { from = earlier(history, version), name = `${entity.name}.${version}`, ...rest } = options
  if (from.length === 0) throw invalid(entity, `has the first of its versions, ${version}, so no row can be behind`)
  const converters = new Map(from.map((one) => [one, history.converter(one, version, 'plain')]))
  const fields = new Map(from.map((one) => [one, [...fieldsOf(history.requireShape(one)).names]]))
  const key = primaryProperties(entity)
  const written = [...fieldsOf(history.requireShape(version)).names].filter(
    (field) => field !== property && !key.has(field),
  )
  const definition: unknown = {
    ...rest,
    name,
    table: entity,
    select: named([property, ...[...fields.values()].flat()]),
    write: named([property, ...written]),
    where: { [property]: none !== undefined && converters.has(none) ? [...from, null] : from },
    transform(row: Row) {
      const own = (row[property] ?? none) as string
      const record = Object.fromEntries(fields.get(own)!.map((field) => [field, row[field]]))
      const upgraded = converters.get(own)!.convert(record, undefined) as Row
      return { ...Object.fromEntries(written.map((field) => [field, upgraded[field] ?? null])), [property]: version }
    },
  }
  return defineBackfill(definition as never)
}

/** The versions before one that steps lead on from. */
function earlier(history: History, version: string): readonly string[] {
  const before = history.versions.slice(0, history.versions.indexOf(version))
  return before.filter((one) => history.hasPath(one, version))
}

const named = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, true]))

function invalid(entity: EntityClass<object>, problem: string): RowshiftError {
  return new RowshiftError('INVALID_DEFINITION', { message: `class ${entity.name} ${problem}.` })
}
