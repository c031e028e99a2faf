import { defineBackfill } from 'rowshift'
import { geohash } from '../../../../src/geohash.js'
import { searchName } from '../../../../src/text.js'

/** City 2.0.0 to 3.0.0: fills "search_name", "geohash". */
export const cityV3_0_0 = defineBackfill({
  name: 'city@3.0.0',
  table: 'city',
  select: { name: 'text', country: 'text', lat: 'double', lng: 'double' },
  write: { search_name: 'text', geohash: 'text' },
  where: { search_name: null },
  transform: (row) => ({
    search_name: searchName(row.name, row.country),
    geohash: geohash(row.lat, row.lng),
  }),
  reverse: 'not-needed',
  batchRows: 500,
  delayMs: 25,
})
