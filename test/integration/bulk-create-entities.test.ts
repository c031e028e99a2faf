import 'reflect-metadata'
import {
  ChildEntity,
  Column,
  type DataSource,
  Entity,
  JoinColumn,
  ManyToOne,
  OneToMany,
  PrimaryGeneratedColumn,
  TableInheritance,
  Tree,
  TreeParent,
  VersionColumn,
} from 'typeorm'
import { expect } from 'vitest'
import { rowshift } from '../../src/adapters/prisma/index.js'
import { bulkCreate, SchemaVersionColumn } from '../../src/adapters/typeorm/index.js'
import { SchemaVersion } from '../../src/index.js'
import { codeOf } from '../support/backfills.js'
import { prismaTestOn, typeormTest } from '../support/databases.js'
import { clientsOf } from '../support/prisma/generated-client.js'
import { adapterFor } from '../support/prisma/prisma-beside.js'

/* What entities have besides columns of their own: keys of their own making, relations, embedded ones, children, trees. */

@Entity()
class Country {
  @PrimaryGeneratedColumn('uuid') id!: string
  @Column('varchar', { length: 2, unique: true }) code!: string
  @OneToMany(
    () => Town,
    (town) => town.country,
  )
  towns!: Town[]
}

class Place {
  @Column('int') x!: number
  @Column('int', { nullable: true }) y!: number | null
}

@Entity()
@SchemaVersion('2.0.0')
class Town {
  @PrimaryGeneratedColumn() id!: number
  @Column('varchar', {
    length: 20,
    unique: true,
    transformer: { to: (name) => name.toLowerCase(), from: (name) => name },
  })
  name!: string
  @Column(() => Place) place!: Place
  @ManyToOne(() => Country, { nullable: false }) country!: Country
  @Column('int', { nullable: true }) mayorId!: number | null
  @ManyToOne(() => Person) @JoinColumn({ name: 'mayorId' }) mayor!: Person | null
  @VersionColumn() version!: number
  @SchemaVersionColumn() rowVersion!: string | null
}

@Entity()
@TableInheritance({ column: { type: 'varchar', name: 'kind' } })
class Person {
  @PrimaryGeneratedColumn() id!: number
  @Column('varchar', { length: 20 }) name!: string
}

@ChildEntity()
class Mayor extends Person {
  @Column('int', { nullable: true }) since!: number | null
}

@Entity()
@Tree('materialized-path')
class Branch {
  @PrimaryGeneratedColumn() id!: number
  @TreeParent() parent!: Branch | null
}

const entities = [Country, Town, Person, Mayor, Branch]

const countryCodes = async (dataSource: DataSource) =>
  (await dataSource.getRepository(Country).find({ order: { code: 'ASC' } })).map(({ code }) => code)

typeormTest('creates entities with what they get by themselves, and with those they refer to', async (database) => {
  const dataSource = await database.connect({ entities, synchronize: true })
  const countries = await bulkCreate(dataSource.getRepository(Country), [{ code: 'no' }, { code: 'se' }])
  const [norway, sweden] = countries.keys as [Country, Country]
  expect(await dataSource.getRepository(Country).find({ order: { code: 'ASC' } })).toMatchObject([
    { id: norway.id, code: 'no' },
    { id: sweden.id, code: 'se' },
  ])
  const mayors = await bulkCreate(dataSource.getRepository(Mayor), [{ name: 'Anne', since: 2023 }])
  expect(await dataSource.getRepository(Person).find()).toEqual([
    Object.assign(new Mayor(), { id: mayors.keys[0]!.id, name: 'Anne', since: 2023 }),
  ])

  const towns = dataSource.getRepository(Town)
  const { keys } = await bulkCreate(towns, [
    { name: 'OSLO', place: { x: 1, y: 2 }, country: norway, mayor: { id: mayors.keys[0]!.id! } },
    { name: 'LUND', place: { x: 3 }, country: { id: sweden.id } },
  ])
  const relations = { country: true, mayor: true }
  const stored = await towns.find({ relations, order: { id: 'ASC' } })
  expect(stored).toMatchObject([
    { ...keys[0], name: 'oslo', place: { x: 1, y: 2 }, country: { code: 'no' }, mayor: { name: 'Anne' } },
    { ...keys[1], name: 'lund', place: { x: 3, y: null }, country: { code: 'se' }, mayor: null },
  ])
  expect(stored).toMatchObject([
    { version: 1, rowVersion: '2.0.0' },
    { version: 1, rowVersion: '2.0.0' },
  ])

  // What only new rows get is not written into one that is there.
  await towns.update({ name: 'OSLO' }, { rowVersion: '1.0.0', mayorId: null })
  const again = [{ name: 'OSLO', place: { x: 9 }, country: sweden }]
  expect(await bulkCreate(towns, again, { onConflict: { key: ['name'], do: 'update' } })).toMatchObject({
    keys: [keys[0]],
  })
  expect(await towns.findOne({ where: { id: keys[0]!.id! }, relations })).toMatchObject({
    place: { x: 9, y: 2 },
    country: { code: 'se' },
    version: 2,
    rowVersion: '1.0.0',
  })
  expect(await codeOf(bulkCreate(dataSource.getRepository(Country), [{ code: 'x', towns: [] as Town[] }]))).toBe(
    'COLUMN_NOT_FOUND',
  )
  expect(await codeOf(bulkCreate(dataSource.getRepository(Branch), [{ parent: null }]))).toBe('INVALID_USAGE')
})

typeormTest('takes a bulk create into the transaction of the manager', async (database) => {
  const dataSource = await database.connect({ entities, synchronize: true })
  const rolledBack = dataSource.transaction(async (manager) => {
    const repository = manager.getRepository(Country)
    await repository.insert({ code: 'dk' })
    const onConflict = { key: ['code'], do: 'skip' } as const
    const result = await bulkCreate(repository, [{ code: 'dk' }, { code: 'no' }], { onConflict })
    expect(result).toMatchObject({ created: 1, skipped: 1 })
    // Its own failure leaves the transaction as it was.
    expect(await codeOf(bulkCreate(repository, [{ code: 'se' }, { code: 'dk' }]))).toBe('ROW_REFUSED')
    expect((await repository.find({ order: { code: 'ASC' } })).map(({ code }) => code)).toEqual(['dk', 'no'])
    throw new Error('rolled back')
  })
  await expect(rolledBack).rejects.toThrow('rolled back')
  expect(await countryCodes(dataSource)).toEqual([])
})

/** Of models with fields that cannot be written, the others can. */
const taggedClients = clientsOf(`
model Tagged {
  id   Int      @id
  name String?
  tags String[] @default([])

  @@map("tagged")
}
`)

prismaTestOn(['postgres'], 'creates and updates rows of a model with lists, but not the lists', async (database) => {
  const dataSource = await database.connect()
  await dataSource.query(`create table tagged (id int primary key, name text, tags text[] not null default '{}')`)
  const { PrismaClient, registry } = await taggedClients('postgres')
  const client = new PrismaClient({ adapter: await adapterFor(dataSource) })
  const { tagged } = (client as unknown as { $extends(extension: object): TaggedClient }).$extends(
    rowshift({ registry }),
  )
  try {
    expect(await tagged.bulkCreate([{ id: 1, name: 'a' }])).toMatchObject({ created: 1, keys: [{ id: 1 }] })
    expect(await tagged.bulkUpdate([{ id: 1, name: 'b' }])).toMatchObject({ updated: 1 })
    expect(await codeOf(tagged.bulkCreate([{ id: 2, tags: ['x'] }]))).toBe('COLUMN_TYPE_MISMATCH')
  } finally {
    await client.$disconnect()
  }
})

interface TaggedClient {
  readonly tagged: Record<'bulkCreate' | 'bulkUpdate', (rows: readonly object[]) => Promise<object>>
}
