import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaPg } from '@prisma/adapter-pg'
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
  databases.set(dataSource, await openAdapter(adapterFor(dataSource)))
}

function adapterFor(dataSource: DataSource): DriverAdapterFactory {
  const { type, host, port, username, password, database, poolSize, schema } = dataSource.options as unknown as Record<
    string,
    never
  >
  const place = { host, port, user: username, password, database }
  if (type === 'postgres') return new PrismaPg({ ...place, max: poolSize ?? 10 }, { schema })
  // The driver opens its connections ahead of time, and waits long for one where there is no server.
  if (type === 'mariadb')
    return new PrismaMariaDb({ ...place, connectionLimit: poolSize ?? 10, minimumIdle: 1, acquireTimeout: 1_000 })
  return new PrismaBetterSqlite3({ url: `file:${database}` })
}
