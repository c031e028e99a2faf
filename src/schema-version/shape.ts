import {
  type Column,
  type Columns,
  type EntityClass,
  parseColumn,
  type ValueOf,
} from '../backfill/definition/columns.js'

/** What zod, valibot, arktype and others share (standardschema.dev). `I` is what is stored, `O` what validating it gives. */
export interface StandardSchema<I, O = I> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<O> | Promise<SchemaResult<O>>
    readonly types?: { readonly input: I; readonly output: O } | undefined
  }
}

/** What a Standard Schema answers. */
export type SchemaResult<O> =
  | { readonly value: O; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** One objection of a Standard Schema. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** A column of a version that fills itself: what {@link field} returns. `A` are its earlier names, `D` says whether it has a fallback. */
export interface Field<C extends Column, A extends string, D extends boolean> {
  readonly kind: 'field'
  readonly column: C
  readonly aliases: readonly A[]
  readonly hasFallback: D
  readonly fallback: ValueOf<C> | undefined
}

/**
 * A column that needs no step where the version before has it under another name, or where a value can stand for it.
 *
 *   .version('2.0.0', { id: 'integer', title: field('text', { alias: 'name' }), kind: field(['city', 'town'], { fallback: 'city' }) })
 *
 * An alias wins over the fallback; what a step returns wins over both. The fallback is shared by all rows: no object of yours.
 *
 * @throws RowshiftError INVALID_DEFINITION for anything that is no column
 */
export function field<const C extends Column, const A extends string = never>(
  column: C,
  options: { readonly alias: A | readonly A[]; readonly fallback?: undefined },
): Field<C, A, false>
export function field<const C extends Column, const A extends string = never>(
  column: C,
  options: {
    readonly alias?: A | readonly A[]
    readonly fallback: ValueOf<C> & (string | number | bigint | boolean | null)
  },
): Field<C, A, true>
export function field<C extends Column, A extends string>(
  column: C,
  { alias = [], fallback }: { readonly alias?: A | readonly A[]; readonly fallback?: ValueOf<C> | undefined },
): Field<C, A, boolean> {
  parseColumn(column)
  const aliases = typeof alias === 'string' ? [alias] : alias
  return Object.freeze({ kind: 'field', column, aliases, hasFallback: fallback !== undefined, fallback })
}

/** Columns of a version: `{ id: 'integer', title: field('text', { alias: 'name' }) }`. */
export type VersionColumns = Readonly<Record<string, Column | Field<Column, string, boolean>>>

/** How a version says what its rows are: columns, a class kept for that version, or a Standard Schema. */
export type Shape = VersionColumns | EntityClass<object> | StandardSchema<object, unknown>

type AnyFunction = (...args: never) => unknown

/** The data of a class: all but its methods. */
type DataOf<E> = { -readonly [K in keyof E as E[K] extends AnyFunction ? never : K]: E[K] }

/** The type of a version's rows as they are stored and as steps see them. Of a schema it is the input: before defaults are filled in. */
export type ShapeType<S> =
  S extends EntityClass<infer E>
    ? DataOf<E>
    : S extends StandardSchema<infer I, unknown>
      ? I
      : S extends VersionColumns
        ? { -readonly [K in keyof S]: S[K] extends Field<infer C, string, boolean> ? ValueOf<C> : ValueOf<S[K]> }
        : never

/** What validating a version's row gives: an instance of its class, or the schema's output. */
export type ValidatedType<S> =
  S extends EntityClass<infer E> ? E : S extends StandardSchema<object, infer O> ? O : ShapeType<S>

/** The columns of `T` that fill themselves from a row of `F`: by a fallback, or by a name that `F` has. */
export type FilledKeys<F, T> = T extends VersionColumns
  ? {
      [K in keyof T]: T[K] extends Field<Column, infer A, infer D>
        ? D extends true
          ? K
          : A & keyof ShapeType<F> extends never
            ? never
            : K
        : never
    }[keyof T]
  : never

export function isClass(shape: Shape): shape is EntityClass<object> {
  return typeof shape === 'function' && !('~standard' in shape)
}

export function isSchema(shape: Shape): shape is StandardSchema<object, unknown> {
  return '~standard' in shape
}

/** The columns of a shape that is declared as such; undefined for a class or a schema. */
export function columnsOf(shape: Shape): Columns | undefined {
  if (isClass(shape) || isSchema(shape)) return undefined
  return Object.fromEntries(Object.entries(shape).map(([name, column]) => [name, columnOf(column)]))
}

/** The declared column behind an entry of a shape. */
export function columnOf(entry: VersionColumns[string]): Column {
  return isField(entry) ? entry.column : entry
}

export function isField(entry: VersionColumns[string]): entry is Field<Column, string, boolean> {
  return typeof entry === 'object' && 'kind' in entry && entry.kind === 'field'
}
