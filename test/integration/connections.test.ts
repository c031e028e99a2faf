import { expect } from 'vitest'
import { typeorm } from '../../src/adapters/typeorm/index.js'
import { defineBackfill } from '../../src/index.js'
import { readStatus } from '../../src/runs/read-status.js'
import { codeOf, portTo, runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countWhere, createCities } from '../support/city-table.js'
import { testEachDatabase, testOn } from '../support/databases.js'

const citySlug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  batchRows: 10,
  transform: (row) => ({ slug: row.name }),
})

testOn(['postgres', 'mariadb'], 'works with a pool of one connection', async (database) => {
  const dataSource = await database.connect({ poolSize: 1 })
  await createCities(dataSource, database.name, 45)
  expect(await runBackfill(dataSource, citySlug)).toMatchObject({ status: 'completed', counts: { written: 45 } })
  expect(await countWhere(dataSource, 'slug is null')).toBe(0)
})

testOn(['postgres', 'mariadb'], 'reads from the primary, whatever its replicas hold', async (database, target) => {
  const direct = await database.connect()
  await createCities(direct, database.name, 20)
  // The replica lags so far behind that the table is not there yet.
  const replica = await target.createDatabase()
  const { DataSource } = await import('typeorm')
  const options = database.dataSourceOptions()
  const dataSource = await new DataSource({
    type: options.type,
    replication: { master: { url: database.url }, slaves: [{ url: replica.url }] },
  } as never).initialize()
  try {
    expect(await runBackfill(dataSource, citySlug)).toMatchObject({ status: 'completed', counts: { written: 20 } })
  } finally {
    await dataSource.destroy()
    await replica.drop()
  }
})

testEachDatabase('creates its tables once when two start for the first time at once', async (database) => {
  const dataSources = await Promise.all([database.connect(), database.connect(), database.connect()])
  await createCities(dataSources[0], database.name, 60)
  const results = await Promise.all(dataSources.map((dataSource) => runBackfill(dataSource, citySlug)))
  expect(results.map((result) => result.status)).toContain('completed')
  expect(await countWhere(dataSources[0], 'slug is null')).toBe(0)
  const [{ n }] = await dataSources[0].query('select count(*) as n from rowshift_schema_version')
  expect(Number(n)).toBe(1)
})

testEachDatabase('has state tables as they were committed; another shape needs another version', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 1)
  await runBackfill(dataSource, citySlug)
  const columns: Record<string, unknown>[] = await dataSource.query(
    bySql(database.name, {
      sqlite: `select m.name as t, p.name as c, p.type as type, p."notnull" as n, p.pk as pk
        from sqlite_master m, pragma_table_info(m.name) p where m.name like 'rowshift%' and m.type = 'table' order by 1, p.cid`,
      postgres: `select table_name as t, column_name as c, data_type as type, character_maximum_length as l, is_nullable as n,
        collation_name as coll from information_schema.columns where table_name like 'rowshift%' order by 1, ordinal_position`,
      mariadb: `select table_name as t, column_name as c, column_type as type, is_nullable as n, column_key as k, collation_name as coll
        from information_schema.columns where table_schema = database() and table_name like 'rowshift%' order by 1, ordinal_position`,
    }),
  )
  const dump = columns.map((column) => Object.values(column).map(String).join(' ')).join('\n')
  const [{ version }] = await dataSource.query('select version from rowshift_schema_version')
  await expect(`version ${version}\n${dump}\n`).toMatchFileSnapshot(`state-schema/${database.name}.txt`)
})

testEachDatabase('refuses state tables of a newer rowshift', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 3)
  await runBackfill(dataSource, citySlug)
  await dataSource.query(`update rowshift_schema_version set version = '99'`)
  expect(await codeOf(runBackfill(dataSource, citySlug))).toBe('STATE_VERSION')
})

testEachDatabase('carries the prefix of the data source in the names of its tables', async (database) => {
  const dataSource = await database.connect({ entityPrefix: 'app_' } as never)
  await createCities(dataSource, database.name, 3)
  await runBackfill(dataSource, citySlug)
  expect(await readStatus(portTo(dataSource))).toMatchObject([{ run: { status: 'completed' } }])
  const [{ n }] = await dataSource.query('select count(*) as n from app_rowshift_run')
  expect(Number(n)).toBe(1)
})

testEachDatabase('opens a data source that is not initialized yet, and closes it again', async (database) => {
  const { DataSource } = await import('typeorm')
  const dataSource = new DataSource(database.dataSourceOptions())
  const opened = await typeorm(dataSource).open()
  expect(dataSource.isInitialized).toBe(true)
  await opened.close()
  expect(dataSource.isInitialized).toBe(false)
})
