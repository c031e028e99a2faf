import { defineVersions } from 'rowshift'
import { geohash } from '../geohash.js'
import { searchName, slugify } from '../text.js'

const first = {
  id: 'integer',
  name: 'text',
  country: 'text',
  admin1: 'text',
  lat: 'double',
  lng: 'double',
  population: 'integer?',
} as const

const withSlug = { ...first, slug: 'text' } as const

const withSearch = { ...withSlug, searchName: 'text', geohash: 'text' } as const

/** What a city was and is, and how the one becomes the other. Imports no entity: migrations outlive it. */
export const city = defineVersions('City')
  .version('1.0.0', first)
  .version('2.0.0', withSlug, { upgrade: (row) => ({ slug: slugify(row.name) }) })
  .version('3.0.0', withSearch, {
    upgrade: (row) => ({ searchName: searchName(row.name, row.country), geohash: geohash(row.lat, row.lng) }),
  })
