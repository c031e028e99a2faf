import type { EntityClass } from '../backfill/definition/columns.js'
import type { RowshiftError } from '../errors/rowshift-error.js'
import type { Finding } from './finding.js'
import type { FinishOptions, ResultKind } from './finish.js'
import type { Parallel } from './parallel/options.js'
import type { ShapeType, ValidatedType } from './shape.js'

/** What a conversion gives for a shape: see {@link ResultKind}. */
export type ResultOf<S, As> = As extends 'plain'
  ? ShapeType<S>
  : As extends 'validated'
    ? ValidatedType<S>
    : S extends EntityClass<infer E>
      ? E
      : ShapeType<S>

/** What `convert` is told. */
export interface ConvertOptions<From, To, As extends ResultKind = ResultKind> extends FinishOptions {
  readonly from: From
  /** Default: the latest version. */
  readonly to?: To
  /** Default `'validated'`. */
  readonly as?: As
}

/** The version of each record stands in the record: under `key`, in the result too. `none`: that of records without one. */
export interface StampedVersion<From> {
  readonly key: string
  readonly none?: From
}

/** What happens to a record that cannot be converted. It never takes its neighbours along. */
export type OnError = 'throw' | 'skip' | 'collect'

/** What `convertAll` and `convertStream` are told. */
export interface ConvertManyOptions<From, To, As extends ResultKind = ResultKind, E extends OnError = OnError>
  extends FinishOptions {
  readonly from: From | StampedVersion<From>
  /** Default: the latest version. */
  readonly to?: To
  /** Default `'validated'`. */
  readonly as?: As
  /**
   * `throw` (default): at the first. `skip`: leave it out, counted in the report. `collect`: leave it out and list it. A function is told
   * of each, and stops the conversion by throwing.
   */
  readonly onError?: E | ((failure: RecordFailure) => void)
  /** The fields by which an error names its record. Their values are in messages. Default: its position only. */
  readonly key?: string | readonly string[]
  readonly hooks?: ConvertHooks
}

/** What `convertStream` is told besides. */
export interface ConvertStreamOptions<From, To, As extends ResultKind = ResultKind, E extends OnError = OnError>
  extends ConvertManyOptions<From, To, As, E> {
  /** Tries a record again when its step or an asynchronous validator threw; what is merely invalid is not tried again. */
  readonly retry?: RetryOptions
  /** Converts in threads, where that is faster: then the source is read some chunks ahead. */
  readonly parallel?: Parallel | undefined
}

export interface RetryOptions {
  /** Attempts in all, from 1. */
  readonly attempts: number
  /** Milliseconds before the second; doubled for each further one. Default 100. */
  readonly delayMs?: number
}

/** Which record a hook is about. */
export interface RecordPlace {
  /** From 0, in the order of the source. */
  readonly index: number
  readonly from: string
  readonly to: string
}

/** Watch a conversion. They see frozen copies, so nothing is changed by them; what they throw stops the conversion. */
export interface ConvertHooks {
  readonly before?: (record: Readonly<Record<string, unknown>>, place: RecordPlace) => void
  readonly after?: (result: unknown, place: RecordPlace) => void
  readonly failed?: (failure: RecordFailure) => void
  /** Counts so far, every `progressEvery` records and at the end. */
  readonly progress?: (report: ConvertReport) => void
  /** Default 10,000. */
  readonly progressEvery?: number
}

/** A record that could not be converted. Not for a log: it holds the record. */
export interface RecordFailure {
  readonly index: number
  /** The values of the `key` fields; undefined when none are named or the record lacks them. */
  readonly key: readonly unknown[] | undefined
  /** The version it had, undefined when it states none that is known. */
  readonly version: string | undefined
  /** `'1.0.0 -> 2.0.0'`, undefined when it was refused at the end or before the first step. */
  readonly step: string | undefined
  readonly findings: readonly Finding[]
  readonly error: RowshiftError
  /** As it was given. */
  readonly record: unknown
}

/** The counts of a conversion. */
export interface ConvertReport {
  readonly records: number
  readonly converted: number
  readonly failed: number
  /** Left out by `filter` in a step. */
  readonly filtered: number
  /** How many records took each step: the history of the conversion. */
  readonly steps: readonly { readonly from: string; readonly to: string; readonly records: number }[]
  readonly seconds: number
  readonly isDone: boolean
}

/** What `convertAll` gives: later, where it is told `parallel`. */
export type InTime<P, R> = [P] extends [undefined] ? R : undefined extends P ? R | Promise<R> : Promise<R>

/** What `onError: 'collect'` gives. */
export interface Collected<R> {
  readonly records: R[]
  readonly failures: RecordFailure[]
  readonly report: ConvertReport
}

/** Records as they are converted: taken one at a time, so nothing is read before it is asked for. */
export interface ConvertedStream<R> extends AsyncIterable<R> {
  /** What could not be converted so far, with `onError: 'collect'`. */
  readonly failures: readonly RecordFailure[]
  readonly report: ConvertReport
}

/** Anything with records: an array, a generator, a Node or web stream of objects. */
export type RecordSource<R> = Iterable<R> | AsyncIterable<R> | ReadableStreamOf<R>

/** A web stream, by structure: not every version of the standard's types says that it can be iterated. */
export interface ReadableStreamOf<R> {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: R | undefined }>
    cancel(reason?: unknown): Promise<void>
    releaseLock(): void
  }
}
