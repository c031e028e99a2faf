import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { runBackfill } from '../support/backfills.js'
import { type Child, runChild } from '../support/child.js'
import { createCities, readCities } from '../support/city-table.js'
import { contractTest, type TestDatabase } from '../support/databases.js'
import { uniqueSlug } from '../support/unique-cities.js'

/* Unique values among several processes that allot them and an application that takes some of them meanwhile. */

const rows = 800
const bases = ['rome', 'lima', 'oslo']

/** Inserts rows with the values that the run is about to give, and rows of old code that have none. */
async function insertAll(app: DataSource, until: AbortSignal): Promise<Map<number, string>> {
  const taken = new Map<number, string>()
  for (let n = 1; !until.aborted; n++) {
    const base = bases[n % bases.length]!
    const [{ given }] = await app.query(`select count(*) as given from city where slug like '${base}%'`)
    const slug = `${base}-${Number(given) + 1 + (n % 40)}`
    // Fewer than the sweeps that a run is given, however late they come.
    const isOldCode = n === 5 || n === 10
    const values = isOldCode ? `(${10_000 + n}, 'Lima', null)` : `(${10_000 + n}, 'Taken', '${slug}')`
    try {
      await app.query(`insert into city (id, name, slug) values ${values}`)
      if (!isOldCode) taken.set(10_000 + n, slug)
    } catch (error) {
      // The run was faster, as with any other writer.
      if (!/unique|duplicate/i.test(String(error))) throw error
    }
    await sleep(5)
  }
  return taken
}

async function setUp(app: DataSource, database: TestDatabase, index: string): Promise<readonly Child[]> {
  await createCities(app, database.name, rows)
  await app.query(`update city set name = case id % 3 when 0 then 'Rome' when 1 then 'Lima' else 'Oslo' end`)
  await app.query(`create ${index} city_slug on city (slug)`)
  const workers = [1, 2, 3].map(() =>
    runChild(join(__dirname, 'fixtures/unique-worker.ts'), [JSON.stringify(database)]),
  )
  for (const worker of workers) await worker.line('ready')
  return workers
}

/** Lets the workers work while the application inserts: what they said at their ends, and which rows it has inserted. */
async function workAmongInserts(app: DataSource, workers: readonly Child[]) {
  const over = new AbortController()
  const inserting = insertAll(app, over.signal)
  for (const worker of workers) worker.send('go')
  try {
    // Whoever has written a batch waits until another one has, too: it has to take its share from the first.
    const sharing = () => workers.filter(({ lines }) => lines.includes('has a share')).length
    await expect.poll(sharing, { timeout: 30_000 }).toBeGreaterThan(1)
    for (const worker of workers) worker.send('go on')
    const exits = await Promise.all(workers.map(({ exited }) => exited))
    for (const [i, exit] of exits.entries()) expect(exit, workers[i]!.output()).toEqual({ code: 0, signal: null })
  } finally {
    over.abort()
  }
  const taken = await inserting
  const ends = workers.map(({ lines }) => JSON.parse(lines.at(-1)!.slice('ended: '.length)))
  // Two at least had a share.
  expect(ends.filter(({ updates }) => updates > 0).length).toBeGreaterThan(1)
  expect(taken.size).toBeGreaterThan(3)
  expect(await app.query('select row_key, message from rowshift_failure')).toEqual([])
  return { ends, taken }
}

contractTest(
  'allots unique values by several processes while an application takes some and inserts',
  async (database) => {
    const app = await database.connect()
    const { ends, taken } = await workAmongInserts(app, await setUp(app, database, 'unique index'))
    for (const end of ends) expect(end).toMatchObject({ status: 'completed', counts: { failures: 0 } })

    // Old code may have inserted after the last sweep.
    expect(await runBackfill(app, uniqueSlug)).toMatchObject({ status: 'completed', counts: { failures: 0 } })
    const cities = await readCities(app)
    expect(new Set(cities.map(({ slug }) => slug)).size).toBe(cities.length)
    for (const { id, name, slug } of cities) {
      if (taken.has(id)) expect(slug).toBe(taken.get(id))
      else expect([id, slug]).toEqual([id, expect.stringMatching(new RegExp(`^${name.toLowerCase()}(-\\d+)?$`))])
    }
  },
)

contractTest(
  'without a unique index several processes never give a value twice, and what an application takes twice is found',
  async (database) => {
    const app = await database.connect()
    const { taken } = await workAmongInserts(app, await setUp(app, database, 'index'))
    const isOwn = ({ id }: { readonly id: number }) => !taken.has(id)
    const given = (await readCities(app)).filter((city) => isOwn(city) && city.slug !== null)
    expect(new Set(given.map(({ slug }) => slug)).size).toBe(given.length)

    // A value that was given, taken by the application once more: it need not have happened by itself.
    await app.query(`insert into city (id, name, slug) values (20000, 'Taken', '${given[0]!.slug}')`)
    taken.set(20_000, given[0]!.slug!)
    expect(await runBackfill(app, uniqueSlug)).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('a value of "slug" that another row has'),
    })
    for (const id of taken.keys()) await app.query(`update city set slug = 'taken ${id}' where id = ${id}`)
    expect(await runBackfill(app, uniqueSlug)).toMatchObject({ status: 'completed', counts: { failures: 0 } })
    const cities = await readCities(app)
    expect(new Set(cities.map(({ slug }) => slug)).size).toBe(cities.length)
  },
)
