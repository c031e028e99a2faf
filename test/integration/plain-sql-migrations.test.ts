import { expect } from 'vitest'
import { sql } from '../../src/dialects/sql.js'
import { createWorker, defineBackfill } from '../../src/index.js'
import { readStatus } from '../../src/runs/read-status.js'
import { readVersions } from '../../src/runs/versions/version-status.js'
import { portTo, runBackfill, sourceOf } from '../support/backfills.js'
import { contractTest, type TestDatabase } from '../support/databases.js'
import { runSqlFile } from '../support/run-sql-file.js'

const name = 'city\'s "slug" 100%'

const citySlug = defineBackfill({
  name,
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  transform: (row) => (row.name === 'left' ? undefined : { slug: row.name }),
})

/** Cities with these names, and what a migration of plain SQL says about them. */
async function createCities(database: TestDatabase, names: readonly string[]) {
  const app = await database.connect()
  await app.query('create table city (id integer not null primary key, name varchar(20) not null, slug varchar(20))')
  for (const [i, text] of names.entries()) await app.query(`insert into city (id, name) values (${i + 1}, '${text}')`)
  const { dialect, stateNames } = portTo(app)
  const backfill = { name, table: { schema: undefined, name: 'city' }, matching: sql`${sql.id('slug')} is null` }
  const text = (what: 'schedule' | 'completeIfEmpty' | 'gate') => dialect.texts[what](stateNames, backfill)
  const run = (...texts: readonly string[]) => runSqlFile(database, texts.join('\n'))
  await run(dialect.texts.createState(stateNames))
  return { app, text, run, texts: dialect.texts, stateNames }
}

contractTest(
  'a run that plain SQL has scheduled is taken up by a worker, and its gate opens then',
  async (database) => {
    const { app, text, run } = await createCities(database, ['Oslo', 'left', 'Rome'])
    // Made a second time, the state tables stay.
    await run(text('schedule'))
    await run(text('schedule'))
    expect((await readStatus(portTo(app))).map(({ run }) => [run.name, run.status])).toEqual([[name, 'scheduled']])
    await expect(run(text('gate'))).rejects.toThrow(/is not done/)

    await using worker = createWorker({ database: sourceOf(app), backfills: [citySlug] })
    await worker.start()
    await worker.untilIdle()
    await worker.stop()
    expect(await app.query('select slug from city order by id')).toEqual([
      { slug: 'Oslo' },
      { slug: null },
      { slug: 'Rome' },
    ])
    // The row that its transform left is no reason to stay shut.
    await run(text('gate'))
    await app.query(`insert into city (id, name) values (4, 'Bonn')`)
    await expect(run(text('gate'))).rejects.toThrow(/rows match/)
  },
)

contractTest('a scheduled run is begun by `rowshift run` as well', async (database) => {
  const { app, text, run } = await createCities(database, ['Oslo'])
  await run(text('schedule'))
  expect(await runBackfill(app, citySlug)).toMatchObject({ status: 'completed', counts: { written: 1 } })
  await run(text('gate'))
})

contractTest('an empty table needs no run to pass the gate, and a filled one does', async (database) => {
  const { app, text, run } = await createCities(database, [])
  await expect(run(text('gate'))).rejects.toThrow(/is not done/)
  await run(text('schedule'), text('gate'))
  await app.query('delete from rowshift_run')
  await run(text('completeIfEmpty'), text('gate'))

  await app.query('delete from rowshift_run')
  await app.query(`insert into city (id, name, slug) values (1, 'Oslo', 'oslo')`)
  await run(text('completeIfEmpty'))
  await expect(run(text('gate'))).rejects.toThrow(/is not done/)
})

contractTest('a version that plain SQL records is no drift', async (database) => {
  const { app, run, texts, stateNames } = await createCities(database, [])
  await run(
    texts.recordVersion(stateNames, 'city', '1.0.0', 'add'),
    texts.recordVersion(stateNames, 'city', '2.0.0', 'slug'),
  )
  const stated = {
    entity: 'City',
    table: { schema: undefined, name: 'city' },
    version: '2.0.0',
    of: undefined,
    columns: [
      { name: 'id', isNullable: false },
      { name: 'name', isNullable: false },
      { name: 'slug', isNullable: true },
    ],
  }
  const reports = await readVersions({ ...portTo(app), statedTables: () => [stated] })
  expect(reports).toMatchObject([{ table: 'city', state: 'current', recorded: { migration: 'slug' }, columns: [] }])
})
