import type { Model } from '../../backfill/definition/columns.js'

/* The client's types are read by structure: a delegate names its model's types under a symbol, in 6 as in 7. */

export type Scalars<D> = D extends { [key: symbol]: { types: { payload: { scalars: infer S } } } } ? S : never
type Creatable<D> = D extends {
  [key: symbol]: { types: { operations: { createMany: { args: { data: infer R } } } } }
}
  ? Exclude<R, readonly unknown[]>
  : never

/** A row to be created: what the client's `createMany` requires, with the types that its rows have. */
export type BulkCreateRow<D> =
  Creatable<D> extends infer R ? { readonly [K in keyof R]: K extends keyof Scalars<D> ? Scalars<D>[K] : never } : never

export type ModelNames<C> = {
  [K in keyof C & string]: C[K] extends { [key: symbol]: { types: { payload: { scalars: unknown } } } } ? K : never
}[keyof C & string]

/** A token for each model of a client, by the name that the client has for it. */
export type ModelTokens<C> = { readonly [K in ModelNames<C>]: Model<Scalars<C[K]>> }

const modelName = Symbol.for('rowshift.prisma-model')

/**
 * Tokens that stand for the models of a client where a definition names its table. The types come from the generated client;
 * nothing of it is loaded, so that definitions are free of connections.
 *
 *   const models = prismaModels<PrismaClient>()
 *   defineBackfill({ name: 'city.slug', table: models.city, select: { name: true }, write: { slug: true }, … })
 */
export function prismaModels<C>(): ModelTokens<C> {
  const tokens = new Map<string, object>()
  return new Proxy(
    {},
    {
      get(_, name) {
        if (typeof name !== 'string') return undefined
        const token = tokens.get(name) ?? Object.freeze({ [modelName]: name })
        tokens.set(name, token)
        return token
      },
    },
  ) as ModelTokens<C>
}

/** The name that the client has for a token's model: `city`; undefined for what is no token. */
export function modelOfToken(source: unknown): string | undefined {
  if (typeof source !== 'object' || source === null) return undefined
  return (source as { readonly [modelName]?: string })[modelName]
}
