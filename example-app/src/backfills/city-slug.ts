import { defineBackfill } from 'rowshift'
import { slugify } from '../text.js'

/** Gives every city an address on the web. Names repeat, so the second `santa-cruz` becomes `santa-cruz-2`. */
export const citySlug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  transform: (row) => ({ slug: slugify(row.name) }),
  unique: { slug: (slug, n) => `${slug}-${n}` },
  reverse: 'not-needed',
})
