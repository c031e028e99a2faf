import { basename, dirname, resolve } from 'node:path'

/** Where a migration is written and what its class is called, as `typeorm migration:generate` has it. */
export interface MigrationPlace {
  readonly file: string
  readonly className: string
}

/** `migrations/CitySlug` at 1763700000002 is `migrations/1763700000002-CitySlug.ts` with `CitySlug1763700000002`. */
export function migrationPlace(path: string, timestamp: number, extension: string): MigrationPlace {
  const full = resolve(path)
  const name = basename(full).replace(/\.[cm]?[jt]s$/, '')
  return { file: resolve(dirname(full), `${timestamp}-${name}${extension}`), className: `${pascal(name)}${timestamp}` }
}

const wordsOf = (text: string): string[] => text.split(/[^\p{L}\p{N}]+/u).filter(Boolean)

/** `city-slug` is `CitySlug`. */
export function pascal(text: string): string {
  const joined = wordsOf(text)
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join('')
  return /^\p{N}/u.test(joined) ? `_${joined}` : joined
}

function camel(text: string): string {
  const name = pascal(text)
  return name[0]!.toLowerCase() + name.slice(1)
}

/** What a definition is called everywhere: `city` to 2.0.0 is `city@2.0.0`, `cityV2_0_0` in `city-2.0.0`. */
export function definitionNames(table: string, version: string) {
  return {
    name: `${table}@${version}`,
    exportName: `${camel(table)}V${version.replace(/[^0-9A-Za-z]+/g, '_')}`,
    fileName: `${wordsOf(table).join('-')}-${version}`,
  }
}

/** The column that holds converted values until it takes the place of the old one. Short enough for every database. */
export function shadowName(column: string, version: string): string {
  return `${column.slice(0, 40)}__${version.replace(/[^0-9A-Za-z]+/g, '_')}`
}
