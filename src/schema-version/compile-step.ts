import { RowshiftError } from '../errors/rowshift-error.js'
import { type Fields, fieldsOf, instanceOf } from './fields.js'
import { carry, pick, pickWhole } from './gather.js'
import { isClass, isField, isSchema, type Shape } from './shape.js'
import type { DefinedStep, UntypedRow } from './steps.js'

/** Takes a row through a step, or through many. */
export type ConvertRow = (row: UntypedRow) => UntypedRow

/** A step, ready to be applied to any number of rows. */
export interface CompiledStep {
  readonly from: string
  readonly to: string
  /** Whether no function was needed. */
  readonly isAutomatic: boolean
  /** Fields of the version before that the next does not have; a step that returns them does not keep them either. */
  readonly dropped: readonly string[]
  /** Fields that are filled from an alias, a fallback or the initial value of the class where nothing else gives them. */
  readonly filled: readonly string[]
  readonly apply: ConvertRow
  /** The function as it was given, if one was. */
  readonly code: unknown
}

type Mutable = Record<string, unknown>

/** How deep rows may lie within rows: deep enough for any tree, shallow enough for the stack. */
const maxDepth = 500

export function compileStep(name: string, step: DefinedStep, fromShape: Shape, toShape: Shape): CompiledStep {
  const [before, after] = [fieldsOf(fromShape), fieldsOf(toShape)]
  const dropped = after.names.size === 0 ? [] : [...before.names].filter((field) => !after.names.has(field))
  const fillers = fillersOf(toShape, after)
  const gather = after.isComplete ? pick([...after.names]) : carry(dropped)
  const gatherWhole = after.isComplete ? pickWhole([...after.names]) : undefined
  const required = isClass(toShape) || isSchema(toShape) ? [] : [...after.names]
  const apply = (row: UntypedRow): UntypedRow => {
    const changes = change(row)
    const whole = gatherWhole?.(row, changes)
    if (whole) return whole
    const next = gather(row, changes)
    for (const fill of fillers) if (next[fill.field] === undefined) fill.into(next, row)
    for (const field of required) if (next[field] === undefined) throw incomplete(name, step, field)
    return next
  }
  const self = guarded(name, step, apply)
  const change = step.apply ? (row: UntypedRow) => step.apply!(row, self) : () => nothing
  return {
    from: step.from,
    to: step.to,
    isAutomatic: !step.apply,
    dropped,
    filled: fillers.map(({ field }) => field),
    apply,
    code: step.apply,
  }
}

const nothing: UntypedRow = Object.freeze({})

interface Filler {
  readonly field: string
  into(next: Mutable, row: UntypedRow): void
}

function fillersOf(shape: Shape, { initial }: Fields): readonly Filler[] {
  if (isSchema(shape)) return []
  if (isClass(shape)) {
    return [...initial].map(([field, value]) => ({
      field,
      // An object belongs to one row: `tags = []` is made anew for each.
      into(next) {
        next[field] = typeof value === 'object' && value !== null ? (instanceOf(shape) as UntypedRow)[field] : value
      },
    }))
  }
  return Object.entries(shape).flatMap(([field, column]) => {
    if (!isField(column)) return []
    const { aliases, fallback } = column
    return {
      field,
      into(next: Mutable, row: UntypedRow) {
        const alias = aliases.find((name) => row[name] !== undefined)
        const value = alias === undefined ? fallback : row[alias]
        if (value !== undefined) next[field] = value
      },
    }
  })
}

/** Through the same step, for a row within a row: it counts how deep it is, because a row that holds itself never ends. */
function guarded(name: string, { from, to }: DefinedStep, apply: ConvertRow): ConvertRow {
  let depth = 0
  return (row) => {
    if (depth >= maxDepth) {
      throw new RowshiftError('RECORD_TOO_DEEP', {
        message: `versions "${name}": the step from ${from} to ${to} met rows within rows more than ${maxDepth} deep. A row that holds itself cannot be converted: leave the circle out in the step.`,
        details: { versions: name, from, to, depth },
      })
    }
    depth++
    try {
      return apply(row)
    } finally {
      depth--
    }
  }
}

function incomplete(name: string, { from, to }: DefinedStep, column: string): RowshiftError {
  return new RowshiftError('STEP_INCOMPLETE', {
    message: `versions "${name}": the step from ${from} to ${to} gives no "${column}". Return it, or null where the column may be empty.`,
    details: { versions: name, from, to, column },
  })
}
