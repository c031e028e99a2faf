import type { DataSourceOptions } from 'typeorm'

/** Whose SQL the migrations are written in: the name of their folder. */
export function sqlOf({ type }: DataSourceOptions): 'postgres' | 'mysql' | 'sqlite' {
  if (type === 'postgres') return 'postgres'
  return type === 'mysql' || type === 'mariadb' ? 'mysql' : 'sqlite'
}

/** TypeORM's options for `postgres://…`, `mysql://…`, `mariadb://…`, or the path of a SQLite file. */
export function connection(url = 'cities.sqlite'): DataSourceOptions {
  switch (/^(\w+):\/\//.exec(url)?.[1]) {
    case 'postgres':
    case 'postgresql':
      return { type: 'postgres', url }
    case 'mysql':
      return { type: 'mysql', url }
    case 'mariadb':
      return { type: 'mariadb', url }
    default:
      // Write-ahead logging: readers and one writer do not wait for each other.
      return { type: 'better-sqlite3', database: url, enableWAL: true }
  }
}
