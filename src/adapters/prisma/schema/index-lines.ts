import type { PrismaRegistry, RegistryModel } from '../registry.js'
import { fieldsIn } from './schema-text.js'

/* Lines of a schema about indexes: `@@unique([a, b])`, `@@index([a])`, and `@unique` of a field. */

/** Of a whole block. */
export const isIndex = (line: string): boolean => /^@@(unique|index|fulltext)/.test(line)

/** As Prisma names an index that the schema gives no name: `city_name_key`, `city_name_idx`. */
export function oldIndexName(
  { provider }: PrismaRegistry,
  model: RegistryModel,
  line: string,
  names = fieldsIn(line),
): string {
  const suffix = /^@@?unique/.test(line) ? '_key' : '_idx'
  const limit = { postgresql: 63, mysql: 64, sqlite: Number.POSITIVE_INFINITY }[provider]
  return `${[model.table, ...columnsOf(model, names)].join('_').slice(0, limit - suffix.length)}${suffix}`
}

/** The attribute with a name in the database, unless it has one. */
export function named(attribute: string, name: string): string {
  if (/\bmap:/.test(attribute)) return attribute
  const map = `map: ${JSON.stringify(name)}`
  return attribute.endsWith(')') ? `${attribute.slice(0, -1)}, ${map})` : `${attribute}(${map})`
}

/** The attribute about other fields. */
export function withFields(attribute: string, names: ReadonlyMap<string, string>): string {
  return attribute.replace(/\[([^\]]*)\]/, (_, list: string) => {
    const fields = list.split(',').map((field) => field.trim().replace(/^\w+/, (name) => names.get(name) ?? name))
    return `[${fields.join(', ')}]`
  })
}

export const columnsOf = (model: RegistryModel, names: readonly string[]): readonly (string | undefined)[] =>
  names.map((name) => model.fields[name]?.column)

export const sameColumns = (one: readonly unknown[], other: readonly unknown[]): boolean =>
  one.length === other.length && one.every((column, i) => column === other[i])
