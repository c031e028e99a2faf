import 'reflect-metadata'
import { Column, type DataSource, Entity, type Logger, ManyToOne, OneToMany, PrimaryColumn } from 'typeorm'
import { expect } from 'vitest'
import { SchemaVersionColumn, UpgradeOnRead, type UpgradeOnReadOptions } from '../../src/adapters/typeorm/index.js'
import { defineVersions, json, SchemaVersion } from '../../src/index.js'
import { testEachDatabase, testOn } from '../support/databases.js'
import type { TestDatabase } from '../support/test-database.js'

/* Rows of every age in one table: their version stands in a column, and reading takes them along. */

type OldTheme = { dark: boolean }
type Theme = { theme: 'dark' | 'light' }

const settings = defineVersions('Settings')
  .version('1.0.0', { id: 'integer', label: 'text', options: json<OldTheme>() })
  .version(
    '2.0.0',
    { id: 'integer', label: 'text', options: json<Theme>() },
    {
      upgrade: ({ label, options }) => ({ label: label.trim(), options: { theme: options.dark ? 'dark' : 'light' } }),
    },
  )

@Entity('owner')
class Owner {
  @PrimaryColumn('int') id!: number
  @OneToMany(
    () => Settings,
    (one) => one.owner,
  )
  settings!: Settings[]
}

@Entity('settings')
@SchemaVersion('2.0.0', { of: settings })
class Settings {
  @PrimaryColumn('int') id!: number
  @Column('varchar', { length: 100 }) label!: string
  @Column('simple-json') options!: Theme
  @SchemaVersionColumn({ none: '1.0.0', name: 'row_version' }) v!: string | null
  @ManyToOne(
    () => Owner,
    (owner) => owner.settings,
    { nullable: true },
  )
  owner!: Owner | null
}

/** Three rows: from before the column, of today, and of tomorrow. */
async function prepare(
  database: TestDatabase,
  options: UpgradeOnReadOptions = {},
  warnings: string[] = [],
  onQuery: (query: string) => void = () => undefined,
) {
  const logger = { log: (_: string, message: string) => warnings.push(message) } as unknown as Logger
  logger.logQuery = onQuery
  for (const name of ['logQueryError', 'logQuerySlow', 'logSchemaBuild', 'logMigration'])
    (logger as unknown as Record<string, unknown>)[name] = () => undefined
  const dataSource = await database.connect({
    entities: [Settings, Owner],
    synchronize: true,
    subscribers: [UpgradeOnRead(options)],
    logger,
  } as never)
  await dataSource.query(`INSERT INTO owner (id) VALUES (1)`)
  const owner = dataSource.driver.escape('ownerId')
  await dataSource.query(
    `INSERT INTO settings (id, label, options, row_version, ${owner}) VALUES (1, ' one ', '{"dark":true}', NULL, 1), (2, 'two', '{"theme":"light"}', '2.0.0', 1)`,
  )
  return dataSource
}

const stored = async (dataSource: DataSource, id: number) =>
  (await dataSource.query(`SELECT label, options, row_version AS v FROM settings WHERE id = ${id}`))[0]

testEachDatabase('takes rows of earlier versions along: by find, by a join, by a query builder', async (database) => {
  const dataSource = await prepare(database)
  const repository = dataSource.getRepository(Settings)
  const upgraded = { id: 1, label: 'one', options: { theme: 'dark' }, v: '2.0.0' }
  const untouched = { id: 2, label: 'two', options: { theme: 'light' }, v: '2.0.0' }
  expect(await repository.find({ order: { id: 'ASC' } })).toMatchObject([upgraded, untouched])
  const owners = await dataSource.getRepository(Owner).find({ relations: { settings: true } })
  expect(owners[0]!.settings.find(({ id }) => id === 1)).toMatchObject(upgraded)
  expect(await repository.createQueryBuilder('s').where('s.id = 1').getOne()).toMatchObject(upgraded)
  expect(await stored(dataSource, 1)).toEqual({ label: ' one ', options: '{"dark":true}', v: null })
  // What is selected in part cannot be upgraded, and says so by its version.
  expect(await repository.findOne({ where: { id: 1 }, select: { id: true, label: true, v: true } })).toMatchObject({
    label: ' one ',
    v: null,
  })
})

testEachDatabase(
  'stores an upgraded row whole when one of its fields is changed, and stamps new rows',
  async (database) => {
    const dataSource = await prepare(database)
    const repository = dataSource.getRepository(Settings)
    const one = await repository.findOneByOrFail({ id: 1 })
    one.label = 'changed'
    await repository.save(one)
    expect(await stored(dataSource, 1)).toEqual({ label: 'changed', options: '{"theme":"dark"}', v: '2.0.0' })
    await repository.save(repository.create({ id: 3, label: 'three', options: { theme: 'dark' } }))
    expect(await stored(dataSource, 3)).toMatchObject({ v: '2.0.0' })
  },
)

testEachDatabase('writes back what it upgraded', async (database) => {
  const dataSource = await prepare(database, { writeBack: true })
  const repository = dataSource.getRepository(Settings)
  await repository.find()
  expect(await stored(dataSource, 1)).toEqual({ label: 'one', options: '{"theme":"dark"}', v: '2.0.0' })
  await dataSource.query(`UPDATE settings SET row_version = '1.0.0', options = '{"dark":false}' WHERE id = 1`)
  const [loaded] = await repository.findBy({ id: 1 })
  expect(loaded).toMatchObject({ options: { theme: 'light' }, v: '2.0.0' })
  expect(await stored(dataSource, 1)).toMatchObject({ options: '{"theme":"light"}', v: '2.0.0' })
})

testOn(['sqlite'], 'writes nothing back over somebody who was faster', async (database) => {
  let isFaster = false
  const onQuery = (query: string) => {
    if (!query.startsWith('UPDATE') || isFaster) return
    isFaster = true
    const { databaseConnection } = dataSource.driver as unknown as { databaseConnection: { exec(sql: string): void } }
    databaseConnection.exec(`UPDATE settings SET row_version = '2.0.0', label = 'faster' WHERE id = 1`)
  }
  const dataSource = await prepare(database, { writeBack: true }, [], onQuery)
  await dataSource.getRepository(Settings).findBy({ id: 1 })
  expect(isFaster).toBe(true)
  expect(await stored(dataSource, 1)).toMatchObject({ label: 'faster' })
})

testEachDatabase('lets newer rows pass with a warning, or fails', async (database) => {
  const warnings: string[] = []
  const dataSource = await prepare(database, {}, warnings)
  await dataSource.query(`UPDATE settings SET row_version = '10.0.0' WHERE id = 2`)
  expect(await dataSource.getRepository(Settings).findOneBy({ id: 2 })).toMatchObject({ v: '10.0.0', label: 'two' })
  expect(warnings.join()).toContain('a row of Settings has the version 10.0.0')
  const strict = await database.connect({
    entities: [Settings, Owner],
    subscribers: [UpgradeOnRead({ newer: 'fail' })],
  } as never)
  await expect(strict.getRepository(Settings).findOneBy({ id: 2 })).rejects.toMatchObject({ code: 'VERSION_NEWER' })
})
