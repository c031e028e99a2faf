import type { Columns, Row } from '../backfill/definition/columns.js'
import { RowshiftError } from '../errors/rowshift-error.js'

/** `MAJOR.MINOR.PATCH` */
export type SemVer = `${number}.${number}.${number}`

/** What a step returns: what the other version has and this one cannot supply; the rest may be overridden. */
export type StepChanges<F, T> = {
  -readonly [K in keyof T as K extends keyof F ? (F[K] extends T[K] ? never : K) : K]: T[K]
} & {
  -readonly [K in keyof T as K extends keyof F ? (F[K] extends T[K] ? K : never) : never]?: T[K]
}

type StepFunction<F, T> = [F, T] extends [infer A, infer B]
  ? (row: Row<unknown, A>) => StepChanges<Row<unknown, A>, Row<unknown, B>>
  : never

type Onward<F, T> = { readonly upgrade: StepFunction<F, T>; readonly downgrade?: StepFunction<T, F> }

/** The versions of one kind of row and the steps between them. `L` is the latest. */
export interface Versions<M extends object = object, L = unknown> {
  readonly kind: 'versions'
  readonly name: string
  version<const N extends SemVer, const S extends Columns>(
    version: N,
    shape: S,
    ...steps: [L] extends [never] ? [] : [Onward<M[L & keyof M], S>?]
  ): Versions<M & { readonly [K in N]: S }, N>
  convert<const From extends keyof M, const To extends keyof M>(
    record: Row<unknown, M[From]>,
    options: { readonly from: From; readonly to: To; readonly as: 'plain' },
  ): Row<unknown, M[To]>
}

type Untyped = Readonly<Record<string, unknown>>
type UntypedStep = (row: Untyped) => Untyped

/** A version as it was defined, with the steps from and to the one before it. */
export interface DefinedVersion {
  readonly version: string
  readonly shape: Columns
  readonly upgrade: UntypedStep | undefined
  readonly downgrade: UntypedStep | undefined
}

const definedVersions = Symbol.for('rowshift.versions')

/** The versions behind what `defineVersions` returned, oldest first. */
export function versionsIn(versions: unknown): readonly DefinedVersion[] | undefined {
  return (versions as { readonly [definedVersions]?: readonly DefinedVersion[] } | undefined)?.[definedVersions]
}

/** Begins the versions of one kind of row: `defineVersions('City').version('1.0.0', { id: 'integer', name: 'text' })`. */
export function defineVersions(name: string): Versions<object, never> {
  return make(name, []) as Versions<object, never>
}

function make(name: string, list: readonly DefinedVersion[]): unknown {
  return Object.freeze({
    kind: 'versions',
    name,
    [definedVersions]: list,
    version(version: string, shape: Columns, steps: { upgrade?: UntypedStep; downgrade?: UntypedStep } = {}) {
      return make(name, [...list, { version, shape, upgrade: steps.upgrade, downgrade: steps.downgrade }])
    },
    convert: (record: Untyped, { from, to }: { readonly from: string; readonly to: string }) =>
      convert(name, list, record, from, to),
  })
}

function convert(name: string, list: readonly DefinedVersion[], record: Untyped, from: string, to: string): Untyped {
  const [start, end] = [from, to].map((version) => list.findIndex((one) => one.version === version)) as [number, number]
  let row = record
  const apply = (step: UntypedStep | undefined, shape: Columns) => {
    if (!step) {
      throw new RowshiftError('INVALID_DEFINITION', {
        message: `versions "${name}": there is no way from ${from} to ${to}.`,
      })
    }
    const next: Untyped = { ...row, ...step(row) }
    row = Object.fromEntries(Object.keys(shape).map((property) => [property, next[property]]))
  }
  for (let i = start; i < end; i++) apply(list[i + 1]!.upgrade, list[i + 1]!.shape)
  for (let i = start; i > end; i--) apply(list[i]!.downgrade, list[i - 1]!.shape)
  return row
}
