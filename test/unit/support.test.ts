import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { TcpProxy } from '../../src/testing/tcp-proxy.js'
import { bySql } from '../support/by-sql.js'
import { runChild } from '../support/child.js'
import { databases, describeTypeorm, type TestDatabase, typeormTest, typeormTestOn } from '../support/databases.js'
import { City } from './fixtures/city.js'

const countCities = join(__dirname, 'fixtures/count-cities.ts')

typeormTest('stores a decorated entity in a database of its own', async (database, target) => {
  const cities = (await database.connect({ entities: [City], synchronize: true })).getRepository(City)
  await cities.insert({ id: 1, name: 'Łódź 🏙' })
  expect(await cities.find()).toEqual([{ id: 1, name: 'Łódź 🏙' }])

  const other = await target.createDatabase()
  onTestFinished(() => other.drop())
  expect(other.url).not.toBe(database.url)
})

typeormTest('is the server its name says', async (database) => {
  const dataSource = await database.connect()
  const version = bySql(database.name, {
    sqlite: 'SELECT sqlite_version() AS version',
    postgres: 'SELECT version() AS version',
    mariadb: 'SELECT version() AS version',
  })
  const [{ version: answer }] = await dataSource.query(version)
  expect(answer).toMatch(bySql(database.name, { sqlite: /^3\./, postgres: /^PostgreSQL/, mariadb: /./ }))
})

typeormTest('is reached by another process, and survives its death', async (database) => {
  const cities = (await database.connect({ entities: [City], synchronize: true })).getRepository(City)
  await cities.insert({ id: 1, name: 'Łódź' })

  const polite = runChild(countCities, [JSON.stringify(database)])
  expect(await polite.line('cities')).toBe('cities: 1')
  polite.send('exit')
  expect(await polite.exited).toEqual({ code: 7, signal: null })

  const killed = runChild(countCities, [JSON.stringify(database)])
  await killed.line(/^cities: \d$/)
  expect(await killed.kill()).toEqual({ code: null, signal: 'SIGKILL' })
})

test('a child that exits without the awaited line is an error that shows its output', async () => {
  const child = runChild(countCities, ['not JSON'])
  await expect(child.line('cities')).rejects.toThrow(/not valid JSON/)
})

describeTypeorm((db) => {
  test('a suite has a target to create databases with', async () => {
    const database = await db.createDatabase()
    const dataSource = await database.connect()
    await database.drop()
    expect(dataSource.isInitialized).toBe(false)
  })
})

test('SQLite and PostgreSQL are always tested', () => {
  expect(databases).toEqual(expect.arrayContaining(['sqlite', 'postgres']))
})

async function proxied(database: TestDatabase) {
  const proxy = await new TcpProxy(database.server).listen()
  onTestFinished(() => proxy.close())
  const [direct, through] = [
    await database.connect({ entities: [City], synchronize: true }),
    await database.connect({ entities: [City], port: proxy.port, host: '127.0.0.1' }),
  ]
  return { proxy, direct: direct.getRepository(City), through: through.getRepository(City) }
}

typeormTestOn(['postgres', 'mariadb'], 'a proxy loses a statement before the server sees it', async (database) => {
  const { proxy, direct, through } = await proxied(database)
  const lost = proxy.cutAfterClientBytes((chunk) => chunk.includes('INSERT'), 'before')
  await expect(through.insert({ id: 1, name: 'Łódź' })).rejects.toThrow()
  await lost
  expect(await direct.count()).toBe(0)
})

typeormTestOn(['postgres', 'mariadb'], 'a proxy loses the answer to a statement that took effect', async (database) => {
  const { proxy, direct, through } = await proxied(database)
  const lost = proxy.cutAfterClientBytes((chunk) => chunk.includes('COMMIT'), 'after')
  await expect(through.save({ id: 1, name: 'Łódź' })).rejects.toThrow()
  await lost
  expect(await direct.count()).toBe(1)
  expect(await through.count()).toBe(1)
})

typeormTestOn(
  ['postgres', 'mariadb'],
  'a proxy cuts a waiting connection, and takes the next one slowly',
  async (database) => {
    const { proxy, through } = await proxied(database)
    const sleep = bySql(database.name, { sqlite: '', postgres: 'SELECT pg_sleep(30)', mariadb: 'SELECT sleep(30)' })
    const waiting = expect(through.query(sleep)).rejects.toThrow()
    await new Promise((resolve) => setTimeout(resolve, 100))
    proxy.cut()
    await waiting

    proxy.delayMs = 50
    const start = performance.now()
    expect(await through.count()).toBe(0)
    expect(performance.now() - start).toBeGreaterThanOrEqual(100)
  },
)
