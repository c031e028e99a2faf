import { expect, test } from 'vitest'
import type { PrismaRegistry, RegistryField, RegistryModel } from '../../src/adapters/prisma/registry.js'
import { readChanges } from '../../src/adapters/prisma/schema/read-changes.js'
import { parseSchema, writeSchema } from '../../src/adapters/prisma/schema/schema-text.js'
import { intermediateSchemas } from '../../src/adapters/prisma/schema/stages.js'

const model = (fields: Readonly<Record<string, Partial<RegistryField>>>, uniques: string[][] = []): RegistryModel => ({
  table: 'city',
  schema: null,
  version: null,
  key: ['id'],
  uniques,
  fields: Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      { column: name, type: 'String', isNullable: false, isList: false, fillsItself: false, ...field },
    ]),
  ),
  relations: {},
})

const registry = (city: RegistryModel): PrismaRegistry => ({
  format: 1,
  provider: 'postgresql',
  models: { City: city },
  enums: {},
})

test('between two schemas there are some that rows of both fit, and the names of indexes survive a rename', () => {
  const old = {
    blocks: parseSchema(`model City {
  id Int @id
  name String @unique
  age String
  note String
  @@index([name, note])
  @@index([name])
  @@map("city")
}`),
    registry: registry(model({ id: { type: 'Int' }, name: {}, age: {}, note: {} }, [['name']])),
  }
  const wanted = {
    blocks: parseSchema(`model City {
  id Int @id
  title String @unique
  age Int
  slug String @unique
  @@index([title])
  @@index([slug])
  @@unique([title, slug])
  @@unique([id, slug])
  @@unique([slug, age])
  @@map("city")
}`),
    registry: registry(
      model({ id: { type: 'Int' }, title: {}, age: { type: 'Int' }, slug: {} }, [
        ['title'],
        ['slug'],
        ['title', 'slug'],
        ['id', 'slug'],
        ['slug', 'age'],
      ]),
    ),
  }
  const changes = readChanges(old.registry, wanted.registry, undefined, () => false)
  const choice = { renames: [{ from: 'name', to: 'title' }], shadows: [{ column: 'age', shadow: 'age__2' }] }
  const stages = intermediateSchemas(old, wanted, changes, new Map([['city', choice]]))
  const linesOf = (blocks = stages.both) =>
    writeSchema(blocks)
      .split('\n')
      .slice(1, -2)
      .map((line) => line.trim())

  expect(linesOf(stages.both)).toEqual([
    'id Int @id',
    'name String @unique',
    'age String?',
    'age__2 Int? @map("age__2")',
    'slug String? @unique',
    'note String?',
    '@@unique([id, slug])',
    '@@map("city")',
    '@@index([name, note])',
    '@@index([name])',
  ])
  expect(linesOf(stages.narrowed)).toEqual([
    'id Int @id',
    'name String @unique',
    'age__2 Int? @map("age__2")',
    'slug String? @unique',
    '@@unique([id, slug])',
    '@@map("city")',
    '@@index([name])',
  ])
  expect(linesOf(stages.renamed)).toEqual([
    'id Int @id',
    'title String @unique(map: "city_name_key") @map("title")',
    'age Int? @map("age")',
    'slug String? @unique',
    '@@unique([id, slug])',
    '@@map("city")',
    '@@index([title], map: "city_name_idx")',
  ])
  expect(stages.renames.map(({ from, to }) => `${from} > ${to}`)).toEqual(['age__2 > age', 'name > title'])
})
