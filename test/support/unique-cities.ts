import { defineBackfill } from '../../src/index.js'

/** Fills `slug` with the first free of "rome", "rome-2", "rome-3", ... */
export const uniqueSlug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  batchRows: 40,
  // Long enough for several workers to have a share.
  delayMs: 20,
  // Bound, because a bound function has the same text from whichever compiler: two of them are at work here.
  transform: ((row: { readonly name: string }) => ({ slug: row.name.toLowerCase() })).bind(undefined),
  unique: { slug: ((slug: string, n: number) => `${slug}-${n}`).bind(undefined) },
})
