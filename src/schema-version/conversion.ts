import { RowshiftError } from '../errors/rowshift-error.js'
import type { ConvertManyOptions, ConvertReport, RecordFailure, StampedVersion } from './convert-options.js'
import type { Converter } from './converter.js'
import type { Finding } from './finding.js'
import type { UntypedRow } from './steps.js'

/** Stands for a record that was left out. */
export const leftOut: unique symbol = Symbol('left out')

type Options = Omit<ConvertManyOptions<string, string>, 'from'> & { readonly from: unknown }

const defaultProgressEvery = 10_000

/** One call of `convertAll` or `convertStream`: the converter of each version that turns up, the counts and the failures. */
export class Conversion {
  readonly failures: RecordFailure[] = []
  readonly #started = performance.now()
  readonly #converted = new Map<Converter, number>()
  readonly #versions = new Map<unknown, Converter>()
  readonly #fixed: Converter | undefined
  readonly #stamp: StampedVersion<string> | undefined
  readonly #keys: readonly string[]
  readonly #progressEvery: number
  /** The converter of the records that are not in #converted yet: most come one after the other. */
  #current: Converter | undefined
  #uncounted = 0
  #failed = 0
  #filtered = 0
  #records = 0
  #isDone = false

  constructor(
    readonly options: Options,
    readonly converterFrom: (version: string) => Converter,
  ) {
    const { from, key = [], hooks } = options
    if (isStamped(from)) this.#stamp = from
    else this.#fixed = converterFrom(from as string)
    this.#keys = typeof key === 'string' ? [key] : key
    this.#progressEvery = hooks?.progressEvery ?? defaultProgressEvery
  }

  /** The converter of a record, by its stamp if it has one. @throws RowshiftError VERSION_UNKNOWN, VERSION_PATH */
  converterOf(record: UntypedRow): Converter {
    if (this.#fixed) return this.#fixed
    const { key, none } = this.#stamp!
    const version = (record as UntypedRow | null)?.[key] ?? none
    const known = this.#versions.get(version)
    if (known) return known
    if (typeof version !== 'string') {
      throw new RowshiftError('VERSION_UNKNOWN', {
        message: `a record has no version in "${key}". Stamp it, or say which version such records have: \`from: { key: '${key}', none: '1.0.0' }\`.`,
        details: { key },
      })
    }
    const converter = this.converterFrom(version)
    this.#versions.set(version, converter)
    return converter
  }

  /** Converts a record. @throws what went wrong; see {@link fail} */
  attempt(record: UntypedRow, converter: Converter): unknown {
    return converter.convert(record, this.#stamp?.key)
  }

  before(record: UntypedRow, converter: Converter): void {
    const { hooks } = this.options
    if (hooks?.before) hooks.before(Object.freeze({ ...record }), this.#place(converter))
  }

  /** Counts a result. */
  after(result: unknown, converter: Converter): void {
    const { hooks } = this.options
    if (hooks?.after) hooks.after(frozenCopy(result), this.#place(converter))
    if (converter !== this.#current) {
      this.#count()
      this.#current = converter
    }
    this.#uncounted++
    this.#next()
  }

  /** Counts what cannot be converted, and does what `onError` says. @throws the error with the record's place, for `throw` */
  fail(record: unknown, converter: Converter | undefined, error: unknown): typeof leftOut {
    if ((error as Partial<RowshiftError>).code === 'RECORD_FILTERED') {
      this.#filtered++
      this.#next()
      return leftOut
    }
    const failure = this.#failureOf(record, converter, error)
    const { onError = 'throw', hooks } = this.options
    this.#failed++
    hooks?.failed?.(failure)
    if (onError === 'throw') throw failure.error
    if (onError === 'collect') this.failures.push(failure)
    if (typeof onError === 'function') onError(failure)
    this.#next()
    return leftOut
  }

  /** The source is exhausted. */
  end(): void {
    this.#isDone = true
    this.options.hooks?.progress?.(this.report)
  }

  get report(): ConvertReport {
    this.#count()
    const steps = new Map<string, { from: string; to: string; records: number }>()
    let converted = 0
    for (const [converter, records] of this.#converted) {
      converted += records
      for (const { from, to } of converter.steps) {
        const step = steps.get(`${from} ${to}`) ?? { from, to, records: 0 }
        steps.set(`${from} ${to}`, { ...step, records: step.records + records })
      }
    }
    return {
      records: this.#records,
      converted,
      failed: this.#failed,
      filtered: this.#filtered,
      steps: [...steps.values()],
      seconds: (performance.now() - this.#started) / 1000,
      isDone: this.#isDone,
    }
  }

  #count(): void {
    if (this.#current) this.#converted.set(this.#current, (this.#converted.get(this.#current) ?? 0) + this.#uncounted)
    this.#uncounted = 0
  }

  #next(): void {
    this.#records++
    const { hooks } = this.options
    if (hooks?.progress && this.#records % this.#progressEvery === 0) hooks.progress(this.report)
  }

  #place({ from, to }: Converter) {
    return { index: this.#records, from, to }
  }

  #failureOf(record: unknown, converter: Converter | undefined, error: unknown): RecordFailure {
    // What is no fault of the record is nobody's to skip.
    if (!(error instanceof RowshiftError) || error.code === 'VALIDATION_UNAVAILABLE') throw error
    const index = this.#records
    const key = keyOf(record, this.#keys)
    const place = key ? `record ${index} (${key.map(String).join(', ')})` : `record ${index}`
    const details = { ...error.details, index, ...(key && { key }) }
    const located = new RowshiftError(error.code, {
      message: `${place}: ${error.message.slice(error.code.length + 2)}`,
      details,
      cause: error.cause,
    })
    const { step, findings = [] } = error.details as { step?: string; findings?: readonly Finding[] }
    return { index, key, version: converter?.from, step, findings, error: located, record }
  }
}

function isStamped(from: unknown): from is StampedVersion<string> {
  return typeof from === 'object' && from !== null
}

function keyOf(record: unknown, names: readonly string[]): readonly unknown[] | undefined {
  if (names.length === 0 || typeof record !== 'object' || record === null) return undefined
  const values = names.map((name) => (record as UntypedRow)[name])
  return values.some((value) => value === undefined) ? undefined : values
}

function frozenCopy(result: unknown): unknown {
  if (typeof result !== 'object' || result === null) return result
  return Object.freeze(Object.assign(Object.create(Object.getPrototypeOf(result) as object), result))
}
