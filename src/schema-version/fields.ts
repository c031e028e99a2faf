import { validationRules } from './class-libraries.js'
import { isClass, isSchema, type Shape } from './shape.js'

/** What is known of the fields of a shape. */
export interface Fields {
  readonly names: ReadonlySet<string>
  /** Whether these are all: then whatever else a row has is dropped. Otherwise it is carried. */
  readonly isComplete: boolean
  /** The fields that have a value in a new instance of the class: it stands for one that a row lacks. */
  readonly initial: ReadonlyMap<string, unknown>
}

/**
 * Columns name all fields. So does a class whose new instance has them (TypeScript's `useDefineForClassFields`, the default from target
 * ES2022 on); of any other only the decorated ones are known. zod and valibot objects tell theirs.
 */
export function fieldsOf(shape: Shape): Fields {
  if (isClass(shape)) return fieldsOfClass(shape)
  if (!isSchema(shape)) return { names: new Set(Object.keys(shape)), isComplete: true, initial: new Map() }
  const { shape: zod, entries: valibot, type } = shape as { shape?: object; entries?: object; type?: unknown }
  const members = zod ?? valibot
  const isLoose = type === 'loose_object' || hasCatchall(shape)
  return {
    names: new Set(Object.keys(members ?? {})),
    isComplete: members !== undefined && !isLoose,
    initial: new Map(),
  }
}

/** zod's `looseObject` and `catchall` keep what they do not know. */
function hasCatchall(shape: unknown): boolean {
  const { catchall } = ((shape as { def?: unknown }).def ?? {}) as { catchall?: { def?: { type?: string } } }
  return catchall !== undefined && catchall.def?.type !== 'never'
}

function fieldsOfClass(shape: Parameters<typeof validationRules>[0]): Fields {
  const decorated = [...new Set(validationRules(shape).map(({ propertyName }) => propertyName))]
  const sample = instanceOf(shape)
  const own = Object.entries(sample)
  // A field without a value is there only where the compiler defines them all; one with an initial value is there anyway.
  const definesAll = own.some(([, value]) => value === undefined)
  return {
    names: new Set([...own.map(([name]) => name), ...decorated]),
    isComplete: definesAll && decorated.every((name) => name in sample),
    initial: new Map(own.filter(([, value]) => value !== undefined)),
  }
}

/** Whatever `new` gives; a constructor that needs arguments tells nothing. */
export function instanceOf(shape: abstract new (...args: never) => object): object {
  try {
    return new (shape as unknown as new () => object)()
  } catch {
    return {}
  }
}
