import type { DataSource } from 'typeorm'
import { defineBackfill, sql } from '../../src/index.js'
import { bySql } from './by-sql.js'
import { createCities } from './city-table.js'
import type { DatabaseName } from './test-database.js'

/*
 * Cities that are archived, all but every fourth: each is in one of the two tables at every moment.
 */

export const archiveCities = defineBackfill.delete({
  name: 'city.archive',
  table: 'city',
  where: sql`id % 4 <> 0`,
  archive: { into: 'city_archive' },
  batchRows: 10,
})

export async function createArchivedCities(dataSource: DataSource, name: DatabaseName, rows: number): Promise<void> {
  await createCities(dataSource, name, rows)
  const text = bySql(name, { sqlite: 'text', postgres: 'text', mariadb: 'varchar(200)' })
  const id = bySql(name, { sqlite: 'integer', postgres: 'bigint', mariadb: 'bigint' })
  await dataSource.query(
    `create table city_archive (id ${id} primary key not null, name ${text} not null, slug ${text}, touched integer not null)`,
  )
}

/** Ids of both tables, in order. */
export async function archivedCities(
  dataSource: DataSource,
): Promise<{ readonly live: number[]; readonly archived: number[] }> {
  const ids = async (table: string) => {
    const rows: { id: unknown }[] = await dataSource.query(`select id from ${table} order by id`)
    return rows.map(({ id }) => Number(id))
  }
  return { live: await ids('city'), archived: await ids('city_archive') }
}
