import { expect } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { defineBackfill } from '../../src/index.js'
import { readFailures } from '../../src/runs/read-status.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { createCities } from '../support/city-table.js'
import { contractTest } from '../support/databases.js'
import type { StatementHooks } from '../support/observed-database.js'

/* However large a table is, what is held of it is a page. */

const rows = 900
const batchRows = 20

const citySlug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { id: 'integer', name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  batchRows,
  journal: true,
  maxFailures: rows,
  verify: { sample: batchRows, check: ({ slug }) => slug !== '', recompute: true },
  transform({ id, name }) {
    if (id % 3 === 0) throw new RangeError('has none')
    return { slug: name }
  },
})

contractTest('no statement of a run or of its undo answers with more rows than a page', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const most = new Map<string, number>()
  const hooks: StatementHooks = {
    after({ label }, result) {
      most.set(label, Math.max(most.get(label) ?? 0, result.rows.length))
    },
  }
  expect(await runBackfill(dataSource, citySlug, { hooks })).toMatchObject({
    status: 'completed',
    counts: { written: 600, failures: 300 },
  })
  const port = portTo(dataSource, hooks)
  expect((await readFailures(port, 'city.slug', { limit: batchRows })).failures).toHaveLength(batchRows)
  const undone = await undoInForeground({ database: port, definition: definitionOf(citySlug), run: undefined })
  expect(undone).toMatchObject({ by: 'journal', result: { counts: { written: 600 } } })
  expect([...most].filter(([, count]) => count > batchRows + 1)).toEqual([])
  expect(Math.max(...most.values())).toBeGreaterThanOrEqual(batchRows)
})
