import { type AnyClass, nestedClass, type ValidationRule, validationRules } from '../class-libraries.js'
import { fieldsOf } from '../fields.js'
import type { JsonSchema } from './types.js'

type Of = (constraints: readonly unknown[]) => JsonSchema

/** What rules of class-validator say in JSON Schema. A rule that is not here is one that JSON Schema has no word for. */
const rules: Readonly<Record<string, Of>> = {
  isString: () => ({ type: 'string' }),
  isInt: () => ({ type: 'integer' }),
  isNumber: () => ({ type: 'number' }),
  isBoolean: () => ({ type: 'boolean' }),
  isDate: () => ({ type: 'string', format: 'date-time' }),
  isDateString: () => ({ type: 'string', format: 'date-time' }),
  isIso8601: () => ({ type: 'string', format: 'date-time' }),
  isArray: () => ({ type: 'array' }),
  isObject: () => ({ type: 'object' }),
  isEmail: () => ({ type: 'string', format: 'email' }),
  isUuid: () => ({ type: 'string', format: 'uuid' }),
  isUrl: () => ({ type: 'string', format: 'uri' }),
  isNumberString: () => ({ type: 'string', pattern: '^[-+]?[0-9]*[.]?[0-9]+$' }),
  isNotEmpty: () => ({ minLength: 1 }),
  isPositive: () => ({ exclusiveMinimum: 0 }),
  isNegative: () => ({ exclusiveMaximum: 0 }),
  min: ([minimum]) => ({ minimum: minimum as number }),
  max: ([maximum]) => ({ maximum: maximum as number }),
  isDivisibleBy: ([multipleOf]) => ({ multipleOf: multipleOf as number }),
  minLength: ([minLength]) => ({ minLength: minLength as number }),
  maxLength: ([maxLength]) => ({ maxLength: maxLength as number }),
  isLength: ([minLength, maxLength]) => ({
    minLength: minLength as number,
    ...(maxLength !== undefined && { maxLength: maxLength as number }),
  }),
  matches: ([pattern]) => (pattern instanceof RegExp ? { type: 'string', pattern: pattern.source } : {}),
  isIn: ([values]) => ({ enum: values as readonly unknown[] }),
  isEnum: ([, values]) => ({ enum: values as readonly unknown[] }),
  equals: ([value]) => ({ const: value }),
  arrayMinSize: ([minItems]) => ({ type: 'array', minItems: minItems as number }),
  arrayMaxSize: ([maxItems]) => ({ type: 'array', maxItems: maxItems as number }),
  arrayUnique: () => ({ type: 'array', uniqueItems: true }),
}

/** A class by its decorators. Nested classes stand where they are used; one that holds itself ends as any object. */
export function schemaOfClass(target: AnyClass, above: readonly AnyClass[] = []): JsonSchema {
  const fields = fieldsOf(target)
  const rulesOf = byProperty(validationRules(target))
  return {
    type: 'object',
    properties: Object.fromEntries(
      [...fields.names].map((name) => [
        name,
        {
          ...schemaOfProperty(target, name, rulesOf(name), [...above, target]),
          ...defaultOf(fields.initial.get(name)),
        },
      ]),
    ),
    required: [...fields.names].filter((name) => isRequired(rulesOf(name)) && !fields.initial.has(name)),
  }
}

function byProperty(given: readonly ValidationRule[]) {
  return (name: string) => given.filter(({ propertyName }) => propertyName === name)
}

function defaultOf(value: unknown): JsonSchema {
  return value === undefined ? {} : { default: value }
}

/** class-validator's rules refuse undefined, unless one of them lets it pass. */
function isRequired(given: readonly ValidationRule[]): boolean {
  return given.some(({ type }) => type === 'customValidation') && !given.some(isCondition)
}

const isCondition = ({ type }: ValidationRule) => type === 'conditionalValidation'

function schemaOfProperty(
  target: AnyClass,
  name: string,
  given: readonly ValidationRule[],
  above: readonly AnyClass[],
): JsonSchema {
  const [own, ofItems] = [schemaOf(given.filter(({ each }) => !each)), schemaOf(given.filter(({ each }) => each))]
  const inner = nestedClass(target, name)
  const items = {
    ...ofItems,
    ...(inner ? (above.includes(inner) ? { type: 'object' } : schemaOfClass(inner, above)) : {}),
  }
  const isList = own.type === 'array' || given.some(({ each }) => each)
  const schema = isList
    ? { ...own, type: 'array', ...(Object.keys(items).length > 0 && { items }) }
    : inner && !own.format
      ? { ...items, ...own }
      : own
  const mayBeNull = given.some((rule) => isCondition(rule) && rule.name === 'isOptional')
  return mayBeNull && typeof schema.type === 'string' ? { ...schema, type: [schema.type, 'null'] } : schema
}

function schemaOf(given: readonly ValidationRule[]): JsonSchema {
  const found = given.map(
    ({ name = '', constraints = [] }) => (rules[name] as Of | undefined)?.(constraints ?? []) ?? {},
  )
  return Object.assign({}, ...found) as JsonSchema
}
