import { pascal, wordsOf } from '../adapters/source-text.js'

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
