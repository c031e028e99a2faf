import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaPg } from '@prisma/adapter-pg'

const defaultUrl = 'cities.sqlite'

/** Whose SQL the migrations are written in: the name of their folder, and of the schema's. */
export function sqlOf(url = defaultUrl): 'postgres' | 'mysql' | 'sqlite' {
  if (/^postgres(ql)?:\/\//.test(url)) return 'postgres'
  return /^(mysql|mariadb):\/\//.test(url) ? 'mysql' : 'sqlite'
}

/** What Prisma calls `postgres://…`, `mysql://…`, `mariadb://…`, or the path of a SQLite file. */
export function prismaUrl(url = defaultUrl): string {
  return sqlOf(url) === 'sqlite' ? `file:${url}` : url.replace(/^mariadb:/, 'mysql:')
}

/** The driver adapter of the client and of rowshift. Your application has one kind of database, and one line. */
export function adapterTo(url = defaultUrl) {
  switch (sqlOf(url)) {
    case 'postgres':
      return new PrismaPg({ connectionString: url })
    case 'mysql':
      return new PrismaMariaDb(prismaUrl(url))
    default:
      return new PrismaBetterSqlite3({ url: prismaUrl(url) })
  }
}
