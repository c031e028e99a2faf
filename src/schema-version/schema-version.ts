import type { Row } from '../backfill/definition/columns.js'
import type { SemVer, Versions } from './define-versions.js'

const key = Symbol.for('rowshift.schema-version')

/** Class decorator, legacy and standard. */
export type VersionDecorator<T> = <C extends abstract new (...args: never) => T>(
  target: C,
  context?: ClassDecoratorContext<C>,
) => void

export interface ClassVersion {
  readonly version: string
  readonly of: unknown
}

/** The version of an entity's row shape. */
export function SchemaVersion<const N extends SemVer>(version: N): VersionDecorator<unknown>
export function SchemaVersion<M extends object, N extends keyof M & SemVer>(
  version: N,
  options: { readonly of: Versions<M, unknown> },
): VersionDecorator<Row<unknown, M[N]>>
export function SchemaVersion(version: string, options?: { readonly of: unknown }): unknown {
  return (target: object) => {
    Object.defineProperty(target, key, { value: { version, of: options?.of }, configurable: true })
  }
}

/** What a class says about its version: its own, never its parent's. */
export function classVersion(target: unknown): ClassVersion | undefined {
  if ((typeof target !== 'function' && typeof target !== 'object') || target === null || !Object.hasOwn(target, key))
    return undefined
  return (target as { readonly [key]?: ClassVersion })[key]
}

export function schemaVersionOf(target: object): string | undefined {
  return classVersion(target)?.version
}
