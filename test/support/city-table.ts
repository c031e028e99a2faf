import type { DataSource } from 'typeorm'
import { bySql } from './by-sql.js'
import type { DatabaseName } from './databases.js'

export interface City {
  readonly id: number
  readonly name: string
  readonly slug: string | null
}

/** `city (id, name, slug null, touched 0)` with `rows` rows: "City 1", "City 2", ... */
export async function createCities(dataSource: DataSource, name: DatabaseName, rows: number): Promise<void> {
  await dataSource.query(
    bySql(name, {
      sqlite:
        'create table city (id integer primary key not null, name text not null, slug text, touched integer not null default 0)',
      postgres:
        'create table city (id bigint primary key, name text not null, slug text, touched integer not null default 0)',
      mariadb:
        'create table city (id bigint primary key, name varchar(200) not null, slug varchar(200), touched int not null default 0)',
    }),
  )
  for (let first = 1; first <= rows; first += 500) {
    const ids = Array.from({ length: Math.min(500, rows - first + 1) }, (_, i) => first + i)
    await dataSource.query(`insert into city (id, name) values ${ids.map((id) => `(${id}, 'City ${id}')`).join(', ')}`)
  }
}

export async function readCities(dataSource: DataSource): Promise<readonly City[]> {
  const rows: { id: unknown; name: string; slug: string | null }[] = await dataSource.query(
    'select id, name, slug from city order by id',
  )
  return rows.map((row) => ({ id: Number(row.id), name: row.name, slug: row.slug }))
}

export async function countWhere(dataSource: DataSource, condition: string): Promise<number> {
  const [row] = await dataSource.query(`select count(*) as n from city where ${condition}`)
  return Number(row.n)
}
