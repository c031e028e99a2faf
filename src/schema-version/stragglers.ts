import type { BackfillOptions } from '../backfill/definition/backfill-options.js'
import { type Backfill, defineBackfill } from '../backfill/definition/define-backfill.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { fieldsOf } from './fields.js'
import type { VersionedRows } from './upgrade-on-read.js'
import type { History } from './version-history.js'

type Row = Readonly<Record<string, unknown>>
type AnyOptions = BackfillOptions<Row, Readonly<Record<string, true>>, Readonly<Record<string, true>>>

/** What `stragglers` is told: as in `defineBackfill`, all that is not in the versions already. */
export interface StragglersOptions
  extends Pick<AnyOptions, 'batchRows' | 'delayMs' | 'maxFailures' | 'journal' | 'revision'> {
  /** Default: the entity or model and its version, `Settings.2.0.0`. */
  readonly name?: string
  /** The versions whose rows are upgraded. Default: all earlier ones that steps lead on from. Their fields are columns of the table still. */
  readonly from?: readonly string[]
}

/** Rows whose version stands in them, and what a definition calls their table. */
export interface StragglingRows extends VersionedRows {
  readonly table: object
  /** Fields of the primary key, which no step changes. */
  readonly key: ReadonlySet<string>
}

/**
 * The backfill of rows whose version is behind, by the steps of their versions.
 * @throws RowshiftError INVALID_DEFINITION without earlier versions; VERSION_UNKNOWN, VERSION_PATH
 */
export function defineStragglers(rows: StragglingRows, options: StragglersOptions): Backfill<Row, Row> {
  const { entity, history, version, column, key, table } = rows
  const { property, none } = column
  const { from = earlier(history, version), name = `${entity}.${version}`, ...rest } = options
  if (from.length === 0) {
    throw new RowshiftError('INVALID_DEFINITION', {
      message: `${entity} has the first of its versions, ${version}, so no row can be behind.`,
    })
  }
  const converters = new Map(from.map((one) => [one, history.converter(one, version, 'plain')]))
  const fields = new Map(from.map((one) => [one, [...fieldsOf(history.requireShape(one)).names]]))
  const written = [...fieldsOf(history.requireShape(version)).names].filter(
    (field) => field !== property && !key.has(field),
  )
  const definition: unknown = {
    ...rest,
    name,
    table,
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
