import { expect } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { runBackfill } from '../support/backfills.js'
import { createCities, readCities } from '../support/city-table.js'
import { testEachDatabase } from '../support/databases.js'

const rows = 400

testEachDatabase('loses no write of an application that writes to the same rows all the while', async (database) => {
  const app = await database.connect()
  const dataSource = await database.connect()
  await createCities(app, database.name, rows)

  // What each row must be in the end, by the application's own account.
  const names = new Map(Array.from({ length: rows }, (_, i) => [i + 1, `City ${i + 1}`]))
  const ownSlugs = new Map<number, string>()
  let isOver = false
  let writes = 0

  async function write(): Promise<void> {
    const id = 1 + Math.floor(Math.random() * rows)
    const kind = writes % 5
    if (!names.has(id)) return
    if (kind === 0 && !ownSlugs.has(id)) {
      await app.query(`update city set slug = 'own-${writes}' where id = ${id}`)
      ownSlugs.set(id, `own-${writes}`)
    } else if (kind === 1) {
      // New code writes both: the derived column never goes stale.
      await app.query(`update city set name = 'New ${writes}', slug = 'new-${writes}' where id = ${id}`)
      names.set(id, `New ${writes}`)
      ownSlugs.set(id, `new-${writes}`)
    } else if (kind === 2) {
      await app.query(`update city set touched = touched + 1 where id = ${id}`)
    } else if (kind === 3) {
      await app.query(`insert into city (id, name) values (${1000 + writes}, 'Ahead ${writes}')`)
      names.set(1000 + writes, `Ahead ${writes}`)
    } else if (id % 10 === 0) {
      await app.query(`delete from city where id = ${id}`)
      names.delete(id)
    }
    writes++
  }

  const writing = (async () => {
    while (!isOver) {
      await write()
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })()
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
      batchRows: 25,
      async transform(row) {
        await new Promise((resolve) => setTimeout(resolve, 3))
        return { slug: `slug of ${row.name}` }
      },
    }),
  )
  isOver = true
  await writing
  expect(writes).toBeGreaterThan(20)
  // It may have been paused by a writer that never stopped; nothing may be lost either way.
  expect(['completed', 'unfinished']).toContain(result.status)

  const cities = await readCities(app)
  expect(cities.map((city) => city.id)).toEqual([...names.keys()].sort((a, b) => a - b))
  for (const { id, name, slug } of cities) {
    expect(name).toBe(names.get(id))
    if (ownSlugs.has(id)) expect(slug).toBe(ownSlugs.get(id))
    else if (slug !== null || id <= rows) expect(slug).toBe(`slug of ${names.get(id)}`)
  }
})
