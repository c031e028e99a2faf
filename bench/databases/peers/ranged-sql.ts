import type { Peer } from '../arena.js'
import { slugSql } from '../city-table.js'

/** The limit: the database alone, by ranges of the key, with nothing but the values themselves to be written. */
export const rangedSql: Peer = {
  name: 'ranged UPDATE in SQL',
  async prepare({ dataSource, rows, batchRows }) {
    const runner = dataSource.createQueryRunner()
    await runner.connect()
    return {
      async run() {
        for (let after = 0; after < rows; after += batchRows)
          await runner.query(
            `update city set slug = ${slugSql} where id > ${after} and id <= ${after + batchRows} and slug is null`,
          )
      },
      close: () => runner.release(),
    }
  },
}

/** One statement, which holds every row's lock until it ends and starts anew if it is lost. */
export const singleUpdate: Peer = {
  name: 'one UPDATE',
  prepare: async ({ dataSource }) => ({
    async run() {
      await dataSource.query(`update city set slug = ${slugSql} where slug is null`)
    },
  }),
}
