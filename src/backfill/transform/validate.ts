import { createRequire } from 'node:module'
import type * as ClassTransformer from 'class-transformer'
import type * as ClassValidator from 'class-validator'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { TransformWork, UntypedRow, ValidatedClass } from '../definition/definition.js'
import { describeThrown } from './describe-thrown.js'

/** What is wrong with a row's new values: properties and the names of the constraints they break. undefined = nothing. */
export type Validator = (row: UntypedRow, changes: UntypedRow) => Promise<string | undefined>

/**
 * Asks class-validator about what a transform returned, as an instance of the class of `validate`. The columns that were read stand
 * beside the written ones, for constraints that look at both; only what is written is judged. The packages are peers that are
 * loaded when a definition asks for them.
 * @throws RowshiftError VALIDATOR_MISSING; INVALID_DEFINITION for a class that says nothing about what is written
 */
export function validatorOf(name: string, { validate: type, write }: TransformWork): Validator | undefined {
  if (!type) return undefined
  const { validator, transformer } = load(name)
  const metadata = validator.getMetadataStorage().getTargetValidationMetadatas(type, '', false, false)
  if (!metadata.some(({ propertyName }) => write.has(propertyName))) {
    throw new RowshiftError('INVALID_DEFINITION', {
      message: `backfill "${name}": \`validate\` is ${type.name || 'a class'}, which constrains none of the columns in \`write\` (${[...write.keys()].join(', ')}). Decorate one of them, such as @IsNotEmpty(), or leave \`validate\` out.`,
      details: { backfill: name },
    })
  }
  return async (row, changes) => {
    try {
      const instance = instanceOf(transformer, type, { ...row, ...changes })
      const errors = await validator.validate(instance)
      const faults = errors.filter(({ property }) => write.has(property)).flatMap((error) => describe(error, ''))
      return faults.length > 0 ? faults.join('; ') : undefined
    } catch (error) {
      return `${type.name || 'the class'} could not be asked: ${describeThrown(error)}`
    }
  }
}

interface Packages {
  readonly validator: typeof ClassValidator
  readonly transformer: typeof ClassTransformer
}

function load(name: string): Packages {
  // An import statement would ask for them always.
  const optional = createRequire(__filename)
  try {
    return { validator: optional('class-validator'), transformer: optional('class-transformer') }
  } catch (cause) {
    throw new RowshiftError('VALIDATOR_MISSING', {
      message: `backfill "${name}" has \`validate\`, which needs two packages: \`npm install class-validator class-transformer\`.`,
      details: { backfill: name },
      cause,
    })
  }
}

/** Nested values become instances of their own classes. All others are judged as they are written, whatever `@Transform` says. */
function instanceOf({ plainToInstance }: Packages['transformer'], type: ValidatedClass, values: UntypedRow): object {
  const instance = plainToInstance(type as new () => object, values, { ignoreDecorators: true }) as Record<
    string,
    unknown
  >
  for (const [property, value] of Object.entries(values)) if (!isNested(value)) instance[property] = value
  return instance
}

function isNested(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
}

/** `slug: isLowercase, maxLength`. Without the messages, which may quote the value. */
function describe(
  { property, target, constraints = {}, children = [] }: ClassValidator.ValidationError,
  path: string,
): string[] {
  // The keys of a map are contents.
  const at = `${path}${target instanceof Map ? '*' : property}`
  const names = Object.keys(constraints)
  const own = names.length > 0 ? [`${at}: ${names.join(', ')}`] : []
  return [...own, ...children.flatMap((child) => describe(child, `${at}.`))]
}
