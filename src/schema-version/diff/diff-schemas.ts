import { isDeepStrictEqual } from 'node:util'
import { similarity } from '../../backfill/definition/nearest.js'
import type { JsonSchema } from '../json-schema/types.js'

/** A field that is in one of the versions only. */
export interface FieldChange {
  readonly field: string
  readonly schema: JsonSchema
  readonly isRequired: boolean
  readonly isBreaking: boolean
}

/** A field of both that is not the same in both. */
export interface ChangedField {
  readonly field: string
  readonly kind: 'type' | 'optionality' | 'constraint'
  /** `string`, `integer | null`; `required`, `optional`; `maxLength 50`. */
  readonly before: string
  readonly after: string
  /** Whether a value that was valid may no longer be. */
  readonly isBreaking: boolean
}

/** A removed and an added field that are probably one. */
export interface ProbableRename {
  readonly from: string
  readonly to: string
  /** Up to 1: how alike the names are. 1 is said by an alias or by a value in place. */
  readonly likelihood: number
}

/** What changed from one shape to another. */
export interface SchemaDiff {
  readonly added: readonly FieldChange[]
  readonly removed: readonly FieldChange[]
  readonly changed: readonly ChangedField[]
  readonly renames: readonly ProbableRename[]
  /** Whether a record of the first may not be valid as the second, or loses a field. */
  readonly isBreaking: boolean
}

/** Names that are less alike are two. */
const likely = 0.5

const constraints = [
  'format',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minItems',
  'maxItems',
  'uniqueItems',
  'enum',
  'const',
] as const

/** Two JSON Schemas of objects, compared field by field; nested objects by their path. */
export function diffSchemas(before: JsonSchema, after: JsonSchema): SchemaDiff {
  const added: FieldChange[] = []
  const removed: FieldChange[] = []
  const changed: ChangedField[] = []
  compare(before, after, '')
  const renames = renamesAmong(removed, added)
  const isBreaking = [...added, ...removed, ...changed].some((change) => change.isBreaking)
  return { added, removed, changed, renames, isBreaking }

  function compare(a: JsonSchema, b: JsonSchema, path: string): void {
    const [old, now] = [a.properties ?? {}, b.properties ?? {}]
    for (const [name, schema] of Object.entries(old)) {
      const field = `${path}${name}`
      const next = now[name]
      const wasRequired = a.required?.includes(name) ?? false
      if (!next) removed.push({ field, schema, isRequired: wasRequired, isBreaking: true })
      else {
        changed.push(...changesOf(field, schema, next, wasRequired, b.required?.includes(name) ?? false))
        if (schema.properties && next.properties) compare(schema, next, `${field}.`)
        const [items, nextItems] = [objectItems(schema), objectItems(next)]
        if (items && nextItems) compare(items, nextItems, `${field}[].`)
      }
    }
    for (const [name, schema] of Object.entries(now)) {
      if (old[name]) continue
      const isRequired = b.required?.includes(name) ?? false
      added.push({
        field: `${path}${name}`,
        schema,
        isRequired,
        isBreaking: isRequired && schema.default === undefined,
      })
    }
  }
}

function objectItems({ items }: JsonSchema): JsonSchema | undefined {
  return typeof items === 'object' && items.properties ? items : undefined
}

function changesOf(
  field: string,
  before: JsonSchema,
  after: JsonSchema,
  wasRequired: boolean,
  isRequired: boolean,
): readonly ChangedField[] {
  const changes: ChangedField[] = []
  const [types, nextTypes] = [typesOf(before), typesOf(after)]
  if (!isDeepStrictEqual(types, nextTypes)) {
    const isBreaking = types.some((type) => !takes(nextTypes, type))
    changes.push({ field, kind: 'type', before: types.join(' | '), after: nextTypes.join(' | '), isBreaking })
  }
  if (wasRequired !== isRequired) {
    const [was, is] = [wasRequired ? 'required' : 'optional', isRequired ? 'required' : 'optional']
    changes.push({ field, kind: 'optionality', before: was, after: is, isBreaking: isRequired })
  }
  for (const name of constraints) {
    const [a, b] = [before[name], after[name]]
    if (isDeepStrictEqual(a, b)) continue
    const say = (value: unknown) => (value === undefined ? 'none' : `${name} ${JSON.stringify(value)}`)
    changes.push({ field, kind: 'constraint', before: say(a), after: say(b), isBreaking: isTighter(name, a, b) })
  }
  return changes
}

/** `['integer', 'null']`, in the order of the alphabet. */
export function typesOf(schema: JsonSchema): readonly string[] {
  const { type, enum: values, const: value, anyOf = schema.oneOf } = schema
  if (type !== undefined) return [type].flat().sort() as string[]
  const listed = values ?? (value === undefined ? undefined : [value])
  if (listed) return [...new Set(listed.map(typeOf))].sort()
  if (anyOf) return [...new Set(anyOf.flatMap(typesOf))].sort()
  return ['any']
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return typeof value === 'number' && Number.isInteger(value) ? 'integer' : typeof value
}

const takes = (types: readonly string[], type: string): boolean =>
  types.includes(type) || types.includes('any') || (type === 'integer' && types.includes('number'))

function isTighter(name: (typeof constraints)[number], before: unknown, after: unknown): boolean {
  if (after === undefined) return false
  if (before === undefined) return true
  if (name === 'enum') return !(before as readonly unknown[]).every((value) => (after as unknown[]).includes(value))
  const [a, b] = [before as number, after as number]
  if (name === 'multipleOf') return a % b !== 0
  if (name.startsWith('min') || name === 'exclusiveMinimum') return b > a
  if (name.startsWith('max') || name === 'exclusiveMaximum') return b < a
  return true
}

/** Pairs of one type, the most alike first; a field is in one pair at most. */
function renamesAmong(removed: readonly FieldChange[], added: readonly FieldChange[]): readonly ProbableRename[] {
  const pairs = removed
    .flatMap((from) =>
      added
        .filter((to) => parentOf(from.field) === parentOf(to.field) && sameType(from.schema, to.schema))
        .map((to) => ({ from: from.field, to: to.field, likelihood: similarity(from.field, to.field) })),
    )
    .filter(({ likelihood }) => likelihood >= likely)
    .sort((a, b) => b.likelihood - a.likelihood)
  const renames: ProbableRename[] = []
  for (const pair of pairs)
    if (!renames.some(({ from, to }) => from === pair.from || to === pair.to)) renames.push(pair)
  return renames
}

const parentOf = (field: string): string => field.slice(0, field.lastIndexOf('.') + 1)

const sameType = (a: JsonSchema, b: JsonSchema): boolean => {
  const known = (schema: JsonSchema) => typesOf(schema).filter((type) => type !== 'null')
  return isDeepStrictEqual(known(a), known(b))
}
