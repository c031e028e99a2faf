import type { defineBackfill, sql } from '../../../src/index.js'

/* What the application of the crash tests migrates. Both count how often they have written a row. */

export function defineAll(rowshift: { readonly defineBackfill: typeof defineBackfill; readonly sql: typeof sql }) {
  return {
    /** Where a guard has to hold: rows are read, changed by code, and written back, and the application changes them meanwhile. */
    citySlug: rowshift.defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text', touched: 'integer' },
      write: { slug: 'text', touched: 'integer' },
      where: { slug: null },
      batchRows: 10,
      delayMs: 10,
      transform: (row) => ({ slug: `slug of ${row.name}`, touched: row.touched + 1 }),
    }),
    /** Where nothing but the checkpoint tells which rows are done. */
    stopVisits: rowshift.defineBackfill.sql({
      name: 'stop.visits',
      table: 'stop',
      set: { visits: rowshift.sql`visits + 1` },
      batchRows: 10,
      delayMs: 10,
    }),
  }
}
