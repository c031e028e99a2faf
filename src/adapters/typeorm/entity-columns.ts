import type { Codec, Dialect } from '../../dialects/dialect.js'
import { bitBytes } from '../../dialects/mysql/codecs.js'
import { driverValue as sqliteValue } from '../../dialects/sqlite/codecs.js'
import { sqlite } from '../../dialects/sqlite/index.js'
import type { ColumnInfo } from '../../dialects/table.js'
import { requireValidDate } from '../../dialects/values.js'
import type { MappedColumn } from '../database.js'
import type { ColumnMetadataLike, DataSourceLike } from './data-source.js'
import { fromWallClock, toWallClock, wallClockZone } from './wall-clock.js'

/** What rowshift uses of a TypeORM driver: its conversions, which apply the user's column transformers. */
interface DriverLike {
  preparePersistentValue(value: unknown, column: ColumnMetadataLike): unknown
  prepareHydratedValue(value: unknown, column: ColumnMetadataLike): unknown
  /** The `pg` module. */
  readonly postgres?: { readonly types: { getTypeParser(oid: number, format: 'text'): (text: string) => unknown } }
}

/**
 * An entity's column, converted as TypeORM converts it: text -> what the driver would have given -> the property's value, and
 * the same way back.
 */
export function entityColumn(dataSource: DataSourceLike, dialect: Dialect, metadata: ColumnMetadataLike): MappedColumn {
  const driver = dataSource.driver as DriverLike
  return {
    column: metadata.databaseName,
    decode(text, column) {
      if (text === null) return driver.prepareHydratedValue(null, metadata)
      const zone = driver.postgres ? undefined : wallClockZone(dataSource, column)
      const moment = zone && fromWallClock(text, zone)
      return driver.prepareHydratedValue(moment ?? driverValue(driver, dialect, column, text), metadata)
    },
    encode(value, column) {
      const prepared = driver.preparePersistentValue(value, metadata)
      if (prepared === null || prepared === undefined) return null
      const zone = prepared instanceof Date ? wallClockZone(dataSource, column) : undefined
      const text = zone ? toWallClock(requireValidDate(prepared), zone) : driverText(dialect, column, prepared)
      // TypeORM prints what it is given; whether the column can hold it is for the dialect to say.
      return textCodecOf(dialect, column)?.encode(text) ?? text
    },
  }
}

/** What the driver gives for a column. PostgreSQL's parsers may have been replaced by the application, so they are asked. */
function driverValue(driver: DriverLike, dialect: Dialect, column: ColumnInfo, text: string): unknown {
  if (driver.postgres && column.typeId !== undefined)
    return driver.postgres.types.getTypeParser(column.typeId, 'text')(text)
  if (dialect === sqlite) return sqliteValue(column, text)
  if (column.castType === 'bit') return bitBytes.from(column, text)
  const value = codecOf(dialect, column).decode(text)
  // The drivers give these as the text or number that TypeORM's own conversion expects.
  if (typeof value === 'bigint') return value.toString()
  if (column.kind === 'boolean' && typeof value === 'boolean') return value ? 1 : 0
  if (column.kind === 'bytes') return Buffer.from(value as Uint8Array)
  return value
}

/** The text of what TypeORM would have bound. */
function driverText(dialect: Dialect, column: ColumnInfo, value: unknown): string {
  const codec = codecOf(dialect, column)
  switch (typeof value) {
    case 'string':
      // Printed by TypeORM already: JSON, dates, points, lists.
      return column.kind === 'bytes' ? codec.encode(Buffer.from(value)) : value
    case 'boolean':
      return dialect.codec(column, 'boolean')?.encode(value) ?? String(value)
    case 'number':
    case 'bigint':
      return column.kind === 'double' ? codec.encode(Number(value)) : String(value)
    default:
      break
  }
  if (value instanceof Date) return dialect.codec(column, 'timestamp')?.encode(value) ?? value.toISOString()
  if (value instanceof Uint8Array) return column.castType === 'bit' ? bitBytes.to(value) : codec.encode(value)
  if (Array.isArray(value) && column.kind !== 'json') return arrayText(value, column)
  // An interval, as `pg` reads it.
  const { toPostgres } = value as { toPostgres?(): unknown }
  if (typeof toPostgres === 'function') return driverText(dialect, column, toPostgres.call(value))
  return JSON.stringify(value)
}

/** A column's codecs, kept because making one takes longer than using it. A column is of one dialect. */
const codecs = new WeakMap<ColumnInfo, { readonly own: Codec | undefined; readonly text: Codec | undefined }>()

function codecsOf(dialect: Dialect, column: ColumnInfo) {
  let found = codecs.get(column)
  if (!found) {
    found = { own: dialect.codec(column, column.kind), text: dialect.codec(column, 'text') }
    codecs.set(column, found)
  }
  return found
}

const textCodecOf = (dialect: Dialect, column: ColumnInfo): Codec | undefined => codecsOf(dialect, column).text

function codecOf(dialect: Dialect, column: ColumnInfo): Codec {
  const { own } = codecsOf(dialect, column)
  if (!own) throw new TypeError(`no conversion for ${column.type}`)
  return own
}

const wallClockArray = /^(?:timestamp\S* without time zone|date)\[/

/** A PostgreSQL array: {"a","b\"c",NULL} */
function arrayText(values: readonly unknown[], column: ColumnInfo): string {
  const momentText = (moment: Date) =>
    wallClockArray.test(column.type) ? toWallClock(moment, 'local') : moment.toISOString()
  const items = values.map((item) => {
    if (item === null || item === undefined) return 'NULL'
    if (Array.isArray(item)) return arrayText(item, column)
    const text =
      item instanceof Date
        ? momentText(item)
        : item instanceof Uint8Array
          ? `\\x${Buffer.from(item).toString('hex')}`
          : typeof item === 'object'
            ? JSON.stringify(item)
            : String(item)
    return `"${text.replace(/["\\]/g, '\\$&')}"`
  })
  return `{${items.join(',')}}`
}
