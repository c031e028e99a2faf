import { createRequire } from 'node:module'
import type { EntityClass } from '../../backfill/definition/columns.js'
import type { VersionProperty } from '../../schema-version/upgrade-on-read.js'

interface ColumnArgsLike {
  readonly target: unknown
  readonly propertyName: string
  readonly mode: string
  readonly options: object
}

/** What rowshift uses of TypeORM's storage of decorators, which all of its copies in a process share. */
interface MetadataArgsStorageLike {
  readonly columns: ColumnArgsLike[]
  readonly entitySubscribers: { readonly target: unknown }[]
}

const load = createRequire(__filename)

interface TypeormLike {
  getMetadataArgsStorage(): MetadataArgsStorageLike
  IsNull(): unknown
}

export const metadataArgsStorage = (): MetadataArgsStorageLike =>
  (load('typeorm') as TypeormLike).getMetadataArgsStorage()

/** TypeORM's condition for a column without a value. */
export const isNull = (): unknown => (load('typeorm') as TypeormLike).IsNull()

// Registered, so that two copies of rowshift in one process see each other's columns.
const columnKey = Symbol.for('rowshift.schema-version-column')

/**
 * A column that holds the version of each row: a text that may be NULL, for rows from before the column. New rows get the version of
 * their class; `UpgradeOnRead` takes older ones along when they are read, and `stragglers` is the backfill of the others.
 *
 *   @Entity() @SchemaVersion('2.0.0', { of: settings }) class Settings { @SchemaVersionColumn({ none: '1.0.0' }) v!: string | null }
 *
 * `none` is the version of rows that have none; without it they are left as they are.
 */
export function SchemaVersionColumn(options: { readonly none?: string; readonly name?: string } = {}) {
  return (prototype: object, property: string): void => {
    const { none, name } = options
    const target = prototype.constructor
    Object.defineProperty(target, columnKey, { value: Object.freeze({ property, none }) })
    metadataArgsStorage().columns.push({
      target,
      propertyName: property,
      mode: 'regular',
      options: { type: 'varchar', length: 32, nullable: true, ...(name !== undefined && { name }) },
    })
  }
}

/** The version column of an entity class, its parent's too. */
export function versionProperty(target: unknown): VersionProperty | undefined {
  return typeof target === 'function' ? (target as { readonly [columnKey]?: VersionProperty })[columnKey] : undefined
}

/** The properties of an entity's primary key, its parents' too. */
export function primaryProperties(target: EntityClass<object>): ReadonlySet<string> {
  const columns = metadataArgsStorage().columns.filter((column) => (column.options as { primary?: boolean }).primary)
  const own = columns.filter(({ target: owner }) => owner === target || isParent(owner, target))
  return new Set(own.map(({ propertyName }) => propertyName))
}

const isParent = (owner: unknown, target: EntityClass<object>): boolean =>
  typeof owner === 'function' && Object.prototype.isPrototypeOf.call(owner, target)
