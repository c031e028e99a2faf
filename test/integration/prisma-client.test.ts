import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import { loadModule } from '../../src/adapters/load-module.js'
import type { PrismaClientLike } from '../../src/adapters/prisma/driver-adapter.js'
import { prisma, rowshift } from '../../src/adapters/prisma/index.js'
import { prismaModels } from '../../src/adapters/prisma/model-tokens.js'
import type { PrismaRegistry } from '../../src/adapters/prisma/registry.js'
import type { Model } from '../../src/backfill/definition/columns.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { defineBackfill } from '../../src/index.js'
import { runInForeground } from '../../src/runs/run-in-foreground.js'
import { codeOf } from '../support/backfills.js'
import { databases, TestDatabase } from '../support/databases.js'
import { PrismaProject } from '../support/prisma/prisma-project.js'

/* Generated clients with their driver adapters, and definitions that name their models. */

interface Sample {
  readonly id: bigint
  readonly name: string
  readonly kind: string
  readonly kindCopy: string | null
  readonly price: { toString(): string; plus(value: number): Sample['price'] }
  readonly priceCopy: Sample['price'] | null
  readonly at: Date
  readonly atCopy: Date | null
  readonly data: { readonly a: number }
  readonly dataCopy: unknown
  readonly bytes: Uint8Array
  readonly bytesCopy: Uint8Array | null
  readonly flag: boolean
  readonly ratio: number
  readonly count: number
  readonly changed: number | null
}

interface SampleClient extends PrismaClientLike {
  readonly sample: {
    create(options: { data: object }): Promise<Sample>
    findMany(options: object): Promise<Sample[]>
    count(options: object): Promise<number>
  }
  $extends(extension: object): ExtendedClient
}

/** By structure, because it is generated while the test runs; test/types has the types of a real one. */
interface ExtendedClient {
  readonly sample: { bulkUpdate(rows: readonly object[], options?: object): Promise<object> }
  $backfill(definition: object): Promise<object>
  $transaction<T>(task: (client: ExtendedClient) => Promise<T>): Promise<T>
}

const { sample } = prismaModels() as unknown as { readonly sample: Model<Sample> }

const models = (client: string) => `generator client {
  ${client}
}
generator rowshift {
  provider = "rowshift-prisma"
  output   = "../registry.json"
}
model Sample {
  id        BigInt   @id
  name      String   @map("title")
  kind      Kind
  kindCopy  Kind?    @map("kind_copy")
  price     Decimal
  priceCopy Decimal? @map("price_copy")
  at        DateTime
  atCopy    DateTime? @map("at_copy")
  data      Json
  dataCopy  Json?    @map("data_copy")
  bytes     Bytes
  bytesCopy Bytes?   @map("bytes_copy")
  flag      Boolean
  ratio     Float
  count     Int
  changed   Int?
  @@map("samples")
}
enum Kind {
  TOWN
  VILLAGE @map("village")
}
`

/** As `prisma migrate` makes the table. */
const tables = {
  sqlite: [
    `create table samples (id bigint not null primary key, title text not null, kind text not null, kind_copy text, price decimal not null,
      price_copy decimal, at datetime not null, at_copy datetime, data jsonb not null, data_copy jsonb, bytes blob not null,
      bytes_copy blob, flag boolean not null, ratio real not null, count integer not null, changed integer)`,
  ],
  postgres: [
    `create type "Kind" as enum ('TOWN', 'village')`,
    `create table samples (id bigint not null primary key, title text not null, kind "Kind" not null, kind_copy "Kind",
      price decimal(65,30) not null, price_copy decimal(65,30), at timestamp(3) not null, at_copy timestamp(3), data jsonb not null,
      data_copy jsonb, bytes bytea not null, bytes_copy bytea, flag boolean not null, ratio double precision not null,
      count integer not null, changed integer)`,
  ],
  mariadb: [
    `create table samples (id bigint not null primary key, title varchar(191) not null, kind enum('TOWN', 'village') not null,
      kind_copy enum('TOWN', 'village'), price decimal(65,30) not null, price_copy decimal(65,30), at datetime(3) not null,
      at_copy datetime(3), data json not null, data_copy json, bytes longblob not null, bytes_copy longblob, flag boolean not null,
      ratio double not null, count integer not null, changed integer)`,
  ],
}

const versions = [
  {
    title: 'Prisma 7',
    version: 7,
    names: ['sqlite', 'postgres', 'mariadb'],
    client: 'provider = "prisma-client"\n  output = "../client"',
  },
  {
    title: 'Prisma 6',
    version: 6,
    names: ['postgres'],
    client:
      'provider = "prisma-client-js"\n  output = "../client"\n  engineType = "client"\n  previewFeatures = ["driverAdapters", "queryCompiler"]',
  },
] as const

for (const { title, version, names, client: generator } of versions) {
  for (const name of names) {
    test.runIf(databases.includes(name))(
      `${name}/prisma only: converts fields as the client of ${title} does, which the extension gives bulkUpdate and $backfill`,
      async () => {
        const server = name === 'sqlite' ? undefined : inject('servers')[name]
        const database = await TestDatabase.create(name, server && 'url' in server ? server.url : '', 'prisma')
        onTestFinished(() => database.drop())
        const dataSource = await database.connect()
        for (const statement of tables[name]) await dataSource.query(statement)
        const project = await PrismaProject.create(database, models(generator), { version })
        expect(await project.prisma('generate')).toMatchObject({ code: 0 })
        const { client, registry } = await loadClient(project, database, version)
        onTestFinished(() => client.$disconnect())
        for (const id of [1n, 9_007_199_254_740_993n]) await client.sample.create({ data: { id, ...values } })

        const source = prisma(client, { registry })
        const port = await source.open()
        onTestFinished(() => port.close())
        const seen: Partial<Sample>[] = []
        const result = await runInForeground({ database: port, definition: definitionOf(copying(seen)) })
        expect(result).toMatchObject({ status: 'completed', counts: { written: 2 } })

        const rows = await client.sample.findMany({ orderBy: { id: 'asc' } })
        expect(rows.map(({ id }) => id)).toEqual([1n, 9_007_199_254_740_993n])
        for (const [i, row] of rows.entries()) {
          const { name, kind, price, at, data, bytes, flag, ratio, count } = row
          // rowshift has the class of the client that it finds installed, which is one here.
          const text = { price: String(price) }
          expect({ ...seen[i], price: String(seen[i]!.price) }).toEqual({
            name,
            kind,
            ...text,
            at,
            data,
            bytes,
            flag,
            ratio,
            count,
          })
          expect(seen[i]!.price!.plus(1).toString()).toBe('13.345')
          expect(row).toMatchObject({ kindCopy: kind, atCopy: at, dataCopy: data, changed: 8 })
          expect(String(row.priceCopy)).toBe('13.345')
          expect([...row.bytesCopy!]).toEqual([...bytes])
        }
        // What Prisma compares by its own spelling it finds: the values are stored as its own are.
        expect(await client.sample.count({ where: { atCopy: values.at, kindCopy: 'VILLAGE' } })).toBe(2)
        expect(port.statedTables()).toMatchObject([{ entity: 'Sample', table: { name: 'samples' } }])
        await extended(client.$extends(rowshift({ registry })), client)
        const { mayor } = prismaModels() as unknown as { readonly mayor: Model<unknown> }
        expect(await codeOf(() => port.mapping(mayor))).toBe('ENTITY_NOT_FOUND')
      },
    )
  }
}

/** What the extension adds to a client. */
async function extended(client: ExtendedClient, plain: SampleClient): Promise<void> {
  const large = 9_007_199_254_740_993n
  const at = new Date('2026-01-02T03:04:05.678Z')
  const rows = [
    { id: 1n, name: 'Bergen', atCopy: at, kindCopy: 'TOWN' },
    { id: large, name: 'Lund', dataCopy: { b: [2] } },
  ]
  expect(await client.sample.bulkUpdate(rows)).toEqual({ updated: 2, missing: [] })
  expect(await plain.sample.findMany({ orderBy: { id: 'asc' } })).toMatchObject([
    { name: 'Bergen', atCopy: at, kindCopy: 'TOWN', dataCopy: { a: 1 } },
    { name: 'Lund', atCopy: values.at, kindCopy: 'VILLAGE', dataCopy: { b: [2] } },
  ])
  const absent = [...rows, { id: 5n, name: 'x' }]
  expect(await codeOf(client.sample.bulkUpdate(absent))).toBe('ROW_NOT_FOUND')
  expect(await client.sample.bulkUpdate(absent, { missing: 'skip' })).toEqual({ updated: 2, missing: [2] })
  expect(await codeOf(client.$transaction((inside) => inside.sample.bulkUpdate(rows)))).toBe('INVALID_USAGE')

  const result = await client.$backfill(counting)
  expect(result).toMatchObject({ status: 'completed', counts: { written: 2 } })
  expect(await plain.sample.count({ where: { changed: 9 } })).toBe(2)
}

const counting = defineBackfill({
  name: 'sample.count',
  table: sample,
  select: { changed: true },
  write: { changed: true },
  where: { changed: 8 },
  transform: (row) => ({ changed: row.changed! + 1 }),
})

const values = {
  name: 'Oslo',
  kind: 'VILLAGE',
  price: '12.345',
  at: new Date('2026-11-21T04:06:00.123Z'),
  data: { a: 1 },
  bytes: new Uint8Array([0, 255, 7]),
  flag: true,
  ratio: 0.1,
  count: 7,
}

const copying = (seen: Partial<Sample>[]) =>
  defineBackfill({
    name: 'sample.copy',
    table: sample,
    select: {
      name: true,
      kind: true,
      price: true,
      at: true,
      data: true,
      bytes: true,
      flag: true,
      ratio: true,
      count: true,
    },
    write: { kindCopy: true, priceCopy: true, atCopy: true, dataCopy: true, bytesCopy: true, changed: true },
    where: { changed: null },
    transform(row) {
      seen.push({ ...row })
      const { kind, price, at, data, bytes, count } = row
      return {
        kindCopy: kind,
        priceCopy: price.plus(1),
        atCopy: at,
        dataCopy: data,
        bytesCopy: bytes,
        changed: count + 1,
      }
    },
  })

async function loadClient(project: PrismaProject, database: TestDatabase, version: 6 | 7) {
  const modules = join(__dirname, '../../node_modules')
  const suffix = version === 6 ? '-6' : ''
  const adapter = {
    postgres: `const { PrismaPg } = require('${modules}/@prisma/adapter-pg${suffix}')
      const adapter = new PrismaPg({ connectionString: ${JSON.stringify(database.url)} })`,
    mariadb: `const { PrismaMariaDb } = require('${modules}/@prisma/adapter-mariadb')
      const adapter = new PrismaMariaDb(${JSON.stringify(database.url)})`,
    sqlite: `const { PrismaBetterSqlite3 } = require('${modules}/@prisma/adapter-better-sqlite3')
      const adapter = new PrismaBetterSqlite3({ url: 'file:${database.url}' })`,
  }[database.name]
  const generated = version === 6 ? './client' : './client/client.ts'
  const file = join(project.folder, 'db.cts')
  await writeFile(
    file,
    `${adapter}\nconst { PrismaClient } = require('${generated}')\nexports.client = new PrismaClient({ adapter })\n`,
  )
  const { client } = await loadModule(file)
  const { default: registry } = (await import(join(project.folder, 'registry.json'), { with: { type: 'json' } })) as {
    default: PrismaRegistry
  }
  return { client: client as SampleClient, registry }
}
