import type { DataSource } from 'typeorm'
import type { DatabaseName } from '../../test/support/test-database.js'

/*
 * The table that is measured: 300 bytes a row, of which a backfill reads the name and writes the slug.
 */

/** Characters of a row that nobody reads: the row has 300 bytes with its other columns. */
const padding = 240

/** What every peer computes, in JavaScript. */
export const slugOf = (name: string): string => name.toLowerCase().replaceAll(' ', '-')

/** The same in SQL, on every database. */
export const slugSql = `lower(replace(name, ' ', '-'))`

/** An empty table of this shape. */
async function createTable(dataSource: DataSource, name: DatabaseName, table: string): Promise<void> {
  // An `integer primary key` is SQLite's own row number, and what mappers make of a number.
  const key = name === 'sqlite' ? 'integer' : 'bigint'
  await dataSource.query(
    `create table ${table} (id ${key} not null primary key, name varchar(100) not null, pad varchar(300) not null, slug varchar(100))`,
  )
}

const sequences: Readonly<Record<DatabaseName, (rows: number) => string>> = {
  postgres: (rows) => `select i as n from generate_series(1, ${rows}) as i`,
  mariadb: (rows) => `select seq as n from seq_1_to_${rows}`,
  sqlite: (rows) =>
    `with recursive s(n) as (values (1) union all select n + 1 from s where n < ${rows}) select n from s`,
}

/** The rows as they are before a backfill, to be copied for each. */
export async function createTemplate(dataSource: DataSource, name: DatabaseName, rows: number): Promise<void> {
  await createTable(dataSource, name, 'template')
  const text = (piece: string) =>
    name === 'mariadb' ? `concat('Villa Nueva ', ${piece})` : `'Villa Nueva ' || ${piece}`
  const pad = name === 'sqlite' ? `printf('%.*c', ${padding}, 'x')` : `repeat('x', ${padding})`
  await dataSource.query(
    `insert into template (id, name, pad) select n, ${text('n')}, ${pad} from (${sequences[name](rows)}) as s`,
  )
}

/** A fresh table `city` with the template's first rows, its statistics made. */
export async function createCities(dataSource: DataSource, name: DatabaseName, rows: number): Promise<void> {
  await dataSource.query('drop table if exists city')
  await createTable(dataSource, name, 'city')
  await dataSource.query(
    `insert into city (id, name, pad) select id, name, pad from template where id <= ${rows} order by id`,
  )
  if (name === 'postgres') await dataSource.query('vacuum (freeze, analyze) city')
  if (name === 'postgres') await dataSource.query('checkpoint')
  if (name === 'mariadb') await dataSource.query('analyze table city')
  if (name === 'sqlite') await dataSource.query('analyze')
}

/** @throws if a row is not as every peer must leave it. */
export async function requireSlugs(dataSource: DataSource, peer: string): Promise<void> {
  const [found] = await dataSource.query(`select count(*) as wrong from city where slug is null or slug <> ${slugSql}`)
  if (Number(found.wrong) !== 0) throw new Error(`${peer} left ${found.wrong} rows wrong`)
}
