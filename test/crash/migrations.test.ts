import { join } from 'node:path'
import { expect } from 'vitest'
import { backfill } from '../../src/adapters/typeorm/index.js'
import { runBackfill, withQueryRunner } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { runChild } from '../support/child.js'
import { countWhere } from '../support/city-table.js'
import {
  countedSlug,
  createCountedCities,
  expireLease,
  readCheckpoint,
  readCounted,
} from '../support/counted-cities.js'
import { contractTestOn, type TestDatabase, typeormTest, typeormTestOn } from '../support/databases.js'
import type { ProtocolPoint } from '../support/die-at.js'

const fixtures = join(__dirname, 'fixtures')

const typeormCommand = join(__dirname, '../../node_modules/typeorm/cli.js')

const rows = 40

const deaths: Record<string, ProtocolPoint> = {
  'between fence and update': { label: 'fence', when: 'after', nth: 2 },
  'before the verification is stored': { label: 'set-verification', when: 'before' },
}

async function dies(database: TestDatabase, point: ProtocolPoint, mode: 'enclosed' | 'own'): Promise<void> {
  const child = runChild(join(fixtures, 'dying-migration.ts'), [JSON.stringify(database), JSON.stringify(point), mode])
  expect(await child.exited, child.output()).toEqual({ code: null, signal: 'SIGKILL' })
}

for (const [moment, point] of Object.entries(deaths)) {
  typeormTest(`keeps nothing of a migration's transaction that is killed ${moment}`, async (database) => {
    const dataSource = await database.connect()
    await createCountedCities(dataSource, database.name, rows)
    const before = await readCounted(dataSource)
    await dies(database, point, 'enclosed')
    expect(await readCounted(dataSource)).toEqual(before)
    await withQueryRunner(dataSource, async (queryRunner) => {
      // MySQL and MariaDB cannot create tables inside a transaction, so they are made beside it; a run is not.
      const hasTables = bySql(database.name, { sqlite: false, postgres: false, mariadb: true })
      expect(await queryRunner.hasTable('rowshift_run')).toBe(hasTables)
      if (hasTables) expect(await queryRunner.query('select * from rowshift_run')).toEqual([])
      await queryRunner.startTransaction()
      expect(await backfill(queryRunner, countedSlug(undefined))).toMatchObject({ counts: { written: rows } })
      await queryRunner.commitTransaction()
    })
    expect(await countWhere(dataSource, 'touched = 1 and slug is not null')).toBe(rows)
  })

  typeormTest(`resumes a migration without a transaction that was killed ${moment}`, async (database) => {
    const dataSource = await database.connect()
    await createCountedCities(dataSource, database.name, rows)
    await dies(database, point, 'own')
    const { written, scanned } = await readCheckpoint(dataSource)
    expect(await countWhere(dataSource, 'slug is not null')).toBe(written)
    expect(written).toBeGreaterThan(0)

    await expireLease(dataSource)
    const keys: number[] = []
    await withQueryRunner(dataSource, async (queryRunner) => {
      const result = await backfill(queryRunner, countedSlug(undefined, { onRow: (id) => keys.push(id) }))
      expect(result).toMatchObject({ status: 'completed', counts: { scanned: 2 * rows, written: rows } })
    })
    // From the checkpoint on, not from the start.
    expect(keys).toEqual(Array.from({ length: rows - written }, (_, i) => written + 1 + i))
    expect(scanned % 10).toBe(0)
    const { cities, writes } = await readCounted(dataSource)
    expect(writes).toEqual(cities.map((city) => city.id))
    expect(await countWhere(dataSource, 'touched = 1')).toBe(rows)
  })
}

// TypeORM still believes in the transaction that the ALTER has committed.
for (const mode of ['all', 'each']) {
  typeormTestOn(
    ['mariadb'],
    `resumes after an ALTER in mode ${mode} and a kill between fence and update`,
    async (database) => {
      const dataSource = await database.connect()
      await createCountedCities(dataSource, database.name, rows)
      await dataSource.query('alter table city modify slug varchar(100)')
      const migrate = async (point?: ProtocolPoint) => {
        const env = { TEST_DATABASE: JSON.stringify(database), ...(point && { TEST_POINT: JSON.stringify(point) }) }
        const args = ['migration:run', '-t', mode, '-d', join(fixtures, 'altering-data-source.ts')]
        const child = runChild(typeormCommand, args, env)
        return { exit: await child.exited, output: child.output() }
      }
      const killed = await migrate(deaths['between fence and update'])
      expect(killed.exit, killed.output).toEqual({ code: null, signal: 'SIGKILL' })
      const { cursor, written } = await readCheckpoint(dataSource)
      expect({ cursor, written }).toEqual({ cursor: 10, written: 10 })
      expect(await countWhere(dataSource, 'slug is not null')).toBe(10)
      expect(await dataSource.query('select * from migrations')).toEqual([])

      await expireLease(dataSource)
      const again = await migrate()
      expect(again.exit, again.output).toEqual({ code: 0, signal: null })
      expect(await countWhere(dataSource, 'slug is not null and touched = 1')).toBe(rows)
      expect(await dataSource.query('select name from migrations')).toEqual([{ name: 'WidenSlug1700000000001' }])
    },
  )
}

contractTestOn(['sqlite'], 'goes on when a writer that held the lock is killed', async (database) => {
  const dataSource = await database.connect()
  await createCountedCities(dataSource, database.name, rows)
  const holder = runChild(join(fixtures, 'lock-holder.ts'), [JSON.stringify(database)])
  await holder.line('locked')
  let batches = 0
  const running = runBackfill(dataSource, countedSlug(undefined), { onProgress: () => batches++ })
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect(batches).toBe(0)
  await holder.kill()
  expect(await running).toMatchObject({ status: 'completed', counts: { written: rows } })
  // What the killed process had written but not committed is gone.
  expect(await countWhere(dataSource, `touched = 1 and name like 'City%'`)).toBe(rows)
})
