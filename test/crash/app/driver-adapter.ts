import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaPg } from '@prisma/adapter-pg'

/** As TypeORM is told where it is. */
const { type, username: user, database, ...server } = JSON.parse(process.env.CRASH_DATA_SOURCE!)
const port = process.env.CRASH_PORT
const place = { ...server, user, database, ...(port !== undefined && { host: '127.0.0.1', port: Number(port) }) }

const adapters = {
  'better-sqlite3': () => new PrismaBetterSqlite3({ url: `file:${database}` }),
  postgres: () => new PrismaPg(place),
  // The driver opens its connections ahead of time, and waits long for one where there is no server.
  mariadb: () => new PrismaMariaDb({ ...place, minimumIdle: 1, acquireTimeout: 1_000 }),
}

export const adapter = adapters[type as keyof typeof adapters]()
