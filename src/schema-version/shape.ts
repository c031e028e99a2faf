import type { Columns, EntityClass, Row } from '../backfill/definition/columns.js'

/** What zod, valibot, arktype and others share (standardschema.dev): used for its types. */
export interface StandardSchema<T> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly types?: { readonly input: unknown; readonly output: T } | undefined
  }
}

/** How a version says what its rows are: columns, a class kept for that version, or a Standard Schema. */
export type Shape = Columns | EntityClass<object> | StandardSchema<object>

type AnyFunction = (...args: never) => unknown

/** The data of a class: all but its methods. */
type DataOf<E> = { -readonly [K in keyof E as E[K] extends AnyFunction ? never : K]: E[K] }

/** The type of a version's rows. */
export type ShapeType<S> =
  S extends EntityClass<infer E>
    ? DataOf<E>
    : S extends StandardSchema<infer T>
      ? T
      : S extends Columns
        ? Row<unknown, S>
        : never

/** The columns of a shape that is declared as such; undefined for a class or a schema. */
export function columnsOf(shape: Shape): Columns | undefined {
  return typeof shape === 'function' || '~standard' in shape ? undefined : shape
}
