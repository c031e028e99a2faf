import type { DataSource } from 'typeorm'
import type { Database } from '../../../src/adapters/database.js'
import { openAdapter } from '../../../src/adapters/prisma/database.js'
import type { DriverAdapterFactory } from '../../../src/adapters/prisma/driver-adapter.js'

/*
 * Tests that run through both adapters prepare and watch their tables by a TypeORM data source. Where rowshift is to go through
 * Prisma, a data source has a Prisma database beside it that leads to the same place by the same way.
 */

const databases = new WeakMap<DataSource, Database>()

export const prismaBeside = (dataSource: DataSource): Database | undefined => databases.get(dataSource)

export async function openPrismaBeside(dataSource: DataSource): Promise<void> {
  databases.set(dataSource, await openAdapter(await adapterFor(dataSource)))
}

/** A driver adapter to the same place. Loads no other driver: most processes of tests need one. */
export async function adapterFor(dataSource: DataSource, version: 6 | 7 = 7): Promise<DriverAdapterFactory> {
  const { type, host, port, username, password, database, poolSize, schema, extra } =
    dataSource.options as unknown as Record<string, never>
  const place = { host, port, user: username, password, database }
  if (type === 'postgres') {
    const { PrismaPg } = await (version === 6 ? import('@prisma/adapter-pg-6') : import('@prisma/adapter-pg'))
    return new PrismaPg({ ...place, max: poolSize ?? 10, ...(extra as object | undefined) }, { schema })
  }
  if (type === 'mariadb') {
    const { PrismaMariaDb } = await import('@prisma/adapter-mariadb')
    // The driver opens its connections ahead of time, and waits long for one where there is no server.
    return new PrismaMariaDb({ ...place, connectionLimit: poolSize ?? 10, minimumIdle: 1, acquireTimeout: 1_000 })
  }
  const { PrismaBetterSqlite3 } = await import('@prisma/adapter-better-sqlite3')
  return new PrismaBetterSqlite3({ url: `file:${database}` })
}
