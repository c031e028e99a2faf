import { defineBackfill } from 'rowshift'
import { geohash } from '../geohash.js'
import { searchName } from '../text.js'

/** Makes cities findable by what people type and by where they are. For background workers: small batches, with pauses. */
export const citySearch = defineBackfill({
  name: 'city.search',
  table: 'city',
  select: { name: 'text', country: 'text', lat: 'double', lng: 'double' },
  write: { search_name: 'text', geohash: 'text' },
  where: { search_name: null },
  transform: (row) => ({ search_name: searchName(row.name, row.country), geohash: geohash(row.lat, row.lng) }),
  reverse: 'not-needed',
  batchRows: 500,
  delayMs: 25,
})
