import { defineBackfill } from '../../src/index.js'

/** Fills `slug` and counts in `touched`, with a journal: what is taken back twice, or not at all, shows. */
export const journaledVisits = defineBackfill({
  name: 'city.visits',
  table: 'city',
  select: { touched: 'integer' },
  write: { slug: 'text', touched: 'integer' },
  where: { slug: null },
  batchRows: 10,
  journal: true,
  transform: (row) => ({ slug: 'visited', touched: row.touched + 1 }),
})
