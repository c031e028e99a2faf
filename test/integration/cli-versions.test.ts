import { expect } from 'vitest'
import type { PrismaRegistry } from '../../src/adapters/prisma/index.js'
import { recordVersionInMigration } from '../../src/runs/versions/recorded-versions.js'
import type { SemVer } from '../../src/schema-version/semver.js'
import { portTo } from '../support/backfills.js'
import { CliProject, configText, configTextFor } from '../support/cli-project.js'
import { contractTest, type TestDatabase } from '../support/databases.js'
import { withSession } from '../support/migration-calls.js'

const entities = (database: TestDatabase) => `import 'reflect-metadata'
import { Column, DataSource, Entity, EntitySchema, PrimaryColumn } from 'typeorm'
import { SchemaVersion } from 'rowshift'
import { withSchemaVersion } from 'rowshift/typeorm'

@Entity('city') @SchemaVersion('2.0.0')
class City {
  @PrimaryColumn({ type: 'integer' }) id!: number
  @Column({ type: 'varchar', length: 20 }) name!: string
}
@Entity('post') @SchemaVersion('1.3.0')
class Post {
  @PrimaryColumn({ type: 'integer' }) id!: number
}
const Tag = withSchemaVersion('1.0.0', new EntitySchema({ name: 'tag', columns: { id: { type: 'integer', primary: true } } }))

export const dataSource = new DataSource({ ...${JSON.stringify(database.dataSourceOptions())}, entities: [City, Post, Tag] })
`

const field = { type: 'Int', isNullable: false, isList: false, fillsItself: false }
const id = { ...field, column: 'id' }
const model = { schema: null, key: ['id'], uniques: [], fields: { id }, relations: {} }

/** As the generator writes it. */
const registry: PrismaRegistry = {
  format: 1,
  provider: 'sqlite',
  models: {
    City: {
      ...model,
      table: 'city',
      version: '2.0.0',
      fields: { id, name: { ...field, column: 'name', type: 'String' } },
    },
    Post: { ...model, table: 'post', version: '1.3.0' },
    tag: { ...model, table: 'tag', version: '1.0.0' },
  },
  enums: {},
}

/** What the application says of its tables: entities, or models. */
const saying = (database: TestDatabase): Readonly<Record<string, string>> =>
  database.adapter === 'typeorm'
    ? { 'rowshift.config.ts': configText, 'src/data-source.ts': entities(database) }
    : {
        'rowshift.config.ts': `import { registry } from './registry.js'\n${configTextFor(database).replace(
          `data-source.ts'`,
          `data-source.ts', { registry }`,
        )}`,
        'registry.ts': `export const registry = ${JSON.stringify(registry)} as const`,
      }

contractTest('rowshift status shows the versions of the code against those of the database', async (database) => {
  const project = await CliProject.create(database, saying(database))
  const app = await database.connect()
  await app.query('create table city (id integer not null primary key, name varchar(20) not null)')
  await app.query('create table post (id integer not null primary key)')
  await app.query('create table tag (id integer not null primary key)')
  await app.query('create table old (id integer not null primary key)')
  await withSession(app, async (session) => {
    const record = (table: string, version: SemVer, migration?: string) =>
      recordVersionInMigration(portTo(app), session, { table, version, migration })
    await record('city', '1.0.0', 'AddCity1')
    await record('post', '1.3.0')
    await record('old', '3.0.0')
  })
  await app.query('alter table post add kind varchar(10)')

  const { stdout } = await project.run(['status'])
  expect(stdout.split('\n').filter((line) => /^ {2}(schema|City|Post|tag|old)/.test(line))).toEqual([
    '  schema  code   database',
    '  City    2.0.0  1.0.0     behind: a migration is pending',
    '  Post    1.3.0  1.3.0     drift: column "kind"',
    `  tag     1.0.0  -         unrecorded: rowshift ${database.adapter === 'prisma' ? 'prisma ' : ''}generate`,
    '  old     -      3.0.0     ahead: no entity or model states a version',
  ])
  expect((await project.json(['status'])).document).toMatchObject({
    schema: [
      { table: 'city', entity: 'City', code: '2.0.0', database: '1.0.0', state: 'behind', migration: 'AddCity1' },
      { table: 'post', state: 'drift', columns: ['kind'], migration: null },
      { table: 'tag', state: 'unrecorded', database: null, recordedAt: null },
      { table: 'old', entity: null, code: null, database: '3.0.0', state: 'ahead' },
    ],
  })
})
