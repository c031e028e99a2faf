import Sqlite from 'better-sqlite3'
import knexOf, { type Knex } from 'knex'
import { type Dialect, Kysely, MysqlDialect, PostgresDialect, SqliteDialect, sql } from 'kysely'
import { createPool } from 'mysql2'
import { Pool } from 'pg'
import type { TestDatabase } from '../../../test/support/test-database.js'
import type { Peer } from '../arena.js'
import { slugOf } from '../city-table.js'

/*
 * The idioms that the builders' own threads recommend for different values a row: a CASE over the batch with Kysely (a join with VALUES
 * where the database has it), and an update each in one transaction with Knex.
 */

const pageRows = 1_000

interface Tables {
  city: { id: number; name: string; pad: string; slug: string | null }
}

function dialectOf({ name, url }: TestDatabase): Dialect {
  if (name === 'postgres') return new PostgresDialect({ pool: new Pool({ connectionString: url }) })
  if (name === 'mariadb') return new MysqlDialect({ pool: createPool(url) })
  return new SqliteDialect({ database: new Sqlite(url) })
}

export const kysely: Peer = {
  name: 'Kysely, a statement a batch',
  async prepare({ database }) {
    const builder = new Kysely<Tables>({ dialect: dialectOf(database) })
    const write = (page: readonly { id: number; name: string }[]) => {
      if (database.name === 'postgres') {
        const values = sql.join(page.map((row) => sql`(${row.id}::bigint, ${slugOf(row.name)}::text)`))
        return builder
          .updateTable('city')
          .from(sql<{ id: number; slug: string }>`(values ${values})`.as(sql`v(id, slug)`))
          .set(sql`slug`, sql`v.slug`)
          .where(sql<boolean>`city.id = v.id`)
          .execute()
      }
      const cases = sql.join(
        page.map((row) => sql`when ${row.id} then ${slugOf(row.name)}`),
        sql` `,
      )
      return builder
        .updateTable('city')
        .set({ slug: sql<string>`case id ${cases} end` })
        .where(
          'id',
          'in',
          page.map((row) => row.id),
        )
        .execute()
    }
    return {
      async run() {
        for (let last = 0; ; ) {
          const page = await builder
            .selectFrom('city')
            .select(['id', 'name'])
            .where('id', '>', last)
            .where('slug', 'is', null)
            .orderBy('id')
            .limit(pageRows)
            .execute()
          if (page.length === 0) return
          await write(page)
          last = page.at(-1)!.id
        }
      },
      close: () => builder.destroy(),
    }
  },
}

function knexConfig({ name, url }: TestDatabase): Knex.Config {
  if (name === 'postgres') return { client: 'pg', connection: url }
  if (name === 'mariadb') return { client: 'mysql2', connection: url }
  return { client: 'better-sqlite3', connection: { filename: url }, useNullAsDefault: true }
}

export const knex: Peer = {
  name: 'Knex, updates in a transaction',
  async prepare({ database }) {
    const builder = knexOf(knexConfig(database))
    return {
      async run() {
        for (let last = 0; ; ) {
          const page = await builder<Tables['city']>('city')
            .select('id', 'name')
            .where('id', '>', last)
            .whereNull('slug')
            .orderBy('id')
            .limit(pageRows)
          if (page.length === 0) return
          await builder.transaction((transaction) =>
            Promise.all(
              page.map((row) =>
                transaction('city')
                  .where('id', row.id)
                  .update({ slug: slugOf(row.name) }),
              ),
            ),
          )
          last = page.at(-1)!.id
        }
      },
      close: () => builder.destroy(),
    }
  },
}
