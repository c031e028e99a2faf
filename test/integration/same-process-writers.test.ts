import { setImmediate as turn } from 'node:timers/promises'
import { DataSource, type DataSourceOptions } from 'typeorm'
import { expect, onTestFinished } from 'vitest'
import { runBackfill } from '../support/backfills.js'
import { countedSlug, createCountedCities, readCounted } from '../support/counted-cities.js'
import { type TestDatabase, testOn } from '../support/databases.js'

/*
 * TypeORM gives a whole process one connection to SQLite. What the application writes while batches of ours are rolled back must
 * not be rolled back with them, and what it rolls back must not be kept by our commits.
 */

const rows = 60
const writes = 200
const rollbacks = 6

const kinds: Record<string, (database: TestDatabase) => DataSourceOptions> = {
  'a file': (database) => database.dataSourceOptions(),
  'a database in memory': () => ({ type: 'better-sqlite3', database: ':memory:' }),
  'sql.js': () => ({ type: 'sqljs' }),
}

for (const [kind, optionsOf] of Object.entries(kinds)) {
  testOn(
    ['sqlite'],
    `keeps each of ${writes} writes of its own process to ${kind} while batches roll back`,
    async (database) => {
      const dataSource = await new DataSource(optionsOf(database)).initialize()
      onTestFinished(() => dataSource.destroy())
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

/** A transaction of the application that it takes back itself. */
async function undoneTransaction(dataSource: DataSource, id: number): Promise<void> {
  const undone = dataSource.transaction(async (manager) => {
    await manager.query('insert into note values (?, 0)', [id])
    await turn()
    throw new Error('on purpose')
  })
  await expect(undone).rejects.toThrow('on purpose')
}
