import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { type Backfill, defineBackfill } from '../../src/backfill/definition/define-backfill.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { sql } from '../../src/index.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { createCities, readCities } from '../support/city-table.js'
import { contractTest } from '../support/databases.js'

/* Taking a change back without a journal: what `reverse` makes of rows that live writers have changed since, or change meanwhile. */

const rows = 12

const undo = (dataSource: DataSource, backfill: Backfill) =>
  undoInForeground({ database: portTo(dataSource), definition: definitionOf(backfill), run: undefined })

contractTest('undo by a function computes rows from what they hold now, and anew if that changes', async (database) => {
  const [dataSource, app] = [await database.connect(), await database.connect()]
  await createCities(dataSource, database.name, rows)
  let isWritten = false
  const moved = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    batchRows: 5,
    transform: ({ name }) => ({ slug: name.toLowerCase() }),
    async reverse({ slug }) {
      if (slug === 'city 7' && !isWritten) {
        isWritten = true
        // Between the read of these rows and their write.
        await app.query(`update city set slug = 'late' where id = 7`)
        await app.query('update city set touched = 9 where id = 8')
        await app.query('delete from city where id = 9')
      }
      return { slug: null, name: slug.toUpperCase() }
    },
  })
  await runBackfill(dataSource, moved)
  await app.query(`update city set slug = 'since' where id = 2`)
  await app.query(`update city set slug = null, name = 'By hand' where id = 3`)

  expect(await undo(dataSource, moved)).toMatchObject({
    by: 'reverse',
    result: { status: 'completed', counts: { conflicts: 1, failures: 0 } },
  })
  expect(isWritten).toBe(true)
  const names = new Map((await readCities(dataSource)).map(({ id, name, slug }) => [id, [name, slug]]))
  expect([...names.keys()]).not.toContain(9)
  expect([1, 2, 3, 7, 8, 12].map((id) => names.get(id))).toEqual([
    ['CITY 1', null],
    ['SINCE', null],
    // Taken back by the application already.
    ['By hand', null],
    ['LATE', null],
    ['CITY 8', null],
    ['CITY 12', null],
  ])
  expect(await app.query('select touched from city where id = 8')).toEqual([{ touched: 9 }])
})

contractTest(
  'undo by { set } writes the columns it names, of every row that `where` does not select',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, rows)
    const lowered = defineBackfill.sql({
      name: 'city.slug',
      table: 'city',
      where: { slug: null },
      set: { slug: sql`lower(name)`, touched: 1 },
      reverse: { set: { slug: null } },
    })
    await runBackfill(dataSource, lowered)
    await dataSource.query(`update city set name = 'Renamed', touched = 5 where id = 2`)
    await dataSource.query(`insert into city (id, name, slug) values (99, 'New', 'from new code')`)
    expect(await undo(dataSource, lowered)).toMatchObject({ by: 'reverse', result: { counts: { written: rows + 1 } } })
    const cities = await dataSource.query('select name, slug, touched from city where id in (1, 2, 99) order by id')
    expect(cities).toEqual([
      { name: 'City 1', slug: null, touched: 1 },
      { name: 'Renamed', slug: null, touched: 5 },
      { name: 'New', slug: null, touched: 0 },
    ])
  },
)
