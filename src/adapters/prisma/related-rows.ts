import type { PrismaRegistry } from './registry.js'

type Tree = Record<string, unknown>

/** Visits every row of a result, those of relations too, at any depth. */
export function* rowsOf(
  registry: PrismaRegistry,
  model: string,
  result: unknown,
): Generator<[model: string, row: Tree]> {
  for (const row of each(result)) {
    yield [model, row]
    for (const [field, related] of relationsOf(registry, model)) yield* rowsOf(registry, related, row[field])
  }
}

/** Visits every row that a `create`, or the nested ones of another write, will insert. */
export function* newRowsOf(
  registry: PrismaRegistry,
  model: string,
  data: unknown,
): Generator<[model: string, row: Tree]> {
  for (const row of each(data)) {
    yield [model, row]
    yield* newRowsWithin(registry, model, row)
  }
}

/** Visits every row that is inserted by what is written into the relations of a row. */
export function* newRowsWithin(
  registry: PrismaRegistry,
  model: string,
  data: unknown,
): Generator<[model: string, row: Tree]> {
  for (const row of each(data)) {
    for (const [field, related] of relationsOf(registry, model)) {
      for (const nested of each(row[field])) {
        yield* newRowsOf(registry, related, nested.create)
        for (const many of each(nested.createMany)) yield* newRowsOf(registry, related, many.data)
        for (const one of [...each(nested.connectOrCreate), ...each(nested.upsert)])
          yield* newRowsOf(registry, related, one.create)
        for (const one of each(nested.upsert)) yield* newRowsWithin(registry, related, one.update)
        for (const one of each(nested.update)) yield* newRowsWithin(registry, related, updateOf(registry, related, one))
      }
    }
  }
}

/** A nested update has its changes in `data`, or is the changes itself where there is one row that it can mean. */
function updateOf(registry: PrismaRegistry, model: string, update: Tree): unknown {
  const isField = registry.models[model]?.fields.data !== undefined
  return update.where === undefined && isField ? update : (update.data ?? update)
}

const relationsOf = (registry: PrismaRegistry, model: string) => Object.entries(registry.models[model]?.relations ?? {})

/** The rows of a value that is one, several, or none. */
function each(value: unknown): readonly Tree[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value]
  return all.filter((one): one is Tree => typeof one === 'object' && one !== null)
}
