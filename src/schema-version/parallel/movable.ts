import { types } from 'node:util'

export type AnyConstructor = abstract new (...args: never) => object

/**
 * Values for another thread, and what the way there takes from them: structured clone makes plain objects of instances. A mark has the
 * number of what it was, and the path to it.
 */
export interface Packed {
  readonly values: readonly unknown[]
  /** What every value that is an object was. */
  readonly all: number | undefined
  readonly marks: readonly (readonly [kind: number, ...path: PropertyKey[]])[]
}

/** What no thread can be given. */
export class Unmovable extends Error {
  constructor(
    /** Which of the values. */
    readonly index: number,
    readonly path: string,
    /** `an instance of Money`. */
    readonly what: string,
  ) {
    super(what)
  }
}

const [buffer, nullPrototype, firstClass] = [0, 1, 2]
/** Deeper is a value that holds itself, or near enough. */
const maxDepth = 500

const isKept = (value: object): boolean =>
  types.isDate(value) ||
  types.isRegExp(value) ||
  types.isArrayBufferView(value) ||
  types.isAnyArrayBuffer(value) ||
  types.isBoxedPrimitive(value)

/** Packs values whose instances are of the classes given, which the other side has as well. @throws Unmovable */
export function pack(values: readonly unknown[], classes: readonly AnyConstructor[]): Packed {
  const kinds = new Map<unknown, number>(classes.map(({ prototype }, i) => [prototype, i + firstClass]))
  const marks: [kind: number, ...path: PropertyKey[]][] = []
  const path: PropertyKey[] = []
  values.forEach(enter)
  const own = marks.filter(({ length }) => length === 2)
  const objects = values.reduce<number>((count, value) => (typeof value === 'object' && value ? count + 1 : count), 0)
  // Nearly always: a mark for each would be half of what travels.
  if (own.length === 0 || own.length < objects || own.some(([kind]) => kind !== own[0]![0]))
    return { values, all: undefined, marks }
  return { values, all: own[0]![0], marks: marks.filter(({ length }) => length > 2) }

  function enter(value: unknown, key: PropertyKey): void {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol'))
      return
    path.push(key)
    if (typeof value !== 'object') throw unmovable(`a ${typeof value}`)
    walk(value)
    path.pop()
  }

  function walk(value: object): void {
    if (path.length > maxDepth) throw unmovable('an object that holds itself, or lies too deep')
    if (Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype) return value.forEach(enter)
    if (Buffer.isBuffer(value)) return void marks.push([buffer, ...path])
    if (types.isMap(value) || types.isSet(value)) return walkCollection(value)
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype) {
      if (isKept(value)) return
      const kind = prototype === null ? nullPrototype : kinds.get(prototype)
      if (kind === undefined) throw unmovable(`an instance of ${value.constructor?.name ?? 'a class'}`)
      marks.push([kind, ...path])
    }
    for (const key in value) enter((value as Record<string, unknown>)[key], key)
  }

  function walkCollection(value: Map<unknown, unknown> | Set<unknown>): void {
    const before = marks.length
    for (const entry of value) enter(entry, 'entries')
    if (marks.length > before) throw unmovable('a Map or Set with instances in it')
  }

  function unmovable(what: string): Unmovable {
    const [index, ...within] = path
    return new Unmovable(index as number, within.join('.'), what)
  }
}

/** The values as they were packed. */
export function unpack({ values, all, marks }: Packed, classes: readonly AnyConstructor[]): readonly unknown[] {
  const own = values as unknown[]
  if (all !== undefined) {
    for (let i = 0; i < own.length; i++)
      if (typeof own[i] === 'object' && own[i]) own[i] = remade(all, own[i]!, classes)
  }
  // Parents are marked before what they hold: it is then set in what the parent has become.
  for (const [kind, ...path] of marks) {
    const last = path.pop()!
    let holder = values as unknown as Record<PropertyKey, unknown>
    for (const key of path) holder = holder[key] as Record<PropertyKey, unknown>
    holder[last] = remade(kind, holder[last] as object, classes)
  }
  return values
}

function remade(kind: number, value: object, classes: readonly AnyConstructor[]): object {
  if (kind === buffer) {
    const bytes = value as Uint8Array
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  if (kind === nullPrototype) return Object.assign(Object.create(null) as object, value)
  const made = instanceOf(classes[kind - firstClass]!)
  for (const key in made) if (!Object.hasOwn(value, key)) delete (made as Record<string, unknown>)[key]
  return Object.assign(made, value)
}

/** By `new`, as class-transformer does it, so that private fields are there. */
function instanceOf(target: AnyConstructor): object {
  try {
    return new (target as unknown as new () => object)()
  } catch {
    return Object.create(target.prototype as object) as object
  }
}
