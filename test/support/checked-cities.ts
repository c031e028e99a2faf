import type { DataSource } from 'typeorm'
import { createCities } from './city-table.js'
import type { TestDatabase } from './test-database.js'

/** Cities whose `slug` may not be `refused`. */
export async function createChecked(database: TestDatabase, rows: number): Promise<DataSource> {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const checked = `create table town (id integer primary key not null, name varchar(200) not null, slug varchar(200),
    touched integer not null default 0, constraint no_refused check (slug <> 'refused'))`
  await dataSource.query(checked)
  await dataSource.query('insert into town (id, name) select id, name from city')
  await dataSource.query('drop table city')
  await dataSource.query('alter table town rename to city')
  return dataSource
}
