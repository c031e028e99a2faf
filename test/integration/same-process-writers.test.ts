import { setImmediate as turn } from 'node:timers/promises'
import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { runBackfill } from '../support/backfills.js'
import { countWhere, createCities } from '../support/city-table.js'
import { countedSlug, createCountedCities, readCounted } from '../support/counted-cities.js'
import { contractTestOn, typeormTestOn } from '../support/databases.js'
import type { DataSourceExtras } from '../support/test-database.js'

/*
 * TypeORM gives a whole process one connection to SQLite. What the application writes while batches of ours are rolled back must
 * not be rolled back with them, and what it rolls back must not be kept by our commits.
 */

const rows = 60
const writes = 200
const rollbacks = 6

const kinds = {
  'a file': { addTest: contractTestOn, extras: {} },
  // Of TypeORM's alone.
  'a database in memory': { addTest: typeormTestOn, extras: { database: ':memory:' } },
  'sql.js': { addTest: typeormTestOn, extras: { type: 'sqljs', database: undefined } },
} as const

for (const [kind, { addTest, extras }] of Object.entries(kinds)) {
  addTest(
    ['sqlite'],
    `keeps each of ${writes} writes of its own process to ${kind} while batches roll back`,
    async (database) => {
      const dataSource = await database.connect(extras as DataSourceExtras)
      await createCountedCities(dataSource, 'sqlite', rows)
      await dataSource.query('create table note (id integer primary key, was_kept integer not null)')

      let commits = 0
      let rolledBack = 0
      const running = runBackfill(dataSource, countedSlug(undefined), {
        hooks: {
          before({ label }) {
            // After rows were written, before they are committed.
            if (label !== 'commit' || rolledBack >= rollbacks || commits++ % 2 === 0) return
            rolledBack++
            throw Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' })
          },
        },
      })
      for (let id = 1; id <= writes; id++) {
        if (id % 10 === 0) await undoneTransaction(dataSource, writes + id)
        if (id % 4 === 0) {
          await dataSource.transaction(async (manager) => {
            await manager.query('insert into note values (?, 0)', [id])
            await turn()
            await manager.query('update note set was_kept = 1 where id = ?', [id])
          })
        } else await dataSource.query('insert into note values (?, 1)', [id])
        await new Promise((resolve) => setTimeout(resolve, id % 3))
      }
      expect(await running).toMatchObject({
        status: 'completed',
        counts: { scanned: 2 * rows, written: rows, conflicts: 0 },
      })
      expect(rolledBack).toBe(rollbacks)
      const notes: { id: number; was_kept: number }[] = await dataSource.query('select * from note order by id')
      expect(notes).toEqual(Array.from({ length: writes }, (_, i) => ({ id: i + 1, was_kept: 1 })))
      const { cities, writes: migrations } = await readCounted(dataSource)
      expect(migrations).toEqual(cities.map((city) => city.id))
      expect(cities.every((city) => city.touched === 1)).toBe(true)
    },
  )
}

/** A backfill whose second row is changed by the application in each of its first attempts, which then wait for `during`. */
const restless = (app: DataSource, changes: number, during: () => Promise<unknown> = turn) => {
  let attempts = 0
  return defineBackfill({
    name: 'city.restless',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    async transform(row, { key: [id] }) {
      if (id === '2' && attempts++ < changes) {
        await app.query(`update city set name = 'City 2, change ${attempts}' where id = 2`)
        await during()
      }
      return { slug: row.name }
    },
  })
}

contractTestOn(
  ['sqlite'],
  'holds no lock while an asynchronous transform runs, however often its row has changed',
  async (database) => {
    const app = await database.connect()
    await createCities(app, database.name, 5)
    let isOver = false
    let writes = 0
    const writing = (async () => {
      while (!isOver) {
        await app.query('update city set touched = touched + 1 where id = 5')
        writes++
        await turn()
      }
    })()
    const writesAtCalls: number[] = []
    // Each call of the transform goes on until the application has written once more.
    const backfill = restless(app, 12, async () => {
      const before = writes
      writesAtCalls.push(before)
      await expect.poll(() => writes, { timeout: 30_000, interval: 1 }).toBeGreaterThan(before)
    })
    const result = await runBackfill(await database.connect(), backfill).finally(() => {
      isOver = true
    })
    await writing
    expect(result).toMatchObject({ status: 'completed', counts: { written: 5, conflicts: 1, failures: 0 } })
    expect(writesAtCalls).toHaveLength(12)
    expect(await countWhere(app, `slug = 'City 2, change 12'`)).toBe(1)
  },
)

contractTestOn(
  ['sqlite'],
  'lists a row in the end that an asynchronous transform never gets hold of',
  async (database) => {
    const app = await database.connect()
    await createCities(app, database.name, 5)
    expect(await runBackfill(await database.connect(), restless(app, Number.POSITIVE_INFINITY))).toMatchObject({
      status: 'failed',
      code: 'ROWS_FAILED',
      counts: { written: 4, failures: 1 },
    })
  },
)

/** A transaction of the application that it takes back itself. */
async function undoneTransaction(dataSource: DataSource, id: number): Promise<void> {
  const undone = dataSource.transaction(async (manager) => {
    await manager.query('insert into note values (?, 0)', [id])
    await turn()
    throw new Error('on purpose')
  })
  await expect(undone).rejects.toThrow('on purpose')
}
