import { RowshiftError } from '../errors/rowshift-error.js'
import type { Converter } from '../schema-version/converter.js'
import type { Versions } from '../schema-version/define-versions.js'
import type { ShapeType } from '../schema-version/shape.js'
import { historyOf } from '../schema-version/version-history.js'

/**
 * A versioned record within another, for `map`: by the steps of its own versions, plain.
 *
 *   map('address', nested(address, '1.0.0', '2.0.0'))
 *   map('addresses', list(nested(address, '1.0.0', '2.0.0')))
 *
 * @throws RowshiftError VERSION_UNKNOWN, VERSION_PATH with the first record; what its steps throw
 */
export function nested<M extends object, const A extends keyof M & string, const B extends keyof M & string>(
  of: Versions<M>,
  from: A,
  to: B,
): (record: ShapeType<M[A]>) => ShapeType<M[B]> {
  let converter: Converter | undefined
  return (record) => {
    converter ??= historyOf(of)!.converter(from, to, 'plain')
    return converter.convert(record as Readonly<Record<string, unknown>>, undefined) as ShapeType<M[B]>
  }
}

/** Each item of a list through a function. */
export function list<A, B>(change: (item: A) => B): (items: readonly A[]) => B[] {
  return (items) => items.map((item) => change(item))
}

/** Each value of a map through a function: of an object by key, or of a `Map`. */
export function values<A, B>(
  change: (value: A) => B,
): {
  <K>(items: ReadonlyMap<K, A>): Map<K, B>
  (items: Readonly<Record<string, A>>): Record<string, B>
} {
  return ((items: ReadonlyMap<unknown, A> | Readonly<Record<string, A>>) => {
    if (items instanceof Map) return new Map([...items].map(([key, value]) => [key, change(value as A)]))
    return Object.fromEntries(Object.entries(items).map(([key, value]) => [key, change(value as A)]))
  }) as never
}

/**
 * The function for the kind that a record says it is: a discriminated union.
 *
 *   map('payment', byLiteral('kind', { card: nested(card, '1.0.0', '2.0.0'), cash: (cash: Cash) => cash }))
 *
 * @throws RowshiftError RECORD_INVALID for a kind that has no function
 */
export function byLiteral<const D extends string, C extends Readonly<Record<string, (record: never) => unknown>>>(
  discriminator: D,
  cases: C,
): (record: { [K in keyof C]: Parameters<C[K]>[0] & { readonly [P in D]: K } }[keyof C]) => ReturnType<C[keyof C]> {
  return (record) => {
    const kind: unknown = record[discriminator]
    const change = typeof kind === 'string' && Object.hasOwn(cases, kind) ? cases[kind] : undefined
    if (change) return change(record as never) as ReturnType<C[keyof C]>
    throw new RowshiftError('RECORD_INVALID', {
      message: `a record's "${discriminator}" is none of ${Object.keys(cases).join(', ')}. Add its function to \`byLiteral\`.`,
      details: { findings: [{ path: discriminator, rule: 'byLiteral', message: 'no function for this kind' }] },
    })
  }
}
