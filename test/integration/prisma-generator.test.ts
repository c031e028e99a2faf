import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { loadModule } from '../../src/adapters/load-module.js'
import { PrismaProject, testPrisma } from '../support/prisma/prisma-project.js'

const generator = (output: string) => `generator rowshift {
  provider = "rowshift-prisma"
  output   = "${output}"
}
`

/** The generator of a client stands beside ours, as in an application. */
const clients = {
  7: 'provider = "prisma-client"\n  output = "../client"',
  6: 'provider = "prisma-client-js"\n  output = "../client"',
}

const models = (version: 6 | 7) => `generator client {
  ${clients[version]}
}
${generator('../src/registry.ts')}
/// Where people live.
/// @schemaVersion 2.0.0
model City {
  country   String   @db.Char(2)
  number    Int
  name      String   @map("title") @db.VarChar(150)
  nickname  String?  @unique
  kind      Kind     @default(TOWN)
  tags      String[]
  token     String   @default(uuid())
  code      String   @default(cuid())
  short     String   @default(nanoid())
  sortable  String   @default(ulid())
  random    String   @default(dbgenerated("gen_random_uuid()")) @db.Uuid
  rank      Int      @default(0)
  words     String[] @default([])
  createdAt DateTime @default(now()) @map("created_at")
  seenAt    DateTime @default(now()) @updatedAt
  /// Of each row.
  /// @schemaVersionColumn none=1.0.0
  rowVersion String?
  changedAt DateTime @updatedAt @map("changed_at") @db.Timestamptz(3)
  mayor     Mayor?

  @@id([country, number])
  @@unique([name, kind])
  @@map("cities")
  @@schema("geo")
}

model Mayor {
  id          BigInt @id @default(autoincrement())
  cityCountry String @db.Char(2)
  cityNumber  Int
  city        City   @relation(fields: [cityCountry, cityNumber], references: [country, number])

  @@unique([cityCountry, cityNumber])
  @@schema("public")
}

enum Kind {
  TOWN
  VILLAGE @map("village")

  @@schema("geo")
}
`

for (const version of [7, 6] as const) {
  testPrisma(
    ['postgres'],
    `the generator emits what the schema says of tables, beside the client of Prisma ${version}`,
    async (database) => {
      const project = await PrismaProject.create(database, models(version), { version, schemas: ['public', 'geo'] })
      expect(await project.prisma('generate')).toMatchObject({ code: 0 })

      const field = { isNullable: false, isList: false, fillsItself: false }
      const { registry } = await loadModule(join(project.folder, 'src/registry.ts'))
      expect(registry).toEqual({
        format: 1,
        provider: 'postgresql',
        models: {
          City: {
            table: 'cities',
            schema: 'geo',
            version: '2.0.0',
            key: ['country', 'number'],
            uniques: [['nickname'], ['name', 'kind']],
            fields: {
              country: { ...field, column: 'country', type: 'String', nativeType: ['Char', '2'] },
              number: { ...field, column: 'number', type: 'Int' },
              name: { ...field, column: 'title', type: 'String', nativeType: ['VarChar', '150'] },
              nickname: { ...field, column: 'nickname', type: 'String', isNullable: true },
              kind: { ...field, column: 'kind', type: 'Kind', fillsItself: true },
              tags: { ...field, column: 'tags', type: 'String', isList: true },
              token: { ...field, column: 'token', type: 'String', clientFills: 'uuid4' },
              rowVersion: { ...field, column: 'rowVersion', type: 'String', isNullable: true },
              code: { ...field, column: 'code', type: 'String', clientFills: 'other' },
              short: { ...field, column: 'short', type: 'String', clientFills: 'other' },
              sortable: { ...field, column: 'sortable', type: 'String', clientFills: 'other' },
              random: { ...field, column: 'random', type: 'String', nativeType: ['Uuid'], fillsItself: true },
              rank: { ...field, column: 'rank', type: 'Int', fillsItself: true },
              words: { ...field, column: 'words', type: 'String', isList: true, fillsItself: true },
              createdAt: { ...field, column: 'created_at', type: 'DateTime', fillsItself: true },
              seenAt: { ...field, column: 'seenAt', type: 'DateTime', fillsItself: true, clientFills: 'moment' },
              changedAt: {
                ...field,
                column: 'changed_at',
                type: 'DateTime',
                nativeType: ['Timestamptz', '3'],
                clientFills: 'moment',
              },
            },
            relations: { mayor: 'Mayor' },
            versionColumn: { field: 'rowVersion', none: '1.0.0' },
          },
          Mayor: {
            table: 'Mayor',
            schema: 'public',
            version: null,
            key: ['id'],
            uniques: [['cityCountry', 'cityNumber']],
            fields: {
              id: { ...field, column: 'id', type: 'BigInt', fillsItself: true },
              cityCountry: { ...field, column: 'cityCountry', type: 'String', nativeType: ['Char', '2'] },
              cityNumber: { ...field, column: 'cityNumber', type: 'Int' },
            },
            relations: { city: 'City' },
          },
        },
        enums: { Kind: { TOWN: 'TOWN', VILLAGE: 'village' } },
      })
    },
  )
}

const city = (comment: string, output = '../registry.json') => `${generator(output)}
${comment}
model City {
  id   Int    @id
  name String
}
`

testPrisma(['sqlite'], 'the generator writes JSON, with Prisma 6', async (database) => {
  const project = await PrismaProject.create(database, city('/// @schemaVersion 1.2.0'), { version: 6 })
  expect(await project.prisma('generate')).toMatchObject({ code: 0 })
  const field = { isNullable: false, isList: false, fillsItself: false }
  expect(JSON.parse(await readFile(join(project.folder, 'registry.json'), 'utf8'))).toEqual({
    format: 1,
    provider: 'sqlite',
    models: {
      City: {
        table: 'City',
        schema: null,
        version: '1.2.0',
        key: ['id'],
        uniques: [],
        fields: {
          id: { ...field, column: 'id', type: 'Int' },
          name: { ...field, column: 'name', type: 'String' },
        },
        relations: {},
      },
    },
    enums: {},
  })
})

testPrisma(['sqlite'], 'the generator says which model has no proper version, and writes nothing', async (database) => {
  const project = await PrismaProject.create(database, city('/// @schemaVersion 2.0'))
  const { code, stderr } = await project.prisma('generate')
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining('VERSION_INVALID: model City has the version "2.0"'),
  })
  await expect(readFile(join(project.folder, 'registry.json'))).rejects.toThrow('ENOENT')
})
