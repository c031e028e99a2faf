import type { defineBackfill, sql } from '../../../src/index.js'

/* What the application of the crash tests migrates, a definition a form. Each shows how often it has written a row. */

/** What the forms that fill a slug have in common. */
const slugs = {
  table: 'city',
  select: { name: 'text', touched: 'integer' },
  write: { slug: 'text', touched: 'integer' },
  where: { slug: null },
  batchRows: 10,
  delayMs: 10,
} as const

export function defineAll(rowshift: { readonly defineBackfill: typeof defineBackfill; readonly sql: typeof sql }) {
  return {
    /** Where a guard has to hold: rows are read, changed by code, and written back, and the application changes them meanwhile. */
    citySlug: rowshift.defineBackfill({
      name: 'city.slug',
      ...slugs,
      transform: (row) => ({ slug: `slug of ${row.name}`, touched: row.touched + 1 }),
    }),
    /** The same, a page at a time. */
    cityPage: rowshift.defineBackfill.page({
      name: 'city.page',
      ...slugs,
      async transform(rows, { query }) {
        const [found] = await query({ words: 'text' }, rowshift.sql`select 'slug of' as words`)
        return rows.map((row) => ({ slug: `${found?.words} ${row.name}`, touched: row.touched + 1 }))
      },
    }),
    /** Values of which only one row may have each, while the application takes some of its own. */
    cityUnique: rowshift.defineBackfill({
      name: 'city.unique',
      ...slugs,
      transform: (row) => ({ slug: `slug of ${row.name.length}`, touched: row.touched + 1 }),
      unique: { slug: (slug, n) => `${slug}-${n}` },
    }),
    /** Rows that nothing but the checkpoint keeps from being created twice. */
    stopNotes: rowshift.defineBackfill.insert({
      name: 'stop.notes',
      table: 'stop',
      select: { id: 'bigint', name: 'text' },
      into: 'note',
      write: { stop_id: 'bigint', words: 'text' },
      batchRows: 10,
      delayMs: 10,
      transform: ({ id, name }) => [
        { stop_id: id, words: name },
        { stop_id: id, words: `${name}, again` },
      ],
    }),
    /** Rows that are in one of two tables at every moment. */
    stopArchive: rowshift.defineBackfill.delete({
      name: 'stop.archive',
      table: 'stop',
      where: rowshift.sql`id % 8 = 0`,
      archive: { into: 'stop_archive' },
      batchRows: 10,
      delayMs: 10,
    }),
    /** Rows that others refer to, of which one of each stays. */
    personSame: rowshift.defineBackfill.dedupe({
      name: 'person.same',
      table: 'person',
      by: ['email'],
      keep: { first: 'id' },
      repoint: { purchase: 'person_id' },
      batchRows: 10,
      delayMs: 10,
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
