import { createRequire } from 'node:module'
import { RowshiftError } from '../errors/rowshift-error.js'

/** What the validator of a version is told; passed on to class-validator as it is. Standard Schemas and columns take none. */
export interface ClassValidatorOptions {
  /** Removes properties that no decorator knows. */
  readonly whitelist?: boolean
  /** Makes such properties a finding instead. */
  readonly forbidNonWhitelisted?: boolean
  /** Validators of these groups only; class-transformer exposes and converts for the same. */
  readonly groups?: string[]
  readonly strictGroups?: boolean
  readonly always?: boolean
  readonly skipMissingProperties?: boolean
  readonly skipNullProperties?: boolean
  readonly skipUndefinedProperties?: boolean
  readonly stopAtFirstError?: boolean
  readonly forbidUnknownValues?: boolean
}

/** What class-transformer is told; passed on as it is. */
export interface ClassTransformerOptions {
  readonly excludeExtraneousValues?: boolean
  readonly exposeDefaultValues?: boolean
  readonly enableImplicitConversion?: boolean
}

export type AnyClass = abstract new (...args: never) => object

/** An error of class-validator, by structure. */
export interface ValidationErrorLike {
  readonly property: string
  readonly constraints?: Readonly<Record<string, string>>
  readonly children?: readonly ValidationErrorLike[]
}

/** A rule of class-validator, by structure. */
export interface ValidationRule {
  readonly type: string
  readonly name?: string
  readonly propertyName: string
  readonly constraintCls?: unknown
  readonly constraints?: readonly unknown[]
  readonly each: boolean
}

interface MetadataStorageLike {
  getTargetValidationMetadatas(
    target: AnyClass,
    schema: string,
    always: boolean,
    strictGroups: boolean,
  ): readonly ValidationRule[]
  getTargetValidatorConstraints(target: unknown): readonly { readonly async: boolean }[]
}

interface ClassValidator {
  validateSync(value: object, options?: object): readonly ValidationErrorLike[]
  validate(value: object, options?: object): Promise<readonly ValidationErrorLike[]>
  getMetadataStorage(): MetadataStorageLike
}

interface ClassTransformer {
  plainToInstance(target: AnyClass, value: unknown, options?: object): object
}

const load = createRequire(__filename)
const loaded = new Map<string, unknown>()

/** A library that the application may have installed; undefined when it has not. */
export function optional<T>(name: string): T | undefined {
  if (!loaded.has(name)) {
    try {
      loaded.set(name, load(name))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'MODULE_NOT_FOUND' && code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error
      loaded.set(name, undefined)
    }
  }
  return loaded.get(name) as T | undefined
}

/** @throws RowshiftError VALIDATION_UNAVAILABLE */
export function classTransformer(target: AnyClass): ClassTransformer {
  return optional<ClassTransformer>('class-transformer') ?? missing('class-transformer', 'makes', target)
}

/** @throws RowshiftError VALIDATION_UNAVAILABLE */
export function classValidator(target: AnyClass): ClassValidator {
  return optional<ClassValidator>('class-validator') ?? missing('class-validator', 'validates', target)
}

function missing(library: string, does: string, target: AnyClass): never {
  throw new RowshiftError('VALIDATION_UNAVAILABLE', {
    message: `${library} ${does} instances of ${target.name} and is not installed. \`npm install class-transformer class-validator\`, or convert with \`as: 'plain'\`.`,
    details: { library },
  })
}

/** The rules of class-validator for a class; none where the library is not installed. */
export function validationRules(target: AnyClass): readonly ValidationRule[] {
  const validator = optional<ClassValidator>('class-validator')
  return validator ? validator.getMetadataStorage().getTargetValidationMetadatas(target, '', false, false) : []
}

/** Whether a class has a rule that answers with a promise, which `validateSync` would pass over without a word. */
export function hasAsyncRule(target: AnyClass): boolean {
  const storage = optional<ClassValidator>('class-validator')?.getMetadataStorage()
  if (!storage) return false
  return validationRules(target).some(
    ({ constraintCls }) =>
      constraintCls !== undefined &&
      storage.getTargetValidatorConstraints(constraintCls).some((constraint) => constraint.async),
  )
}

interface TransformerStorage {
  readonly defaultMetadataStorage: {
    findTypeMetadata(target: AnyClass, property: string): { readonly typeFunction?: () => unknown } | undefined
  }
}

/** The class that `@Type` of class-transformer names for a property; undefined for none, and for the built-in ones. */
export function nestedClass(target: AnyClass, property: string): AnyClass | undefined {
  // Not part of its public names, but the only place that tells: without it nested classes are described as any object.
  const storage = optional<TransformerStorage>('class-transformer/cjs/storage')?.defaultMetadataStorage
  const named = storage?.findTypeMetadata(target, property)?.typeFunction?.()
  const isOwn = typeof named === 'function' && ![Date, String, Number, Boolean, Object].includes(named as never)
  return isOwn ? (named as AnyClass) : undefined
}
