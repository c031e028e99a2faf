import Sqlite from 'better-sqlite3'
import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { Client } from 'pg'
import type { DatabaseName } from '../../../test/support/test-database.js'
import type { Arena, Peer } from '../arena.js'
import { slugOf } from '../city-table.js'

/*
 * What an expert writes with the plain driver: keyset pages and one statement a batch. Neither guard nor checkpoint, and a row that
 * the application changes between the read and the write is written over.
 */

interface City {
  readonly id: number
  readonly name: string
}

async function onPostgres({ database, batchRows }: Arena) {
  const client = new Client({ connectionString: database.url })
  await client.connect()
  return {
    async run() {
      for (let last = 0; ; ) {
        const page = await client.query<City>({
          name: 'page',
          text: 'select id, name from city where id > $1 and slug is null order by id limit $2',
          values: [last, batchRows],
        })
        if (page.rows.length === 0) return
        await client.query({
          name: 'update',
          text: 'update city set slug = v.slug from unnest($1::bigint[], $2::text[]) as v(id, slug) where city.id = v.id',
          values: [page.rows.map((row) => row.id), page.rows.map((row) => slugOf(row.name))],
        })
        last = page.rows.at(-1)!.id
      }
    },
    close: () => client.end(),
  }
}

async function onMariaDb({ database, batchRows }: Arena) {
  const connection = await createConnection(database.url)
  return {
    async run() {
      for (let last = 0; ; ) {
        const [page] = await connection.execute<(City & RowDataPacket)[]>(
          `select id, name from city where id > ? and slug is null order by id limit ${batchRows}`,
          [last],
        )
        if (page.length === 0) return
        await connection.query(
          `update city join json_table(?, '$[*]' columns (id bigint path '$[0]', slug varchar(100) path '$[1]')) as v
            on city.id = v.id set city.slug = v.slug`,
          [JSON.stringify(page.map((row) => [row.id, slugOf(row.name)]))],
        )
        last = page.at(-1)!.id
      }
    },
    close: () => connection.end(),
  }
}

async function onSqlite({ database, batchRows }: Arena) {
  const connection = new Sqlite(database.url)
  return {
    async run() {
      const read = connection.prepare<[number, number], City>(
        'select id, name from city where id > ? and slug is null order by id limit ?',
      )
      const update = connection.prepare<[string, number]>('update city set slug = ? where id = ?')
      const write = connection.transaction((page: readonly City[]) => {
        for (const row of page) update.run(slugOf(row.name), row.id)
      })
      for (let last = 0; ; ) {
        const page = read.all(last, batchRows)
        if (page.length === 0) return
        write(page)
        last = page.at(-1)!.id
      }
    },
    close: async () => void connection.close(),
  }
}

const loops: Readonly<Record<DatabaseName, typeof onPostgres>> = {
  postgres: onPostgres,
  mariadb: onMariaDb,
  sqlite: onSqlite,
}

export const driverLoop: Peer = {
  name: 'hand-written driver loop',
  prepare: (arena) => loops[arena.database.name](arena),
}
