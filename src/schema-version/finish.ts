import { RowshiftError } from '../errors/rowshift-error.js'
import { columnChecker } from './check-columns.js'
import {
  type AnyClass,
  type ClassTransformerOptions,
  type ClassValidatorOptions,
  classTransformer,
  classValidator,
  hasAsyncRule,
  type ValidationErrorLike,
  validationRules,
} from './class-libraries.js'
import type { Finding } from './finding.js'
import { Refused } from './refused.js'
import { type Finish, schemaFinisher } from './schema-finisher.js'
import { isClass, isSchema, type Shape } from './shape.js'
import type { UntypedRow } from './steps.js'

/**
 * What becomes of a converted row. `plain`: the fields as the steps made them. `instance`: of the version's class, by
 * class-transformer. `validated`: also checked, by class-validator, the Standard Schema or the columns' types.
 */
export type ResultKind = 'plain' | 'instance' | 'validated'

/** Passed on to class-validator and class-transformer. */
export interface FinishOptions {
  readonly validator?: ClassValidatorOptions
  readonly transformer?: ClassTransformerOptions
}

/** @throws RowshiftError VALIDATION_UNAVAILABLE, before any row, when a library or all decorators are missing */
export function finisher(shape: Shape, as: ResultKind, options: FinishOptions): Finish {
  if (as === 'plain') return (row) => row
  if (isClass(shape)) return as === 'instance' ? instances(shape, options) : validated(shape, options)
  if (as === 'instance') return (row) => row
  if (isSchema(shape)) return schemaFinisher(shape)
  const check = columnChecker(shape)
  return (row) => accept(row, check(row))
}

function accept<T>(value: T, findings: readonly Finding[]): T {
  if (findings.length > 0) throw new Refused(findings)
  return value
}

function instances(target: AnyClass, { transformer, validator }: FinishOptions): (row: UntypedRow) => object {
  const library = classTransformer(target)
  const options = { ...transformer, ...(validator?.groups && { groups: validator.groups }) }
  return (row) => library.plainToInstance(target, row, options)
}

function validated(target: AnyClass, options: FinishOptions): Finish {
  const make = instances(target, options)
  const library = classValidator(target)
  if (validationRules(target).length === 0) {
    throw new RowshiftError('VALIDATION_UNAVAILABLE', {
      message: `class ${target.name} has no decorator of class-validator, so nothing says what is valid. Add them, or convert with \`as: 'instance'\`.`,
      details: { class: target.name },
    })
  }
  const told = { ...options.validator, validationError: { target: false, value: false } }
  if (hasAsyncRule(target)) {
    return async (row) => {
      const instance = make(row)
      return accept(instance, findingsOf(await library.validate(instance, told)))
    }
  }
  return (row) => {
    const instance = make(row)
    const errors = library.validateSync(instance, told)
    return errors.length === 0 ? instance : accept(instance, findingsOf(errors))
  }
}

/** class-validator's tree of errors as a list. */
function findingsOf(errors: readonly ValidationErrorLike[], parent = ''): readonly Finding[] {
  return errors.flatMap(({ property, constraints = {}, children = [] }) => {
    const path = parent === '' ? property : `${parent}.${property}`
    const own = Object.entries(constraints).map(([rule, message]) => ({ path, rule, message }))
    return [...own, ...findingsOf(children, path)]
  })
}
