import { expect, onTestFinished } from 'vitest'
import { rowshift } from '../../src/adapters/prisma/index.js'
import { codeOf } from '../support/backfills.js'
import { contractTest, prismaTestOn, type TestDatabase, typeormTest } from '../support/databases.js'
import { clients, openPrisma } from '../support/settings/prisma-settings.js'
import { type App, type Surroundings, settings } from '../support/settings/settings-app.js'
import { openTypeorm, Settings } from '../support/settings/typeorm-settings.js'

/* Rows of every age in one table: their version stands in a column, and reading takes them along. */

/** Through the ORM of the test, with two rows: from before the column, and of today. */
async function open(database: TestDatabase, surroundings: Surroundings = {}): Promise<App> {
  const app = database.adapter === 'typeorm' ? openTypeorm : openPrisma
  const opened = await app(database, surroundings)
  await opened.query('INSERT INTO owner (id) VALUES (1)')
  await opened.query(
    `INSERT INTO settings (id, label, options, row_version, owner) VALUES (1, ' one ', '{"dark":true}', NULL, 1), (2, 'two', '{"theme":"light"}', '2.0.0', 1)`,
  )
  return opened
}

const upgraded = { id: 1, label: 'one', options: { theme: 'dark' }, v: '2.0.0' }
const untouched = { id: 2, label: 'two', options: { theme: 'light' }, v: '2.0.0' }
const old = { label: ' one ', options: { dark: true }, v: null }

contractTest('takes rows of earlier versions along when they are read, by a relation too', async (database) => {
  const app = await open(database)
  expect(await app.all()).toMatchObject([upgraded, untouched])
  expect((await app.ofOwner()).find(({ id }) => id === 1)).toMatchObject(upgraded)
  expect(await app.stored(1)).toEqual(old)
  // What is selected in part cannot be upgraded, and says so by its version.
  expect(await app.labelOf(1)).toMatchObject({ label: ' one ', v: null })
})

contractTest(
  'stores an upgraded row whole when one of its fields is changed, and stamps new rows',
  async (database) => {
    const app = await open(database)
    await app.rename(1, 'changed')
    expect(await app.stored(1)).toEqual({ label: 'changed', options: { theme: 'dark' }, v: '2.0.0' })
    await app.insert({ id: 3, label: 'three', options: { theme: 'dark' } })
    expect(await app.stored(3)).toMatchObject({ v: '2.0.0' })
  },
)

contractTest('writes back what it upgraded', async (database) => {
  const app = await open(database, { writeBack: true })
  await app.all()
  expect(await app.stored(1)).toEqual({ label: 'one', options: { theme: 'dark' }, v: '2.0.0' })
  await app.query(`UPDATE settings SET row_version = '1.0.0', options = '{"dark":false}' WHERE id = 1`)
  expect(await app.one(1)).toMatchObject({ options: { theme: 'light' }, v: '2.0.0' })
  expect(await app.stored(1)).toMatchObject({ options: { theme: 'light' }, v: '2.0.0' })
})

contractTest('writes nothing back over somebody who was faster', async (database) => {
  let isFaster = false
  const app = await open(database, {
    writeBack: true,
    async beforeWrite() {
      isFaster = true
      await other.query(`UPDATE settings SET row_version = '2.0.0', label = 'faster' WHERE id = 1`)
    },
  })
  const other = await database.connect()
  expect(await app.one(1)).toMatchObject(upgraded)
  expect(isFaster).toBe(true)
  expect(await app.stored(1)).toMatchObject({ label: 'faster' })
})

contractTest('lets newer rows pass with a warning, or fails', async (database, target) => {
  const warnings: string[] = []
  const lenient = await open(database, { warnings })
  await lenient.query(`UPDATE settings SET row_version = '10.0.0' WHERE id = 2`)
  expect(await lenient.one(2)).toMatchObject({ v: '10.0.0', label: 'two' })
  await expect.poll(() => warnings.join()).toContain('a row of Settings has the version 10.0.0')
  const another = await target.createDatabase()
  onTestFinished(() => another.drop())
  const strict = await open(another, { newer: 'fail' })
  await strict.query(`UPDATE settings SET row_version = '10.0.0' WHERE id = 2`)
  expect(await codeOf(strict.one(2))).toBe('VERSION_NEWER')
})

typeormTest('takes rows along that a query builder loads', async (database) => {
  await open(database)
  const { dataSource } = await openTypeorm(database, {})
  expect(await dataSource.getRepository(Settings).createQueryBuilder('s').where('s.id = 1').getOne()).toMatchObject(
    upgraded,
  )
})

for (const { version, names } of [
  { version: 7, names: ['sqlite', 'postgres', 'mariadb'] },
  { version: 6, names: ['postgres'] },
] as const) {
  prismaTestOn(
    names,
    `Prisma ${version} takes rows along at any depth, in transactions, and in writes within writes`,
    async (database) => {
      const { client, query, stored } = await openPrisma(database, { writeBack: true }, version)
      await query('insert into owner (id, parent) values (1, null), (2, 1)')
      const reset = async () => {
        await query('delete from settings')
        await query(
          `insert into settings (id, label, options, row_version, owner) values (1, ' one ', '{"dark":true}', null, 2)`,
        )
      }
      const whole = { label: 'one', options: { theme: 'dark' }, v: '2.0.0' }

      await reset()
      const nested = { children: { select: { settings: { include: { owner: { select: { settings: true } } } } } } }
      const [owner] = await client.owner.findMany({ where: { id: 1 }, select: nested })
      expect(owner).toMatchObject({ children: [{ settings: [{ ...upgraded, owner: { settings: [upgraded] } }] }] })
      expect(await stored(1)).toEqual(whole)

      // Along the fluent API; and what groups rows is no row.
      await reset()
      expect(await client.owner.findUnique({ where: { id: 2 } }).settings()).toMatchObject([upgraded])
      await reset()
      expect(await client.settings.groupBy({ by: ['id', 'label', 'options', 'v'] })).toMatchObject([old])

      // On the connection of a transaction, and as a part of it.
      await reset()
      const taken = client.$transaction(async (inside) => {
        expect(await inside.settings.findMany()).toMatchObject([upgraded])
        expect(await inside.settings.update({ where: { id: 1 }, data: { label: 'inside' } })).toMatchObject({
          ...whole,
          label: 'inside',
        })
        throw new Error('on purpose')
      })
      await expect(taken).rejects.toThrow('on purpose')
      expect(await stored(1)).toEqual(old)
      const both = [client.settings.findMany(), client.settings.update({ where: { id: 1 }, data: { label: 'batch' } })]
      await client.$transaction(both)
      expect(await stored(1)).toEqual({ ...whole, label: 'batch' })

      // Before a row is updated it is brought to the version of the code.
      await reset()
      await client.settings.upsert({
        where: { id: 1 },
        create: { id: 1, label: '', options: {} },
        update: { label: 'upserted' },
      })
      expect(await stored(1)).toEqual({ ...whole, label: 'upserted' })

      const row = (id: number) => ({ id, label: 'new', options: {} })
      await client.owner.create({
        data: {
          id: 10,
          settings: { create: [row(11), row(12)] },
          parent: { connectOrCreate: { where: { id: 9 }, create: { id: 9, settings: { create: row(13) } } } },
        },
      })
      await client.owner.update({
        where: { id: 10 },
        data: {
          settings: { createMany: { data: [row(14)] }, upsert: { where: { id: 15 }, create: row(15), update: {} } },
          parent: { update: { settings: { create: row(16) } } },
        },
      })
      await client.settings.createMany({ data: [row(17), { ...row(18), v: '1.0.0' }] })
      await client.settings.upsert({ where: { id: 19 }, create: row(19), update: {} })
      for (const id of [11, 12, 13, 14, 15, 16, 17, 19]) expect([id, (await stored(id)).v]).toEqual([id, '2.0.0'])
      expect((await stored(18)).v).toBe('1.0.0')
    },
  )
}

prismaTestOn(['sqlite'], 'refuses versions that do not fit the schema', async ({ name }) => {
  const { registry } = await clients(name)
  const { Settings } = registry.models
  const { versionColumn: _, ...without } = Settings!
  const code = (versions: Record<string, object>, model: object = Settings!) =>
    codeOf(() =>
      rowshift({
        registry: { ...registry, models: { ...registry.models, Settings: model as typeof without } },
        upgradeOnRead: { versions: versions as never },
      }),
    )
  expect(await code({ settings })).toBeUndefined()
  expect(await code({ setting: settings })).toBe('ENTITY_NOT_FOUND')
  expect(await code({ settings: {} })).toBe('INVALID_CONFIG')
  expect(await code({ settings }, { ...Settings, version: null })).toBe('VERSION_MISSING')
  expect(await code({ settings }, { ...Settings, version: '3.0.0' })).toBe('VERSION_UNKNOWN')
  expect(await code({ settings }, without)).toBe('COLUMN_NOT_FOUND')
})
