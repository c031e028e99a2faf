import { expect } from 'vitest'
import { typeorm } from '../../src/adapters/typeorm/index.js'
import { defineBackfill } from '../../src/index.js'
import { runBackfill } from '../support/backfills.js'
import { countWhere, createCities } from '../support/city-table.js'
import { contractTestOn, typeormTest, typeormTestOn } from '../support/databases.js'

const citySlug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  batchRows: 10,
  transform: (row) => ({ slug: row.name }),
})

contractTestOn(['postgres', 'mariadb'], 'works with a pool of one connection', async (database) => {
  const dataSource = await database.connect({ poolSize: 1 })
  await createCities(dataSource, database.name, 45)
  expect(await runBackfill(dataSource, citySlug)).toMatchObject({ status: 'completed', counts: { written: 45 } })
  expect(await countWhere(dataSource, 'slug is null')).toBe(0)
})

typeormTestOn(['mariadb'], "works through TypeORM's `mysql` driver too", async (database) => {
  const dataSource = await database.connect({ type: 'mysql' } as never)
  await createCities(dataSource, database.name, 45)
  expect(await runBackfill(dataSource, citySlug)).toMatchObject({ status: 'completed', counts: { written: 45 } })
  expect(await countWhere(dataSource, 'slug is null')).toBe(0)
})

typeormTestOn(
  ['postgres', 'mariadb'],
  'reads from the primary, whatever its replicas hold',
  async (database, target) => {
    const direct = await database.connect()
    await createCities(direct, database.name, 20)
    // The replica lags so far behind that the table is not there yet.
    const replica = await target.createDatabase()
    const slaves = [{ url: replica.url }]
    const dataSource = await database.connect({ replication: { master: { url: database.url }, slaves } })
    try {
      expect(await runBackfill(dataSource, citySlug)).toMatchObject({ status: 'completed', counts: { written: 20 } })
    } finally {
      await dataSource.destroy()
      await replica.drop()
    }
  },
)

typeormTest('opens a data source that is not initialized yet, and closes it again', async (database) => {
  const { DataSource } = await import('typeorm')
  const dataSource = new DataSource(database.dataSourceOptions())
  const opened = await typeorm(dataSource).open()
  expect(dataSource.isInitialized).toBe(true)
  await opened.close()
  expect(dataSource.isInitialized).toBe(false)
})
