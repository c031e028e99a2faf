import type { DataSource } from 'typeorm'
import { defineBackfill } from '../../src/index.js'
import { bySql } from './by-sql.js'
import { createCities } from './city-table.js'
import type { DatabaseName } from './databases.js'

/** Two notes a city, and nothing in the database that would keep a third away. */
export const noteCities = defineBackfill.insert({
  name: 'city.notes',
  table: 'city',
  select: { id: 'integer', name: 'text' },
  into: 'note',
  write: { city_id: 'integer', words: 'text' },
  batchRows: 10,
  journal: true,
  transform: ({ id, name }) => [
    { city_id: id, words: name },
    { city_id: id, words: `${name}, again` },
  ],
})

export async function createNotedCities(dataSource: DataSource, name: DatabaseName, rows: number): Promise<void> {
  await createCities(dataSource, name, rows)
  const key = bySql(name, {
    sqlite: 'integer primary key autoincrement',
    postgres: 'bigint generated always as identity primary key',
    mariadb: 'bigint primary key auto_increment',
  })
  await dataSource.query(`create table note (id ${key}, city_id bigint not null, words varchar(200) not null)`)
}

/** How many notes each city has, in the order of the cities. */
export async function notesOfCities(dataSource: DataSource): Promise<readonly number[]> {
  const rows: { n: unknown }[] = await dataSource.query(
    'select count(note.id) as n from city left join note on note.city_id = city.id group by city.id order by city.id',
  )
  return rows.map(({ n }) => Number(n))
}
