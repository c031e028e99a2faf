import { expect, onTestFinished } from 'vitest'
import { runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countedSlug, createCountedCities } from '../support/counted-cities.js'
import { contractTestOn, type DatabaseName, TestDatabase } from '../support/databases.js'
import { atPoint, type ProtocolPoint } from '../support/die-at.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'
import { startServer } from '../support/servers/server-process.js'

/* A server of their own, which no other test uses, is stopped and started again in the middle of a run. */

const rows = 40

async function startOwn(name: DatabaseName) {
  const server = await startServer(name === 'postgres' ? 'postgres' : 'mariadb')
  onTestFinished(() => server.stop())
  if ('unavailable' in server) throw new Error(server.unavailable)
  return { database: await TestDatabase.create(name, server.url), server }
}

/** One server for all moments: a restart is slow enough. */
const moments: readonly ProtocolPoint[] = [
  { label: 'fence', when: 'after', nth: 2 },
  { label: 'read-page', when: 'before', nth: 2 },
]

contractTestOn(
  ['postgres', 'mariadb'],
  'goes on when the server is restarted during the run',
  async ({ name }) => {
    const { database, server } = await startOwn(name)
    for (const point of moments) {
      const setup = await database.connect()
      for (const table of ['city', 'city_write']) await setup.query(`drop table if exists ${table}`)
      if (name === 'postgres') await setup.query('drop function if exists count_migration')
      await createCountedCities(setup, name, rows)
      await setup.destroy()
      // The run would be over before the order to restart arrives. The server ends the statement as it stops.
      const pause = bySql(name, { sqlite: '', postgres: 'select pg_sleep(50)', mariadb: 'select sleep(50)' })
      let isPaused = false
      let restarted: Promise<void> | undefined
      const refused: unknown[] = []
      const result = await runBackfill(await database.connect(), countedSlug(undefined), {
        hooks: {
          ...atPoint(point, () => {
            restarted = server.restart()
          }),
          inject() {
            if (!restarted || isPaused) return undefined
            isPaused = true
            return pause
          },
          failed: (_, error) => void refused.push(error),
        },
      })
      await restarted
      expect(restarted).toBeDefined()
      // It was noticed: connections were lost.
      expect(refused.length).toBeGreaterThan(0)
      expect(result).toMatchObject({ status: 'completed', counts: { scanned: 2 * rows, written: rows, failures: 0 } })
      await expectMigratedOnce(await database.connect())
    }
  },
  // It installs a server of its own.
  180_000,
)
