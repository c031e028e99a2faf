import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import type { Backfill } from '../../src/backfill/definition/define-backfill.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { pageCharacters } from '../../src/backfill/pacing.js'
import type { Progress } from '../../src/backfill/progress.js'
import { RowshiftError } from '../../src/errors/rowshift-error.js'
import { defineBackfill } from '../../src/index.js'
import { setPace } from '../../src/runs/control/set-pace.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { codeOf, portTo, runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countedSlug, countVisits, createCountedCities } from '../support/counted-cities.js'
import { contractTest } from '../support/databases.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'
import type { StatementHooks } from '../support/observed-database.js'

/* The pace of a run that goes on: set by others, and halved by what it meets. */

const rows = 40

/** Rows of each batch of the first pass. */
function recordBatches() {
  const batches: number[] = []
  let before = 0
  const onProgress = ({ pass, written }: Progress) => {
    if (pass === 0 && written > before) batches.push(written - before)
    before = written
  }
  return { batches, onProgress }
}

contractTest('takes the pace that another connection sets', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  expect(await codeOf(setPace(portTo(app), 'city.slug', { batchRows: 4 }))).toBe('RUN_NOT_FOUND')
  let changed: Promise<unknown> | undefined
  const { batches, onProgress } = recordBatches()
  const slug = countedSlug(undefined, {
    onRow: (id) => {
      if (id === 5) changed = setPace(portTo(app), 'city.slug', { batchRows: 4, delayMs: 1 })
    },
    during: () => changed,
  })
  expect(await runBackfill(await database.connect(), slug, { onProgress })).toMatchObject({ status: 'completed' })
  // The batch in hand may have been told already.
  expect([4, 10]).toContain(batches[0])
  expect(Math.max(...batches.slice(1))).toBe(4)
  await expectMigratedOnce(app)
})

/** Sets the size of batches in the transaction of the first one, so that it holds from its commit on. */
function setDuringFirstBatch(): StatementHooks {
  let isSet = false
  return {
    inject({ label }, when) {
      if (isSet || label !== 'fence' || when !== 'after') return undefined
      isSet = true
      return 'update rowshift_run set batch_rows = 4'
    },
  }
}

const fours = [10, ...Array.from({ length: 7 }, () => 4), 2]

for (const [form, backfill] of [
  ['a transform, whose next page has been read ahead', countedSlug(undefined)],
  ['SQL', countVisits],
] as const) {
  contractTest(`a pace that is set holds from the next batch on, for ${form}`, async (database) => {
    const dataSource = await database.connect()
    await createCountedCities(dataSource, database.name, rows)
    const { batches, onProgress } = recordBatches()
    await runBackfill(dataSource, backfill, { onProgress, hooks: setDuringFirstBatch() })
    expect(batches).toEqual(fours)
  })
}

const journaled: Backfill = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  journal: true,
  batchRows: 10,
  transform: ({ name }) => ({ slug: name.toLowerCase() }),
})

contractTest('a pace that is set holds from the next batch on, for an undo', async (database) => {
  const dataSource = await database.connect()
  await createCountedCities(dataSource, database.name, rows)
  await runBackfill(dataSource, journaled)
  const { batches, onProgress } = recordBatches()
  const port = portTo(dataSource, setDuringFirstBatch())
  await undoInForeground({
    database: port,
    definition: definitionOf(journaled),
    run: undefined,
    onProgress,
    pace: { targetMs: 60_000 },
  })
  expect(batches).toEqual(fours)
  expect(await countSlugs(dataSource)).toBe(0)
})

async function countSlugs(dataSource: DataSource): Promise<number> {
  const [row] = await dataSource.query('select count(*) as n from city where slug is not null')
  return Number(row.n)
}

contractTest('makes pages small where rows are wide', async (database) => {
  const dataSource = await database.connect()
  const text = bySql(database.name, { sqlite: 'text', postgres: 'text', mariadb: 'mediumtext' })
  await dataSource.query(`create table page (id integer not null primary key, body ${text}, length integer)`)
  // A third of what a page may hold, and a little more.
  const characters = Math.floor(pageCharacters / 3) + 1
  for (let id = 1; id <= 8; id++)
    await dataSource.query(`insert into page (id, body) values (${id}, '${'x'.repeat(characters)}')`)
  const pages: number[] = []
  const hooks: StatementHooks = {
    after: ({ label }, { rows }) => void (label === 'read-page' && pages.push(rows.length)),
  }
  const lengths = defineBackfill({
    name: 'page.length',
    table: 'page',
    select: { body: 'text?' },
    write: { length: 'integer' },
    where: { length: null },
    batchRows: 4,
    transform: ({ body }) => ({ length: body?.length ?? 0 }),
  })
  expect(await runBackfill(dataSource, lengths, { hooks })).toMatchObject({ status: 'completed' })
  // The second is read before the first has been written: nothing but the width of rows is known by then.
  expect(pages.slice(0, 2)).toEqual([4, 2])
})

contractTest('halves the batch in hand at once, and again, until it passes', async (database) => {
  const dataSource = await database.connect()
  await createCountedCities(dataSource, database.name, rows)
  let faults = 0
  const { batches, onProgress } = recordBatches()
  const result = await runBackfill(dataSource, countedSlug(undefined, { batchRows: rows }), {
    onProgress,
    hooks: {
      before({ label }) {
        // As a statement that ran into its time limit.
        if (label === 'update-rows' && ++faults <= 2) {
          throw new RowshiftError('DATABASE_UNAVAILABLE', { message: 'too slow', retryable: true })
        }
      },
    },
  })
  expect(result).toMatchObject({ status: 'completed', counts: { written: rows, failures: 0 } })
  // Of 40 rows a quarter; the pace was halved once.
  expect(batches.slice(0, 2)).toEqual([10, 20])
  await expectMigratedOnce(dataSource)
})
