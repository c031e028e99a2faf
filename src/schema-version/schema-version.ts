import { RowshiftError } from '../errors/rowshift-error.js'
import type { Versions } from './define-versions.js'
import { requireVersion, type SemVer } from './semver.js'
import type { ShapeType } from './shape.js'
import { historyOf } from './version-history.js'

// Registered, so that two copies of rowshift in one process see each other's versions.
const versionKey = Symbol.for('rowshift.schema-version')

/** A class decorator, legacy and standard. Refuses a class that does not have the row shape `T`. */
export type VersionDecorator<T> = <C extends abstract new (...args: never) => T>(
  target: C,
  context?: ClassDecoratorContext<C>,
) => void

/** All but the columns of embedded entities: they go by a path (`address.city`), which is no field of the class. */
type OwnFields<T> = [Extract<keyof T, `${string}.${string}`>] extends [never]
  ? T
  : { [K in keyof T as K extends `${string}.${string}` ? never : K]: T[K] }

/** What an entity says about its version. */
export interface StatedVersion {
  readonly version: string
  /** What `defineVersions` returned, if it was given. */
  readonly of: unknown
}

/**
 * The version of an entity's row shape. Raise it with every change of the columns: `rowshift generate` then writes the migration
 * from the recorded version to this one.
 *
 * It belongs to the class that it stands above, and is not inherited: a subclass has another table. Children in a table that they
 * share with their parent (single table inheritance) have the parent's.
 *
 *   @Entity() @SchemaVersion('2.0.0') class City { ... }
 *   @Entity() @SchemaVersion('2.0.0', { of: city }) class City { ... }   // a class without what city 2.0.0 has does not compile
 *
 * @throws RowshiftError VERSION_INVALID, VERSION_DUPLICATE for a second one above the same class, VERSION_UNKNOWN when `of` does
 * not have the version
 */
export function SchemaVersion<const N extends SemVer>(version: N): VersionDecorator<unknown>
export function SchemaVersion<M extends object, const N extends keyof M & SemVer>(
  version: N,
  options: { readonly of: Versions<M> },
): VersionDecorator<OwnFields<ShapeType<M[N]>>>
export function SchemaVersion(version: string, options?: { readonly of: unknown }): VersionDecorator<unknown> {
  return (target) => stateVersion(target, `class ${target.name || '(anonymous)'}`, { version, of: options?.of })
}

/** @throws RowshiftError VERSION_INVALID, VERSION_DUPLICATE, VERSION_UNKNOWN */
export function stateVersion(target: object, whose: string, stated: StatedVersion): void {
  const { version, of } = stated
  requireVersion(version, whose)
  const earlier = statedVersion(target)
  if (earlier) {
    throw new RowshiftError('VERSION_DUPLICATE', {
      message: `${whose} has two schema versions, ${earlier.version} and ${version}. Keep the one its columns have.`,
      details: { versions: [earlier.version, version] },
    })
  }
  const history = historyOf(of)
  if (history && !history.versions.includes(version)) {
    throw new RowshiftError('VERSION_UNKNOWN', {
      message: `${whose} has the version ${version}, which versions "${history.name}" do not have: they have ${history.versions.join(', ') || 'none'}. Add \`.version('${version}', ...)\` to them.`,
      details: { version, versions: history.versions },
    })
  }
  // Not enumerable: TypeORM walks the members of what it is given.
  Object.defineProperty(target, versionKey, { value: Object.freeze({ version, of }) })
}

/** What a class or EntitySchema says itself; a parent's version is not its own. */
export function statedVersion(target: unknown): StatedVersion | undefined {
  if ((typeof target !== 'function' && typeof target !== 'object') || target === null) return undefined
  return Object.hasOwn(target, versionKey)
    ? (target as { readonly [versionKey]: StatedVersion })[versionKey]
    : undefined
}

/** The schema version of an entity class or EntitySchema; undefined when it has none of its own. */
export function schemaVersionOf(target: object): string | undefined {
  return statedVersion(target)?.version
}
