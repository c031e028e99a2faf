import type { Refuse } from './refuse.js'

/** A step between two versions, and the function that takes it; undefined where none is needed. */
export interface StepCode {
  readonly from: string
  readonly to: string
  readonly apply: unknown
}

// Registered, so that two copies of rowshift in one process understand each other's steps.
const codeKey = Symbol.for('rowshift.step-code')

/** Gives a step, as `path` of versions shows it, the function behind it. Not enumerable: it is no part of what people see. */
export function withCode<S extends { readonly from: string; readonly to: string }>(step: S, apply: unknown): S {
  const code: StepCode = { from: step.from, to: step.to, apply }
  return Object.defineProperty(step, codeKey, { value: Object.freeze(code) })
}

/** The functions of `steps`. */
export function checkSteps(value: unknown, refuse: Refuse): readonly StepCode[] {
  if (value === undefined) return []
  const steps = Array.isArray(value) ? value.map((step) => (step as { [codeKey]?: StepCode } | null)?.[codeKey]) : []
  const known = steps.filter((step) => step !== undefined)
  if (known.length > 0 && known.length === steps.length) return Object.freeze(known)
  return refuse('steps', "must be what `path` of your versions returns: city.path('1.0.0', '2.0.0').")
}
