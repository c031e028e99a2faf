import 'reflect-metadata'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ChildEntity,
  Column,
  type DataSource,
  DefaultNamingStrategy,
  Entity,
  EntitySchema,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  type QueryRunner,
  TableInheritance,
  Tree,
  TreeChildren,
  TreeParent,
  VirtualColumn,
} from 'typeorm'
import { expect, onTestFinished } from 'vitest'
import {
  type MigrationQueryRunner,
  recordVersion,
  schedule,
  withSchemaVersion,
} from '../../src/adapters/typeorm/index.js'
import { defineBackfill, SchemaVersion } from '../../src/index.js'
import { readRecordedVersions } from '../../src/runs/versions/recorded-versions.js'
import { readVersions } from '../../src/runs/versions/version-status.js'
import { codeOf, portTo, withQueryRunner } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { type TestDatabase, typeormTest, typeormTestOn } from '../support/databases.js'

class Address {
  @Column({ type: 'varchar', length: 50 })
  street!: string
}

@Entity('city')
@SchemaVersion('1.1.0')
class City {
  @PrimaryColumn({ type: 'integer' })
  id!: number

  @Column({ type: 'varchar', length: 50 })
  name!: string

  @Column(() => Address)
  address!: Address
}

@Entity('vehicle')
@TableInheritance({ column: { type: 'varchar', length: 20, name: 'kind' } })
@SchemaVersion('3.0.0')
class Vehicle {
  @PrimaryColumn({ type: 'integer' })
  id!: number
}

@ChildEntity()
class Truck extends Vehicle {
  @Column({ type: 'integer' })
  axles!: number
}

const Tag = withSchemaVersion(
  '1.2.0',
  new EntitySchema<{ id: number; word: string }>({
    name: 'tag',
    columns: { id: { type: 'integer', primary: true }, word: { type: 'varchar', length: 20 } },
  }),
)

const entities = [City, Vehicle, Truck, Tag]

async function migrated(
  database: TestDatabase,
  extras: Parameters<TestDatabase['connect']>[0] = { entities },
): Promise<DataSource> {
  return database.connect({ synchronize: true, ...extras })
}

const record = (queryRunner: QueryRunner, table: string, version: `${number}.${number}.${number}` | undefined) =>
  recordVersion(queryRunner as unknown as MigrationQueryRunner, table, version, 'AddThings1')

async function recordAll(dataSource: DataSource): Promise<void> {
  await withQueryRunner(dataSource, async (queryRunner) => {
    await record(queryRunner, 'city', '1.1.0')
    await record(queryRunner, 'vehicle', '3.0.0')
    await record(queryRunner, 'tag', '1.2.0')
  })
}

const statesOf = async (dataSource: DataSource) =>
  Object.fromEntries((await readVersions(portTo(dataSource))).map(({ table, state }) => [table, state]))

typeormTest('compares the versions of entities with what migrations have recorded', async (database) => {
  const dataSource = await migrated(database)
  expect(await statesOf(dataSource)).toEqual({ city: 'unrecorded', vehicle: 'unrecorded', tag: 'unrecorded' })
  await recordAll(dataSource)
  expect(await statesOf(dataSource)).toEqual({ city: 'current', vehicle: 'current', tag: 'current' })
  const [city] = await readVersions(portTo(dataSource))
  expect(city).toMatchObject({
    entity: 'City',
    code: '1.1.0',
    recorded: { version: '1.1.0', migration: 'AddThings1', fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) },
    columns: [],
  })
  expect(city?.recorded?.columns.map(({ name }) => name)).toEqual(['id', 'name', 'addressStreet'])
  expect(Date.parse(city!.recorded!.recordedAt)).toBeGreaterThan(Date.parse('2020-01-01'))
})

typeormTest('tells a database that is behind the code, and one that is ahead of it', async (database) => {
  const dataSource = await migrated(database)
  await recordAll(dataSource)
  await withQueryRunner(dataSource, async (queryRunner) => {
    await record(queryRunner, 'city', '1.0.0')
    await record(queryRunner, 'vehicle', '10.0.0')
    await record(queryRunner, 'tag', undefined)
  })
  expect(await statesOf(dataSource)).toEqual({ city: 'behind', vehicle: 'ahead', tag: 'unrecorded' })
  await withQueryRunner(dataSource, (queryRunner) =>
    schedule(
      queryRunner as unknown as MigrationQueryRunner,
      defineBackfill({
        name: 'city.name',
        table: 'city',
        select: { id: 'integer' },
        write: { name: 'text' },
        where: { name: '' },
        transform: () => ({ name: 'x' }),
      }),
    ),
  )
  await dataSource.query(
    `insert into city (id, name, ${database.name === 'postgres' ? '"addressStreet"' : 'addressStreet'}) values (1, '', '')`,
  )
  await withQueryRunner(dataSource, (queryRunner) =>
    schedule(
      queryRunner as unknown as MigrationQueryRunner,
      defineBackfill({
        name: 'city.again',
        table: 'city',
        select: { id: 'integer' },
        write: { name: 'text' },
        where: { name: '' },
        transform: () => ({ name: 'x' }),
      }),
    ),
  )
  const [city] = await readVersions(portTo(dataSource))
  // The first run found an empty table, so only the second keeps its gate shut.
  expect(city).toMatchObject({ table: 'city', state: 'behind', gate: 'city.again' })
})

typeormTest('names the columns that changed without a new version', async (database) => {
  const dataSource = await migrated(database)
  await recordAll(dataSource)
  await dataSource.query(`alter table city add extra varchar(10)`)
  const other = bySql(database.name, {
    sqlite: 'alter table tag rename column word to words',
    postgres: 'alter table tag alter word type varchar(30), alter word drop not null',
    mariadb: 'alter table tag modify word varchar(30) null',
  })
  await dataSource.query(other)
  const reports = await readVersions(portTo(dataSource))
  expect(reports.map(({ table, state, columns }) => [table, state, columns])).toEqual([
    ['city', 'drift', ['extra']],
    ['vehicle', 'current', []],
    ['tag', 'drift', database.name === 'sqlite' ? ['word', 'words'] : ['word']],
  ])
})

typeormTest('takes a column that the code no longer has for drift', async (database) => {
  const dataSource = await migrated(database)
  await recordAll(dataSource)
  const renamed = new EntitySchema<{ id: number; label: string }>({
    name: 'tag',
    columns: { id: { type: 'integer', primary: true }, label: { type: 'varchar', length: 20 } },
  })
  const later = await database.connect({ entities: [withSchemaVersion('1.2.0', renamed)] })
  expect(await readVersions(portTo(later))).toMatchObject([
    { table: 'tag', state: 'drift', columns: ['word', 'label'] },
    { table: 'city', state: 'ahead', code: undefined },
    { table: 'vehicle', state: 'ahead', code: undefined },
  ])
})

typeormTest('records a version in the transaction of the migration, or on its own', async (database) => {
  const dataSource = await migrated(database)
  await withQueryRunner(dataSource, async (queryRunner) => {
    await queryRunner.startTransaction()
    await record(queryRunner, 'city', '1.1.0')
    await queryRunner.rollbackTransaction()
    expect(await readRecordedVersions(portTo(dataSource))).toEqual([])
    await record(queryRunner, 'city', '1.1.0')
    await record(queryRunner, 'city', '1.2.0')
    expect(await readRecordedVersions(portTo(dataSource))).toMatchObject([{ table: 'city', version: '1.2.0' }])
    await record(queryRunner, 'city', undefined)
    expect(await readRecordedVersions(portTo(dataSource))).toEqual([])
    expect(await codeOf(record(queryRunner, 'nowhere', '1.0.0'))).toBe('TABLE_NOT_FOUND')
    expect(await codeOf(async () => record(queryRunner, 'city', '1' as never))).toBe('VERSION_INVALID')
    const forgotten = record(queryRunner, 'city', '1.1.0')
    expect(await codeOf(queryRunner.query('select 1'))).toBe('NOT_AWAITED')
    await forgotten
  })
})

typeormTest('refuses two versions for one table, and two for schemas of one name', async (database) => {
  @Entity('vehicle')
  @TableInheritance({ column: { type: 'varchar', length: 20, name: 'kind' } })
  @SchemaVersion('1.0.0')
  class Parent {
    @PrimaryColumn({ type: 'integer' })
    id!: number
  }
  @ChildEntity()
  @SchemaVersion('2.0.0')
  class Child extends Parent {}
  const dataSource = await database.connect({ entities: [Parent, Child] })
  await expect(async () => readVersions(portTo(dataSource))).rejects.toThrow(
    'table "vehicle", which Child shares with Parent, has two schema versions, 1.0.0 and 2.0.0',
  )
  expect(() => withSchemaVersion('2.0.0', Tag)).toThrow('EntitySchema "tag" has two schema versions, 1.2.0 and 2.0.0')
})

typeormTest('knows a table by the names that its data source gives it', async (database) => {
  const dataSource = await database.connect({ entities: [City], entityPrefix: 'shop_', synchronize: true })
  await withQueryRunner(dataSource, (queryRunner) => record(queryRunner, 'shop_city', '1.1.0'))
  expect(await statesOf(dataSource)).toEqual({ shop_city: 'current' })
  const tables = await dataSource.query(
    bySql(database.name, {
      sqlite: `select name from sqlite_master where name like '%schema_version'`,
      postgres: `select tablename as name from pg_tables where tablename like '%schema_version'`,
      mariadb: `select table_name as name from information_schema.tables where table_schema = database() and table_name like '%schema_version'`,
    }),
  )
  expect(tables).toEqual([{ name: 'shop_rowshift_schema_version' }])
})

typeormTestOn(['postgres'], 'knows tables of one name in two schemas apart', async (database) => {
  const app = await database.connect()
  await app.query('create schema geo')
  const here = withSchemaVersion(
    '1.0.0',
    new EntitySchema({ name: 'here', tableName: 'place', columns: { id: { type: 'integer', primary: true } } }),
  )
  const there = withSchemaVersion(
    '2.0.0',
    new EntitySchema({
      name: 'there',
      tableName: 'place',
      schema: 'geo',
      columns: { id: { type: 'integer', primary: true } },
    }),
  )
  const dataSource = await migrated(database, { entities: [here, there] })
  await withQueryRunner(dataSource, async (queryRunner) => {
    await record(queryRunner, 'place', '1.0.0')
    await record(queryRunner, 'geo.place', '1.0.0')
  })
  expect(await statesOf(dataSource)).toEqual({ place: 'current', 'geo.place': 'behind' })
})

typeormTest('knows columns that no property stands for from those that no table has', async (database) => {
  @Entity('author')
  @SchemaVersion('1.0.0')
  class Author {
    @PrimaryGeneratedColumn()
    id!: number

    @VirtualColumn({ query: () => 'select 1' })
    books!: number
  }
  @Entity('book')
  @SchemaVersion('1.0.0')
  class Book {
    @PrimaryColumn({ type: 'integer' })
    id!: number

    @ManyToOne(() => Author, { nullable: false })
    author!: Author

    @ManyToOne(() => Author)
    @JoinColumn({ name: 'editor_ref' })
    editor!: Author
  }
  @Entity('genre')
  @Tree('nested-set')
  @SchemaVersion('1.0.0')
  class Genre {
    @PrimaryGeneratedColumn()
    id!: number

    @TreeChildren()
    children!: Genre[]

    @TreeParent()
    parent!: Genre
  }
  const dataSource = await migrated(database, { entities: [Author, Book, Genre] })
  await withQueryRunner(dataSource, async (queryRunner) => {
    for (const table of ['author', 'book', 'genre']) await record(queryRunner, table, '1.0.0')
  })
  const reports = await readVersions(portTo(dataSource))
  expect(reports.map(({ table, state, columns }) => [table, state, columns])).toEqual([
    ['author', 'current', []],
    ['book', 'current', []],
    ['genre', 'current', []],
  ])
})

abstract class Dated {
  @PrimaryColumn({ type: 'integer' })
  id!: number

  @Column({ type: 'integer' })
  since!: number
}
SchemaVersion('9.0.0')(Dated)

@Entity('club')
@SchemaVersion('1.0.0')
class Club extends Dated {
  @Column({ type: 'integer' })
  members!: number
}

@Entity('shop')
class Shop extends Dated {}

typeormTest('gives no entity the version of its abstract parent', async (database) => {
  const dataSource = await migrated(database, { entities: [Club, Shop] })
  await withQueryRunner(dataSource, (queryRunner) => record(queryRunner, 'club', '1.0.0'))
  expect(await statesOf(dataSource)).toEqual({ club: 'current' })
})

typeormTestOn(['sqlite'], 'reads the version of the class that an EntitySchema makes', async (database) => {
  // As with standard decorators, which TypeORM has none of.
  @SchemaVersion('4.0.0')
  class Plain {
    id!: number
  }
  const columns = { id: { type: 'integer', primary: true } } as const
  const dataSource = await migrated(database, {
    entities: [new EntitySchema<Plain>({ name: 'plain', target: Plain, columns })],
  })
  await withQueryRunner(dataSource, (queryRunner) => record(queryRunner, 'plain', '4.0.0'))
  expect(await statesOf(dataSource)).toEqual({ plain: 'current' })
})

typeormTest('knows tables and columns by the naming strategy of the data source', async (database) => {
  class Marked extends DefaultNamingStrategy {
    override tableName(className: string, given: string | undefined) {
      return `t_${given ?? className}`
    }
    override columnName(property: string, given: string | undefined, path: string[]) {
      return ['c', ...path, given ?? property].join('_')
    }
  }
  const dataSource = await migrated(database, { entities: [City], namingStrategy: new Marked() })
  await withQueryRunner(dataSource, (queryRunner) => record(queryRunner, 't_city', '1.1.0'))
  const [city] = await readVersions(portTo(dataSource))
  expect(city).toMatchObject({ table: 't_city', entity: 'City', state: 'current' })
  expect(city?.recorded?.columns.map(({ name }) => name)).toEqual(['c_id', 'c_name', 'c_address_street'])
})

typeormTest('finds the version of a schema that is given by a pattern of files', async (database) => {
  const folder = mkdtempSync(join(tmpdir(), 'rowshift-entities-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const place = globalThis as { schemaOfTest?: unknown }
  onTestFinished(() => {
    delete place.schemaOfTest
  })
  place.schemaOfTest = withSchemaVersion(
    '1.0.0',
    new EntitySchema({ name: 'stamp', columns: { id: { type: 'integer', primary: true } } }),
  )
  writeFileSync(join(folder, 'stamp.js'), 'exports.Stamp = globalThis.schemaOfTest')
  const dataSource = await migrated(database, { entities: [join(folder, '*.js')] })
  await withQueryRunner(dataSource, (queryRunner) => record(queryRunner, 'stamp', '1.0.0'))
  expect(await statesOf(dataSource)).toEqual({ stamp: 'current' })
})
