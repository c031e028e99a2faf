import type {
  Collected,
  ConvertedStream,
  ConvertManyOptions,
  ConvertOptions,
  ConvertStreamOptions,
  InTime,
  OnError,
  RecordSource,
  ResultOf,
} from './convert-options.js'
import type { ResultKind } from './finish.js'
import type { Parallel } from './parallel/options.js'
import type { SemVer } from './semver.js'
import type { FilledKeys, Shape, ShapeType } from './shape.js'
import type { Back, Onward, StepChanges, StepFunction } from './steps.js'
import { VersionHistory } from './version-history.js'

/** Required when the version before cannot supply every field. */
type OnwardArguments<F, T> = [F] extends [never]
  ? []
  : Record<never, never> extends StepChanges<ShapeType<F>, ShapeType<T>, FilledKeys<F, T>>
    ? [steps?: Partial<Onward<F, T>>, back?: Back<T, F>]
    : [steps: Onward<F, T>, back?: Back<T, F>]

/** A step of a path, and what it does with fields by itself. */
export interface PathStep {
  readonly from: string
  readonly to: string
  /** Whether it has no function: the fields are there already, or fill themselves. */
  readonly isAutomatic: boolean
  /** Fields that the next version does not have. */
  readonly dropped: readonly string[]
  /** Fields that an alias, a fallback or an initial value fills where nothing else does. */
  readonly filled: readonly string[]
}

/** For the compiler alone: the fields of the latest version. */
declare const latestFields: unique symbol

/** Versions whose latest has no other fields than `F`. */
export interface VersionsWithin<F> {
  readonly kind: 'versions'
  readonly [latestFields]?: F
}

/** The versions of one kind of record, oldest first, and the steps between them. Immutable. `L` is the latest version. */
export interface Versions<M extends object = object, L = unknown> {
  readonly kind: 'versions'
  readonly [latestFields]?: unknown extends L ? unknown : keyof ShapeType<M[L & keyof M]>
  readonly name: string
  /** The latest version. */
  readonly latest: L
  /** Oldest first. */
  readonly versions: readonly (keyof M & string)[]
  /**
   * A further version: its shape, and how records come from the one before. Not needed where that one has every field.
   *
   * @throws RowshiftError VERSION_INVALID, VERSION_DUPLICATE, VERSION_ORDER; INVALID_DEFINITION for a step between other shapes
   */
  version<const N extends SemVer, const S extends Shape>(
    version: N extends keyof M ? `${N & string} is already defined` : N,
    shape: S,
    ...steps: OnwardArguments<M[L & keyof M], S>
  ): Versions<M & { readonly [K in N]: S }, N>
  /**
   * A direct step between any two versions, which the shortest way then takes.
   *
   * @throws RowshiftError VERSION_UNKNOWN, VERSION_DUPLICATE
   */
  step<const A extends keyof M, const B extends keyof M>(
    from: A,
    to: B,
    apply: StepFunction<M[A], M[B]>,
  ): Versions<M, L>
  /**
   * The steps that records take, the fewest there are.
   *
   * @throws RowshiftError VERSION_UNKNOWN, VERSION_PATH when no steps lead there
   */
  path(from: keyof M & string, to: keyof M & string): readonly PathStep[]
  /**
   * One record from one version to another, by the fewest steps: validated, unless `as` says otherwise.
   *
   * @throws RowshiftError VERSION_UNKNOWN, VERSION_PATH when no steps lead there; STEP_FAILED, STEP_INCOMPLETE when one leaves out a
   * column; RECORD_INVALID with `details.findings`; RECORD_TOO_DEEP; VALIDATION_UNAVAILABLE
   */
  convert<const From extends keyof M, const To extends keyof M = L & keyof M, As extends ResultKind = 'validated'>(
    row: ShapeType<M[From]>,
    options: ConvertOptions<From, To, As>,
  ): ResultOf<M[To], As>
  /**
   * Every record of an array or iterable, in its order; without a promise, unless threads take part.
   *
   *   await user.convertAll(records, { from: '1.0.0', parallel: { module: import.meta.url } })
   *
   * @throws RowshiftError what `convert` throws, with the record's index and key; see `onError`. PARALLEL_UNAVAILABLE where threads
   * cannot have the steps or the records
   */
  convertAll<
    const From extends keyof M,
    const To extends keyof M = L & keyof M,
    As extends ResultKind = 'validated',
    E extends OnError = 'throw',
    P extends Parallel | undefined = undefined,
  >(
    records: Iterable<ShapeType<M[From]>>,
    options: ConvertManyOptions<From, To, As, E> & { readonly parallel?: P },
  ): InTime<P, [E] extends ['collect'] ? Collected<ResultOf<M[To], As>> : ResultOf<M[To], As>[]>
  /**
   * The records of an iterable or a stream of objects, as they are asked for: memory for one record, and a source that is never ahead
   * of its reader. `pipeline(source, (rows) => user.convertStream(rows, options), target)` and `ReadableStream.from(...)` take it.
   *
   * @throws RowshiftError at once for the options, PARALLEL_UNAVAILABLE too; what `convertAll` throws while it is read
   */
  convertStream<
    const From extends keyof M,
    const To extends keyof M = L & keyof M,
    As extends ResultKind = 'validated',
    E extends OnError = 'throw',
  >(
    source: RecordSource<ShapeType<M[From]>>,
    options: ConvertStreamOptions<From, To, As, E>,
  ): ConvertedStream<ResultOf<M[To], As>>
}

/** Begins the versions of one kind of record: `defineVersions('City').version('1.0.0', { id: 'integer', name: 'text' })`. */
export function defineVersions(name: string): Versions<Record<never, never>, never> {
  return new VersionHistory(name, new Map(), []) as unknown as Versions<Record<never, never>, never>
}
