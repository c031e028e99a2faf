import { dirname, join } from 'node:path'
import type { Cities } from '../story/cities.js'
import type { Edition } from '../story/edition.js'
import { wrap } from '../story/narrator.js'
import { Shell } from '../story/shell.js'
import { type Client, openClient, Prisma } from './src/client.js'
import { sqlOf } from './src/connection.js'

const repository = dirname(require.resolve('rowshift/package.json'))

const programs = {
  prisma: join(dirname(require.resolve('prisma/package.json')), 'build/index.js'),
  rowshift: join(repository, 'dist/cli/main.js'),
}

/** What stands in for Prisma's schema engine where that cannot be downloaded. */
const standIn = join(repository, 'test/support/prisma/schema-engine/main.mjs')

/** The story with the stock command of Prisma, in the folder of its application. */
export async function openPrisma(url: string): Promise<Edition> {
  const folder = join(repository, 'example-app/prisma')
  const env = { DATABASE_URL: url, PRISMA_HIDE_UPDATE_MESSAGE: '1' }
  // The first call of Prisma downloads its engine, unless it is there.
  const { code, stdout } = await new Shell(folder, programs, env).run('prisma --version')
  const isStandIn = code !== 0 || /Schema Engine.*stand-in/.test(stdout)
  let client: Client | undefined
  return {
    preface: isStandIn
      ? ["Prisma's schema engine is not on this machine: a stand-in of this repository's tests does its work."]
      : [],
    shell: new Shell(folder, programs, isStandIn ? { ...env, PRISMA_SCHEMA_ENGINE_BINARY: standIn } : env),
    first: 'prisma migrate deploy --config version-1.config.ts',
    migrate: 'rowshift prisma deploy',
    gateCode: 3,
    // On MySQL the stand-in applies migrations, and compares nothing.
    check: sqlOf(url) === 'mysql' && isStandIn ? undefined : 'rowshift prisma generate --check',
    tell: ({ stdout, stderr }) => [
      ...[...stdout.matchAll(/─ (\d{14}_[\w-]+)\//g)].map(([, name]) => `applied ${name}`),
      ...(stdout.match(/^.*(completed:|gate shut:).*$/gm) ?? []),
      ...(stderr.match(/^RowshiftError: .*/gm) ?? []).map(wrap),
    ],
    async connect() {
      client = openClient(url)
      return citiesOf(client)
    },
    close: async () => client?.$disconnect(),
  }
}

/**
 * The client is the one of version 3.0.0, to which a search name is never NULL: until the contract it can write the new columns, and
 * read the others.
 */
function citiesOf(client: Client): Cities {
  return {
    async insert(rows) {
      const values = rows.map(
        ({ id, name, country, admin1, lat, lng }) =>
          Prisma.sql`(${id}, ${name}, ${country}, ${admin1}, ${lat}, ${lng})`,
      )
      await client.$executeRaw`INSERT INTO city (id, name, country, admin1, lat, lng) VALUES ${Prisma.join(values)}`
    },
    // NULL is not unequal to anything.
    countMigrated: () => client.city.count({ where: { searchName: { not: '' } } }),
    async nextToMigrate(id) {
      const [next] = await client.$queryRaw<
        { id: number }[]
      >`SELECT id FROM city WHERE id >= ${id} AND search_name IS NULL ORDER BY id LIMIT 1`
      return next && Number(next.id)
    },
    find: (id) => client.city.findUnique({ where: { id }, select: { country: true, lat: true, lng: true } }),
    update: async (id, changes) => (await client.city.updateMany({ where: { id }, data: changes })).count > 0,
    async renameUnmigrated(id, name) {
      return (await client.$executeRaw`UPDATE city SET name = ${name} WHERE id = ${id} AND search_name IS NULL`) > 0
    },
    async namesakes() {
      const [most] = await client.city.groupBy({ by: 'name', orderBy: { _count: { name: 'desc' } }, take: 1 })
      const { name } = most!
      const found = await client.city.findMany({ where: { name }, orderBy: { id: 'asc' }, select: { slug: true } })
      return { name, slugs: found.map(({ slug }) => slug) }
    },
    all: () => client.city.findMany({ orderBy: { id: 'asc' } }),
  }
}
