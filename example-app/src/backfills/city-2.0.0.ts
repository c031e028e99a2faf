import { defineBackfill } from 'rowshift'
import { city } from '../versions/city.js'

/** City 1.0.0 to 2.0.0: fills "slug". What else the upgrade changes belongs in `write`, and in what is returned. */
export const cityV2_0_0 = defineBackfill({
  name: 'city@2.0.0',
  table: 'city',
  select: {
    id: 'integer',
    name: 'text',
    country: 'text',
    admin1: 'text',
    lat: 'double',
    lng: 'double',
    population: 'integer?',
  },
  write: { slug: 'text' },
  where: { slug: null },
  steps: city.path('1.0.0', '2.0.0'),
  transform: (row) => {
    const after = city.convert(row, { from: '1.0.0', to: '2.0.0', as: 'plain' })
    return { slug: after.slug }
  },
  unique: { slug: (slug, n) => `${slug}-${n}` },
  reverse: 'not-needed',
})
