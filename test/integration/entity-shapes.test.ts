import 'reflect-metadata'
import {
  ChildEntity,
  Column,
  DefaultNamingStrategy,
  Entity,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  TableInheritance,
} from 'typeorm'
import { expect } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { runBackfill } from '../support/backfills.js'
import { typeormTest, typeormTestOn } from '../support/databases.js'

/* Entities whose properties are not simply the columns of a table of the same name. */

class Geo {
  @Column('double precision', { nullable: true }) lat!: number | null
}

class Address {
  @Column('varchar', { length: 100 }) city!: string
  @Column('varchar', { length: 100, nullable: true }) slug!: string | null
  @Column(() => Geo) geo!: Geo
}

@Entity('person')
class Person {
  @PrimaryGeneratedColumn() id!: number
  @Column(() => Address) home!: Address
  @Column(() => Address, { prefix: 'w_' }) work!: Address
  @Column(() => Address, { prefix: false }) birth!: Address
}

typeormTest('reads and writes columns of embedded entities by their paths', async (database) => {
  const dataSource = await database.connect({ entities: [Person], synchronize: true } as never)
  const people = dataSource.getRepository(Person)
  const at = (city: string, lat: number | null = null): Address => ({ city, slug: null, geo: { lat } })
  await people.save([
    { home: at('Oslo', 59.9), work: at('Rome'), birth: at('Lima', -12) },
    { home: at('Bern', 46.9), work: at('Bonn'), birth: at('Graz') },
  ])
  const slugs = defineBackfill({
    name: 'person.slugs',
    table: Person,
    select: { 'home.city': true, 'home.geo.lat': true, 'work.city': true, 'birth.city': true },
    write: { 'home.slug': true, 'work.slug': true, 'birth.slug': true, 'work.geo.lat': true },
    where: { 'home.slug': null },
    transform: (row) => ({
      'home.slug': row['home.city'].toLowerCase(),
      'work.slug': row['work.city'].toLowerCase(),
      'birth.slug': row['birth.city'].toLowerCase(),
      'work.geo.lat': row['home.geo.lat'],
    }),
  })
  expect(await runBackfill(dataSource, slugs)).toMatchObject({ status: 'completed', counts: { written: 2 } })
  const found = await people.find({ order: { id: 'ASC' } })
  expect(found.map(({ home, work, birth }) => [home.slug, work.slug, birth.slug, work.geo.lat, birth.geo.lat])).toEqual(
    [
      ['oslo', 'rome', 'lima', 59.9, -12],
      ['bern', 'bonn', 'graz', 46.9, null],
    ],
  )
})

typeormTest('names the columns of an embedded entity that was taken for one', async (database) => {
  const dataSource = await database.connect({ entities: [Person], synchronize: true } as never)
  const whole = defineBackfill({
    name: 'person.home',
    table: Person,
    select: { home: true },
    write: { 'work.slug': true },
    transform: () => undefined,
  })
  await expect(runBackfill(dataSource, whole)).rejects.toThrow(
    'COLUMN_NOT_FOUND: backfill "person.home": "home" of the entity is embedded. Name its columns: home.city, home.slug, home.geo.lat.',
  )
})

/** `firstName` is `first_name`, an embedded `address.postCode` is `address_post_code`. */
class SnakeNames extends DefaultNamingStrategy {
  override tableName(target: string, given: string | undefined): string {
    return snake(given ?? target)
  }
  override columnName(property: string, given: string | undefined, prefixes: string[]): string {
    return [...prefixes.map(snake), given ?? snake(property)].join('_')
  }
}

const snake = (name: string) => name.replace(/(?<!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase()

class Place {
  @Column('varchar', { length: 20, nullable: true }) postCode!: string | null
}

@Entity()
class PostOffice {
  @PrimaryColumn('int') officeId!: number
  @Column('varchar', { length: 100 }) givenName!: string
  @Column(() => Place) mainPlace!: Place
}

typeormTest('finds columns by the naming strategy of the data source', async (database) => {
  const namingStrategy = new SnakeNames()
  const dataSource = await database.connect({ entities: [PostOffice], synchronize: true, namingStrategy } as never)
  await dataSource.getRepository(PostOffice).save(
    [1, 2, 3].map((n) => ({
      officeId: n,
      givenName: `Office ${n}`,
      mainPlace: { postCode: null },
    })),
  )
  const postCodes = defineBackfill({
    name: 'office.post-code',
    table: PostOffice,
    select: { officeId: true, givenName: true },
    write: { 'mainPlace.postCode': true },
    where: { 'mainPlace.postCode': null },
    transform: (row) => ({ 'mainPlace.postCode': `${row.givenName.at(-1)}-${row.officeId}` }),
  })
  expect(await runBackfill(dataSource, postCodes)).toMatchObject({ status: 'completed', counts: { written: 3 } })
  expect(await dataSource.query('select main_place_post_code as code from post_office order by office_id')).toEqual([
    { code: '1-1' },
    { code: '2-2' },
    { code: '3-3' },
  ])
})

@Entity('content')
@TableInheritance({ column: { type: 'varchar', name: 'content_kind', length: 20 } })
class Content {
  @PrimaryGeneratedColumn() id!: number
  @Column('varchar', { length: 100 }) title!: string
  @Column('varchar', { length: 100, nullable: true }) slug!: string | null
}

@ChildEntity('photo')
class Photo extends Content {
  @Column('varchar', { length: 20, nullable: true }) size!: string | null
}

@ChildEntity('portrait')
class Portrait extends Photo {}

@ChildEntity('post')
class Post extends Content {}

typeormTest('keeps to the rows of a child entity, and of its own children, in a shared table', async (database) => {
  const entities = [Content, Photo, Portrait, Post]
  const dataSource = await database.connect({ entities, synchronize: true } as never)
  for (const kind of [Photo, Post, Portrait, Content, Post, Photo]) {
    const row = dataSource.getRepository(kind).create()
    row.title = `A ${kind.name}`
    row.slug = null
    await dataSource.getRepository(kind).save(row)
  }
  const photoSlug = defineBackfill({
    name: 'photo.slug',
    table: Photo,
    select: { title: true },
    write: { slug: true, size: true },
    where: { slug: null },
    transform: (row) => ({ slug: row.title.toLowerCase(), size: 'large' }),
  })
  expect(await runBackfill(dataSource, photoSlug)).toMatchObject({ status: 'completed', counts: { written: 3 } })
  const rows: { title: string; slug: string | null; size: string | null }[] = await dataSource.query(
    'select title, slug, size from content order by id',
  )
  expect(rows.map(({ slug, size }) => [slug, size])).toEqual([
    ['a photo', 'large'],
    [null, null],
    ['a portrait', 'large'],
    [null, null],
    [null, null],
    ['a photo', 'large'],
  ])
})

@Entity({ name: 'order', schema: 'Shop "one"' })
class Order {
  @PrimaryColumn('int') id!: number
  @Column('varchar', { length: 20 }) note!: string
  @Column('varchar', { length: 20, nullable: true }) loud!: string | null
}

typeormTestOn(['postgres'], 'finds an entity in another schema', async (database) => {
  const before = await database.connect()
  await before.query('create schema "Shop ""one"""')
  // Another table of this name, which a name without its schema would mean.
  await before.query('create table "order" (id int primary key, note varchar(20) not null, loud varchar(20))')
  await before.query(`insert into "order" values (1, 'elsewhere', null)`)
  await before.query(
    'create table "Shop ""one"""."order" (id int primary key, note varchar(20) not null, loud varchar(20))',
  )
  await before.query(`insert into "Shop ""one"""."order" values (1, 'hello', null), (2, 'again', null)`)
  const dataSource = await database.connect({ entities: [Order] } as never)
  const loud = defineBackfill({
    name: 'order.loud',
    table: Order,
    select: { note: true },
    write: { loud: true },
    where: { loud: null },
    transform: (row) => ({ loud: row.note.toUpperCase() }),
  })
  expect(await runBackfill(dataSource, loud)).toMatchObject({ status: 'completed', counts: { written: 2 } })
  expect(await before.query('select loud from "Shop ""one"""."order" order by id')).toEqual([
    { loud: 'HELLO' },
    { loud: 'AGAIN' },
  ])
  expect(await before.query('select loud from "order"')).toEqual([{ loud: null }])
})
