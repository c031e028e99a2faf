import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { type Barrier, raiseBarrier } from '../support/barrier.js'
import { bySql } from '../support/by-sql.js'
import { countWhere, createCities } from '../support/city-table.js'
import { contractTest, contractTestOn } from '../support/databases.js'
import type { StatementHooks } from '../support/observed-database.js'

/* What is done of the next page while a batch is written. */

/** Four pages of ten rows; the first of a page is 1, 11, 21 or 31. */
const rows = 40

/** Rows of a page that takes its time. */
const wide = 200

/** Rows of a page whose transform is taken to be quick, at a millisecond a row, even where the process stands still for a while. */
const quick = 500

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

/**
 * What happens, in order: `row 21` when it is transformed, `commit 2` when the second batch is about to be committed. `pause` is SQL that
 * keeps the database busy with a batch.
 */
function witness(pause: (batch: number) => string | undefined) {
  const events: string[] = []
  let [batches, isOpen] = [0, false]
  const hooks: StatementHooks = {
    inject: ({ label }, when) => (label === 'update-rows' && when === 'after' ? pause(batches) : undefined),
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

/** A run's second connection that comes late is done without: pages are then read on the first, after the batch. */
async function openTwo(dataSource: DataSource): Promise<void> {
  const port = portTo(dataSource)
  const sessions = await Promise.all([port.connect(), port.connect()])
  for (const session of sessions) await session.release()
}

contractTestOn(
  ['postgres', 'mariadb'],
  'transforms the rows of the next page while a batch is written',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 4 * quick)
    await openTwo(dataSource)
    const app = await database.connect()
    // By the first row of the page that is transformed while the database is busy with the batch before it. Nothing is known of the first.
    const barriers = new Map<number, Barrier>()
    for (const batch of [2, 3]) barriers.set(1 + batch * quick, await raiseBarrier(app, database.name, batch))
    const { events, hooks, onRow } = witness((batch) => barriers.get(1 + batch * quick)?.wait)
    const lifted: unknown[] = []
    const backfill = slugs((id, name) => {
      onRow(id)
      lifted.push(barriers.get(id)?.lift())
      return { slug: name }
    }, quick)
    expect(await runBackfill(dataSource, backfill, { hooks })).toMatchObject({ status: 'completed' })
    await Promise.all(lifted)
    expect(events.filter((event) => /^commit|^row (1001|1501)$/.test(event))).toEqual([
      'commit 1',
      'row 1001',
      'commit 2',
      'row 1501',
      'commit 3',
      'commit 4',
    ])
    expect(events.filter((event) => event.startsWith('row'))).toHaveLength(4 * quick)
    expect(await countWhere(dataSource, 'slug = name')).toBe(4 * quick)
  },
)

contractTestOn(
  ['postgres', 'mariadb'],
  'calls a transform that may wait for somebody only once the batch before it is committed',
  async (database) => {
    // The database is busy for long enough that a page is read meanwhile.
    const pause = bySql(database.name, {
      postgres: 'select pg_sleep(0.3)',
      mariadb: 'select sleep(0.3)',
      sqlite: 'select 1',
    })
    const { events, hooks, onRow } = witness(() => pause)
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
