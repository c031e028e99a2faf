import { expect } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countWhere, createCities } from '../support/city-table.js'
import { contractTest, contractTestOn, type TestDatabase } from '../support/databases.js'
import type { StatementHooks } from '../support/observed-database.js'

/*
 * What is done of the next page while a batch is written. Pages of ten rows; the first of a page is 1, 11, 21 or 31.
 */

const rows = 40

/** Rows of a page that takes its time. */
const wide = 200

type Transform = (id: number, name: string) => { slug: string } | Promise<{ slug: string }>

const slugs = (transform: Transform, batchRows = 10) =>
  defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    batchRows,
    transform: ({ name }, { key: [id] }) => transform(Number(id), name),
  })

const slugsByPage = (onRow: (id: number) => void) =>
  defineBackfill.page({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    batchRows: 10,
    async transform(page, { keys }) {
      onRow(Number(keys[0]![0]))
      return page.map(({ name }) => ({ slug: name }))
    },
  })

/** What happens, in order: `row 21` when it is transformed, `commit 2` when the second batch is about to be committed. */
function witness(database: TestDatabase) {
  const events: string[] = []
  let [batches, isOpen] = [0, false]
  const pause = bySql(database.name, {
    postgres: 'select pg_sleep(0.3)',
    mariadb: 'select sleep(0.3)',
    sqlite: 'select 1',
  })
  const hooks: StatementHooks = {
    // The database is busy for long enough that a page is read meanwhile.
    inject: ({ label }, when) => (label === 'update-rows' && when === 'after' ? pause : undefined),
    after({ label }) {
      if (label !== 'update-rows') return
      batches++
      isOpen = true
    },
    before({ label }) {
      if (label === 'commit' && isOpen) events.push(`commit ${batches}`)
      if (label === 'commit') isOpen = false
    },
  }
  return { events, hooks, onRow: (id: number) => void events.push(`row ${id}`) }
}

contractTestOn(
  ['postgres', 'mariadb'],
  'transforms the rows of the next page while a batch is written',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, rows)
    const { events, hooks, onRow } = witness(database)
    const backfill = slugs((id, name) => {
      onRow(id)
      return { slug: name }
    })
    expect(await runBackfill(dataSource, backfill, { hooks })).toMatchObject({ status: 'completed' })
    expect(events.indexOf('row 21')).toBeLessThan(events.indexOf('commit 2'))
    expect(events.indexOf('row 31')).toBeLessThan(events.indexOf('commit 3'))
    expect(events.filter((event) => event.startsWith('row'))).toHaveLength(rows)
    expect(await countWhere(dataSource, 'slug = name')).toBe(rows)
  },
)

contractTestOn(
  ['postgres', 'mariadb'],
  'calls a transform that may wait for somebody only once the batch before it is committed',
  async (database) => {
    const { events, hooks, onRow } = witness(database)
    const promising = slugs(async (id, name) => {
      onRow(id)
      return { slug: name }
    })
    for (const backfill of [promising, slugsByPage(onRow)]) {
      const dataSource = await database.connect()
      await dataSource.query('drop table if exists city')
      await createCities(dataSource, database.name, rows)
      events.length = 0
      expect(await runBackfill(dataSource, backfill, { hooks })).toMatchObject({ status: 'completed' })
      for (const id of [11, 21, 31]) {
        const commit = events.slice(0, events.indexOf(`row ${id}`)).filter((event) => event.startsWith('commit'))
        expect(commit, `before row ${id}`).toHaveLength((id - 1) / 10)
      }
    }
  },
)

contractTest('calls no transform once a run has been left', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 3 * wide)
  const stop = new AbortController()
  let calls = 0
  const backfill = slugs((_id, name) => {
    calls++
    // A page takes some 60 ms.
    const endsAt = performance.now() + 0.3
    while (performance.now() < endsAt);
    return { slug: name }
  }, wide)
  let batches = 0
  const hooks: StatementHooks = {
    after: ({ label }) => void (label === 'update-rows' && ++batches === 2 && stop.abort()),
  }
  expect(await runBackfill(dataSource, backfill, { hooks, stop: stop.signal })).not.toMatchObject({
    status: 'completed',
  })
  const callsThen = calls
  expect(await countWhere(dataSource, 'slug = name')).toBe(2 * wide)
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(calls).toBe(callsThen)
})
