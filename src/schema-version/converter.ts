import { RowshiftError } from '../errors/rowshift-error.js'
import type { CompiledStep } from './compile-step.js'
import type { Finding } from './finding.js'
import { Refused } from './refused.js'
import type { Finish } from './schema-finisher.js'
import type { UntypedRow } from './steps.js'

/** The way from one version to another with what is made at its end, compiled once for any number of records. */
export class Converter {
  readonly #applies: readonly CompiledStep['apply'][]

  constructor(
    readonly name: string,
    readonly from: string,
    readonly to: string,
    readonly steps: readonly CompiledStep[],
    readonly finish: Finish,
  ) {
    this.#applies = steps.map(({ apply }) => apply)
  }

  /**
   * One record; a promise only where the validator answers with one.
   *
   * @throws RowshiftError STEP_FAILED, STEP_INCOMPLETE, RECORD_TOO_DEEP, RECORD_INVALID
   */
  convert(record: UntypedRow, stamp: string | undefined): unknown {
    if (typeof record !== 'object' || record === null) throw this.#refused([notAnObject])
    let row = record
    let at = 0
    try {
      for (; at < this.#applies.length; at++) row = this.#applies[at]!(row)
    } catch (error) {
      throw this.#stepFailed(this.steps[at]!, error)
    }
    if (stamp !== undefined && row[stamp] !== undefined) row = { ...row, [stamp]: this.to }
    let made: unknown
    try {
      made = this.finish(row)
    } catch (error) {
      throw this.#finishFailed(error)
    }
    return made instanceof Promise ? made.catch((error: unknown) => Promise.reject(this.#finishFailed(error))) : made
  }

  #stepFailed(step: CompiledStep, error: unknown): RowshiftError {
    const place = `${step.from} -> ${step.to}`
    if (error instanceof RowshiftError) {
      const message = error.message.slice(error.code.length + 2)
      return new RowshiftError(error.code, { message, details: { ...error.details, step: place }, cause: error.cause })
    }
    return new RowshiftError('STEP_FAILED', {
      message: `versions "${this.name}": the step from ${step.from} to ${step.to} threw: ${error instanceof Error ? error.message : String(error)}. Mend the step or the record; \`onError: 'collect'\` goes on without it.`,
      details: { versions: this.name, from: this.from, to: this.to, step: place },
      cause: error,
    })
  }

  #finishFailed(error: unknown): RowshiftError {
    if (error instanceof Refused) return this.#refused(error.findings)
    return this.#refused([{ path: '', rule: 'throws', message: 'the validator threw: see the cause' }], error)
  }

  #refused(findings: readonly Finding[], cause?: unknown): RowshiftError {
    const places = findings.map(({ path, rule }) => `${path || 'the record'} (${rule})`)
    return new RowshiftError('RECORD_INVALID', {
      message: `versions "${this.name}": a record from ${this.from} is not valid as ${this.to}: ${places.join(', ')}. Mend the record or the step; \`findings\` has the validator's words.`,
      details: { versions: this.name, from: this.from, to: this.to, findings },
      cause,
    })
  }
}

const notAnObject: Finding = { path: '', rule: 'isObject', message: 'the record is no object' }
