import type { Arena } from './arena.js'
import { createCities, requireSlugs, slugSql } from './city-table.js'

/* What peers are given and what they must leave: the same for all that are compared. */

export interface Course {
  /** The tables as they are before the work. */
  lay(arena: Arena): Promise<void>
  /** @throws if a row is not as every peer must leave it */
  require(arena: Arena, peer: string): Promise<void>
}

/** A column of `city` is filled. */
export const slugs: Course = {
  lay: ({ dataSource, database, rows }) => createCities(dataSource, database.name, rows),
  require: ({ dataSource }, peer) => requireSlugs(dataSource, peer),
}

/** `place` gets a row for each of `city`. */
export const places: Course = {
  async lay({ dataSource, database, rows }) {
    await createCities(dataSource, database.name, rows)
    await dataSource.query('drop table if exists place')
    await dataSource.query(
      'create table place (id bigint not null primary key, name varchar(100) not null, slug varchar(100) not null)',
    )
  },
  require: (arena, peer) => requireRows(arena, peer, 'place', `slug = ${slugSql}`, arena.rows),
}

/** `member` has two rows of each e-mail address, half of the table from each other; the first stays. */
export const members: Course = {
  async lay({ dataSource, database, rows }) {
    const half = rows / 2
    const email = database.name === 'mariadb' ? `concat('m', id % ${half})` : `'m' || (id % ${half})`
    await dataSource.query('drop table if exists member')
    await dataSource.query(
      'create table member (id bigint not null primary key, email varchar(100) not null, pad varchar(300) not null)',
    )
    await dataSource.query(
      `insert into member (id, email, pad) select id, ${email}, pad from template where id <= ${rows}`,
    )
    await dataSource.query('create index member_email on member (email, id)')
    await dataSource.query(
      { postgres: 'vacuum (freeze, analyze) member', mariadb: 'analyze table member', sqlite: 'analyze' }[
        database.name
      ],
    )
  },
  require: (arena, peer) => requireRows(arena, peer, 'member', `id <= ${arena.rows / 2}`, arena.rows / 2),
}

async function requireRows(
  { dataSource }: Arena,
  peer: string,
  table: string,
  isRight: string,
  rows: number,
): Promise<void> {
  const [found] = await dataSource.query(
    `select count(*) as n, coalesce(sum(case when ${isRight} then 1 else 0 end), 0) as alright from ${table}`,
  )
  if (Number(found.n) !== rows || Number(found.alright) !== rows)
    throw new Error(`${peer} left ${found.n} rows in ${table}, ${found.alright} of them right, instead of ${rows}`)
}
