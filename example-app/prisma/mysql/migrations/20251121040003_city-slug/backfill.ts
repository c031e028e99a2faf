import { defineBackfill } from 'rowshift'
import { slugify } from '../../../../src/text.js'

/** City 1.0.0 to 2.0.0: fills "slug". */
export const cityV2_0_0 = defineBackfill({
  name: 'city@2.0.0',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  transform: (row) => ({ slug: slugify(row.name) }),
  unique: { slug: (slug, n) => `${slug}-${n}` },
  reverse: 'not-needed',
})
