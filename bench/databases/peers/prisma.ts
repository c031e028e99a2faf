import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaPg } from '@prisma/adapter-pg'
import type { DatabaseName, TestDatabase } from '../../../test/support/test-database.js'
import type { Peer } from '../arena.js'
import { slugOf } from '../city-table.js'
import { placesOf } from '../places.js'

const modules = join(__dirname, '../../../node_modules')
const clients = join(__dirname, '../../dist/prisma')

const providers: Readonly<Record<DatabaseName, string>> = {
  postgres: 'postgresql',
  mariadb: 'mysql',
  sqlite: 'sqlite',
}

interface City {
  readonly id: bigint
  readonly name: string
}

/** As much of the generated client as is used here. */
interface Client {
  readonly city: {
    findMany(query: object): Promise<City[]>
    update(query: object): PromiseLike<unknown>
  }
  readonly place: { createMany(query: { readonly data: readonly object[] }): Promise<unknown> }
  $transaction(queries: readonly PromiseLike<unknown>[]): Promise<unknown>
  $disconnect(): Promise<void>
}

const models = `
model City {
  id   BigInt  @id
  name String
  pad  String
  slug String?

  @@map("city")
}

model Place {
  id   BigInt @id
  name String
  slug String

  @@map("place")
}
`

/** Generates a client for the database, as an application has it. */
function generate(name: DatabaseName): new (options: object) => Client {
  const folder = join(clients, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'node_modules/@prisma'), { recursive: true })
  symlinkSync(join(modules, 'prisma'), join(folder, 'node_modules/prisma'))
  symlinkSync(join(modules, '@prisma/client'), join(folder, 'node_modules/@prisma/client'))
  writeFileSync(join(folder, 'package.json'), '{}')
  writeFileSync(
    join(folder, 'schema.prisma'),
    `generator client {\n  provider = "prisma-client-js"\n  output = "./client"\n}\ndatasource db {\n  provider = "${providers[name]}"\n}\n${models}`,
  )
  execFileSync(process.execPath, [join(modules, 'prisma/build/index.js'), 'generate'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    // No engine is needed to generate, but Prisma looks whether there is one.
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
    },
  })
  return require(join(folder, 'client')).PrismaClient
}

const generated = new Map<DatabaseName, new (options: object) => Client>()

/** Where Prisma finds the database. */
export function adapterOf({ name, url }: TestDatabase) {
  if (name === 'sqlite') return new PrismaBetterSqlite3({ url: `file:${url}` })
  if (name === 'postgres') return new PrismaPg({ connectionString: url })
  const { hostname, port, username, pathname } = new URL(url)
  return new PrismaMariaDb({ host: hostname, port: Number(port), user: username, database: pathname.slice(1) })
}

const pageRows = 1_000

function clientOf(database: TestDatabase): Client {
  const PrismaClient = generated.get(database.name) ?? generate(database.name)
  generated.set(database.name, PrismaClient)
  return new PrismaClient({ adapter: adapterOf(database) })
}

function peer(name: string, write: (client: Client, page: readonly City[]) => Promise<unknown>): Peer {
  return {
    name,
    async prepare({ database }) {
      const client = clientOf(database)
      return {
        async run() {
          for (let last = 0n; ; ) {
            const page = await client.city.findMany({
              where: { id: { gt: last }, slug: null },
              select: { id: true, name: true },
              orderBy: { id: 'asc' },
              take: pageRows,
            })
            if (page.length === 0) return
            await write(client, page)
            last = page.at(-1)!.id
          }
        },
        close: () => client.$disconnect(),
      }
    },
  }
}

const update = (client: Client, { id, name }: City) =>
  client.city.update({ where: { id }, data: { slug: slugOf(name) } })

export const prismaUpdate = peer('Prisma update each', async (client, page) => {
  for (const city of page) await update(client, city)
})

export const prismaTransaction = peer('Prisma update each, in $transaction', (client, page) =>
  client.$transaction(page.map((city) => update(client, city))),
)

export const prismaCreateMany: Peer = {
  name: 'Prisma createMany',
  async prepare({ database, rows }) {
    const client = clientOf(database)
    return {
      async run() {
        for (const data of placesOf(rows)) await client.place.createMany({ data })
      },
      close: () => client.$disconnect(),
    }
  },
}
