import { defineBackfill } from 'rowshift'
import { city } from '../versions/city.js'

/** City 2.0.0 to 3.0.0: fills "search_name", "geohash". What else the upgrade changes belongs in `write`, and in what is returned. */
export const cityV3_0_0 = defineBackfill({
  name: 'city@3.0.0',
  table: 'city',
  select: {
    id: 'integer',
    name: 'text',
    country: 'text',
    admin1: 'text',
    lat: 'double',
    lng: 'double',
    population: 'integer?',
    slug: 'text',
  },
  write: { search_name: 'text', geohash: 'text' },
  where: { search_name: null },
  steps: city.path('2.0.0', '3.0.0'),
  transform: (row) => {
    const after = city.convert(row, { from: '2.0.0', to: '3.0.0', as: 'plain' })
    return { search_name: after.searchName, geohash: after.geohash }
  },
  reverse: 'not-needed',
  batchRows: 500,
  delayMs: 25,
})
