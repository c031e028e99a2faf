import { writeTableName } from '../../backfill/definition/table-name.js'
import type { Dialect } from '../../dialects/dialect.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { Versions } from '../../schema-version/define-versions.js'
import { type StatedVersion, statedVersion, stateVersion } from '../../schema-version/schema-version.js'
import type { SemVer } from '../../schema-version/semver.js'
import type { ShapeType } from '../../schema-version/shape.js'
import type { StatedTable } from '../database.js'
import type { DataSourceLike, EntityMetadataLike } from './data-source.js'

/** An EntitySchema, by structure. */
interface EntitySchemaLike {
  readonly options: { readonly name: string; readonly target?: unknown }
}

// What TypeORM builds from an EntitySchema does not lead back to it, so those with a version are remembered by what it does keep.
const rememberedKey = Symbol.for('rowshift.entity-schemas')

type Remembered = Map<unknown, StatedVersion[]>

function remembered(): Remembered {
  const place = globalThis as { [rememberedKey]?: Remembered }
  place[rememberedKey] ??= new Map()
  return place[rememberedKey]
}

const identityOf = ({ options: { name, target } }: EntitySchemaLike): unknown => target ?? name

/** The keys of an EntitySchema's entity. */
type EntityKeys<S> = S extends { readonly options: { readonly columns?: infer C } } ? keyof NonNullable<C> : never

/** What a version has and the entity does not. Columns of embedded entities go by a path, which is no key of it. */
type Lacking<S, T> = Exclude<keyof T & string, EntityKeys<S> | `${string}.${string}`>

/** Refuses an EntitySchema that does not have the columns of `T`. */
type WithColumns<S, T> = [Lacking<S, T>] extends [never] ? unknown : `the entity has no "${Lacking<S, T>}"`

/**
 * The decorator's counterpart for an EntitySchema, which it returns. Two schemas of one name with different versions are refused
 * when they are asked for.
 *
 *   export const TagSchema = withSchemaVersion('1.2.0', new EntitySchema<Tag>({ ... }))
 *
 * @throws RowshiftError VERSION_INVALID, VERSION_DUPLICATE, VERSION_UNKNOWN
 */
export function withSchemaVersion<S extends EntitySchemaLike>(version: SemVer, schema: S): S
export function withSchemaVersion<M extends object, const N extends keyof M & SemVer, S extends EntitySchemaLike>(
  version: N,
  schema: S & WithColumns<S, ShapeType<M[N]>>,
  options: { readonly of: Versions<M> },
): S
export function withSchemaVersion<S extends EntitySchemaLike>(
  version: SemVer,
  schema: S,
  options?: { readonly of: unknown },
): S {
  const whose = `EntitySchema "${schema.options.name}"`
  stateVersion(schema, whose, { version, of: options?.of })
  const all = remembered()
  all.set(identityOf(schema), [...(all.get(identityOf(schema)) ?? []), { version, of: options?.of }])
  return schema
}

/** Every entity's table, and the version that the code states for it. @throws RowshiftError VERSION_DUPLICATE */
export function statedTables(dataSource: DataSourceLike, dialect: Dialect): readonly StatedTable[] {
  const given = entitySchemas(dataSource.options.entities)
  const families = new Map<string, EntityMetadataLike[]>()
  for (const metadata of dataSource.entityMetadatas) {
    // Views have no rows of their own; junction tables belong to a relation and no class stands for them.
    if (!['regular', 'entity-child'].includes(metadata.tableType)) continue
    const text = writeTableName(tableOf(metadata, dialect))
    families.set(text, [...(families.get(text) ?? []), metadata])
  }
  return [...families.values()].map((family) => {
    // Children of single table inheritance share the table of their parent, which has the columns of all.
    const root = family.find((metadata) => metadata.tableType !== 'entity-child') ?? family[0]!
    const stated = versionOf(root, given)
    for (const child of family) requireSame(root, stated, child, versionOf(child, given))
    return {
      entity: root.name,
      table: tableOf(root, dialect),
      version: stated?.version,
      of: stated?.of,
      columns: root.columns
        .filter((column) => !column.isVirtualProperty)
        .map(({ databaseName, isNullable }) => ({ name: databaseName, isNullable })),
    }
  })
}

const tableOf = ({ schema, database, tableName }: EntityMetadataLike, dialect: Dialect) => ({
  schema: schema ?? (dialect.name === 'mysql' ? database : undefined),
  name: tableName,
})

function versionOf(metadata: EntityMetadataLike, given: readonly EntitySchemaLike[]): StatedVersion | undefined {
  const own = statedVersion(metadata.target)
  if (own) return own
  const identity = metadata.target ?? metadata.name
  const schema = given.find((one) => identityOf(one) === identity || one.options.name === metadata.name)
  if (schema) return statedVersion(schema)
  const candidates = remembered().get(identity) ?? []
  const versions = [...new Set(candidates.map(({ version }) => version))]
  if (versions.length > 1) throw twoVersions(`entity "${metadata.name}"`, versions)
  return candidates.at(-1)
}

function entitySchemas(entities: unknown): readonly EntitySchemaLike[] {
  const list = typeof entities === 'object' && entities !== null ? Object.values(entities) : []
  return list.filter((item) => typeof item === 'object' && item !== null && 'options' in item)
}

function requireSame(
  root: EntityMetadataLike,
  stated: StatedVersion | undefined,
  child: EntityMetadataLike,
  own: StatedVersion | undefined,
): void {
  if (own === undefined || own.version === stated?.version) return
  const whose = `table "${root.tableName}", which ${child.name} shares with ${root.name},`
  throw twoVersions(whose, [stated?.version ?? 'none', own.version])
}

function twoVersions(whose: string, versions: readonly string[]): RowshiftError {
  return new RowshiftError('VERSION_DUPLICATE', {
    message: `${whose} has two schema versions, ${versions.join(' and ')}. One table has one version: state it once, on the parent where entities share a table.`,
    details: { versions },
  })
}
