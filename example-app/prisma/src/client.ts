import { adapterTo, sqlOf } from './connection.js'
import { PrismaClient as MySql } from './generated/mysql/client.js'
import { PrismaClient as Postgres } from './generated/postgres/client.js'
import { PrismaClient as Sqlite } from './generated/sqlite/client.js'

export { Prisma } from './generated/sqlite/client.js'
export type Client = Sqlite

/** The client of the application. Yours is made for one kind of database; these three are alike. */
export function openClient(url: string): Client {
  const Client = { mysql: MySql, postgres: Postgres, sqlite: Sqlite }[sqlOf(url)] as typeof Sqlite
  return new Client({ adapter: adapterTo(url) })
}
