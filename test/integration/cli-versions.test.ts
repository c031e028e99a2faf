import { expect } from 'vitest'
import { recordVersion } from '../../src/adapters/typeorm/index.js'
import { withQueryRunner } from '../support/backfills.js'
import { beforeAllCompilePackage, CliProject, configText } from '../support/cli-project.js'
import { type TestDatabase, typeormTest } from '../support/databases.js'

beforeAllCompilePackage()

const dataSourceText = (database: TestDatabase) => `import 'reflect-metadata'
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

typeormTest('rowshift status shows the versions of the code against those of the database', async (database) => {
  const project = await CliProject.createEmpty({
    'rowshift.config.ts': configText,
    'src/data-source.ts': dataSourceText(database),
  })
  const app = await database.connect()
  await app.query('create table city (id integer not null primary key, name varchar(20) not null)')
  await app.query('create table post (id integer not null primary key)')
  await app.query('create table tag (id integer not null primary key)')
  await app.query('create table old (id integer not null primary key)')
  await withQueryRunner(app, async (queryRunner) => {
    await recordVersion(queryRunner, 'city', '1.0.0', 'AddCity1')
    await recordVersion(queryRunner, 'post', '1.3.0')
    await recordVersion(queryRunner, 'old', '3.0.0')
  })
  await app.query('alter table post add kind varchar(10)')

  const { stdout } = await project.run(['status'])
  expect(stdout.split('\n').filter((line) => /^ {2}(schema|City|Post|tag|old)/.test(line))).toEqual([
    '  schema  code   database',
    '  City    2.0.0  1.0.0     behind: a migration is pending',
    '  Post    1.3.0  1.3.0     drift: column "kind"',
    '  tag     1.0.0  -         unrecorded: rowshift generate',
    '  old     -      3.0.0     ahead: no entity states a version',
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
