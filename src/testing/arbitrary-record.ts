import { parseColumn } from '../backfill/definition/columns.js'
import type { ColumnKind } from '../dialects/table.js'
import { validationRules } from '../schema-version/class-libraries.js'
import { schemaOfShape } from '../schema-version/json-schema/json-schema.js'
import type { JsonSchema } from '../schema-version/json-schema/types.js'
import { columnOf, isClass, isSchema, type Shape } from '../schema-version/shape.js'

/** What is used of fast-check: `import fc from 'fast-check'` and pass it on. */
export interface FastCheck {
  string(options?: { readonly minLength?: number; readonly maxLength?: number }): unknown
  stringMatching(pattern: RegExp): unknown
  emailAddress(): unknown
  uuid(): unknown
  webUrl(): unknown
  integer(options?: { readonly min?: number; readonly max?: number }): unknown
  double(options?: object): unknown
  bigInt(options?: { readonly min?: bigint; readonly max?: bigint }): unknown
  boolean(): unknown
  date(options?: object): unknown
  uint8Array(): unknown
  jsonValue(): unknown
  constantFrom(...values: unknown[]): unknown
  oneof(...arbitraries: unknown[]): unknown
  array(items: unknown, options?: object): unknown
  record(fields: object, options?: object): unknown
  asyncProperty(arbitrary: unknown, predicate: (value: never) => Promise<void>): unknown
  assert(property: unknown, options?: { readonly numRuns?: number; readonly seed?: number }): unknown
}

const dates = { noInvalidDate: true, min: new Date('1970-01-01'), max: new Date('2099-12-31') }
const finite = { noNaN: true, noDefaultInfinity: true }

/** Records of a version, as fast-check makes them: by its columns, its decorators, or its schema. */
export function arbitraryRecord(fc: FastCheck, shape: Shape, title: string): unknown {
  if (!isClass(shape) && !isSchema(shape)) {
    const fields = Object.entries(shape).map(([name, entry]) => [name, ofColumn(fc, columnOf(entry))])
    return fc.record(Object.fromEntries(fields))
  }
  const schema = schemaOfShape(shape, title)
  if (!isClass(shape)) return ofSchema(fc, schema)
  const moments = validationRules(shape).filter(({ name }) => name === 'isDate')
  return ofSchema(fc, schema, new Set(moments.map(({ propertyName }) => propertyName)))
}

function ofColumn(fc: FastCheck, column: Parameters<typeof parseColumn>[0]): unknown {
  const { kind, isNullable, allowed } = parseColumn(column)
  if (allowed) return fc.constantFrom(...allowed)
  const value = kinds[kind](fc)
  return isNullable ? fc.oneof(value, fc.constantFrom(null)) : value
}

const kinds: Readonly<Record<ColumnKind, (fc: FastCheck) => unknown>> = {
  integer: (fc) => fc.integer(),
  bigint: (fc) => fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  double: (fc) => fc.double(finite),
  decimal: (fc) => fc.stringMatching(/^-?[0-9]{1,9}(\.[0-9]{1,4})?$/),
  text: (fc) => fc.string(),
  uuid: (fc) => fc.uuid(),
  boolean: (fc) => fc.boolean(),
  timestamp: (fc) => fc.date(dates),
  date: (fc) => fc.stringMatching(/^20[0-9]{2}-0[1-9]-1[0-9]$/),
  time: (fc) => fc.stringMatching(/^1[0-9]:[0-5][0-9]:[0-5][0-9]$/),
  json: (fc) => fc.jsonValue(),
  bytes: (fc) => fc.uint8Array(),
  other: (fc) => fc.string(),
}

function ofSchema(fc: FastCheck, schema: JsonSchema, moments: ReadonlySet<string> = new Set()): unknown {
  const { type, enum: values, const: only, anyOf = schema.oneOf } = schema
  if (values) return fc.constantFrom(...values)
  if (only !== undefined) return fc.constantFrom(only)
  if (anyOf) return fc.oneof(...anyOf.map((one) => ofSchema(fc, one)))
  if (Array.isArray(type)) return fc.oneof(...type.map((one: string) => ofSchema(fc, { ...schema, type: one })))
  switch (type) {
    case 'object': {
      const fields = Object.entries(schema.properties ?? {}).map(([name, of]) => [
        name,
        moments.has(name) ? fc.date(dates) : ofSchema(fc, of),
      ])
      return fc.record(Object.fromEntries(fields), { requiredKeys: [...(schema.required ?? [])] })
    }
    case 'array': {
      const items = typeof schema.items === 'object' ? ofSchema(fc, schema.items) : fc.jsonValue()
      return fc.array(items, lengths(schema.minItems, schema.maxItems))
    }
    case 'string':
      return ofText(fc, schema)
    case 'integer':
      return fc.integer(bounds(schema, 1))
    case 'number':
      return fc.double({ ...finite, ...bounds(schema, 0.5) })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constantFrom(null)
    default:
      return fc.jsonValue()
  }
}

function ofText(fc: FastCheck, { format, pattern, minLength, maxLength }: JsonSchema): unknown {
  if (format === 'email') return fc.emailAddress()
  if (format === 'uuid') return fc.uuid()
  if (format === 'uri') return fc.webUrl()
  if (format === 'date-time') return fc.stringMatching(/^20[0-9]{2}-0[1-9]-1[0-9]T1[0-9]:[0-5][0-9]:[0-5][0-9]Z$/)
  if (format === 'date') return kinds.date(fc)
  if (format === 'time') return kinds.time(fc)
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern))
  return fc.string(lengths(minLength, maxLength))
}

const lengths = (minLength?: number, maxLength?: number) => ({
  ...(minLength !== undefined && { minLength }),
  ...(maxLength !== undefined && { maxLength }),
})

function bounds({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema, step: number) {
  const min = minimum ?? (exclusiveMinimum === undefined ? undefined : exclusiveMinimum + step)
  const max = maximum ?? (exclusiveMaximum === undefined ? undefined : exclusiveMaximum - step)
  return { ...(min !== undefined && { min }), ...(max !== undefined && { max }) }
}
