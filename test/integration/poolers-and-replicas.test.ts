import type { DataSource } from 'typeorm'
import { afterAll, describe, expect, inject, onTestFinished } from 'vitest'
import { backfill } from '../../src/adapters/typeorm/index.js'
import { defineBackfill } from '../../src/index.js'
import { codeOf, runBackfill, withQueryRunner } from '../support/backfills.js'
import { countedSlug, createCountedCities } from '../support/counted-cities.js'
import { contractTestOn, TestDatabase, typeormTestOn } from '../support/databases.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'
import { inMigration } from '../support/migration-calls.js'
import { startServer } from '../support/servers/server-process.js'

const rows = 40

const { pgbouncer } = inject('servers')

/** A data source whose transactions each meet another connection of the server. */
function throughPgBouncer(database: TestDatabase): Promise<DataSource> {
  const { hostname, port } = new URL('url' in pgbouncer ? pgbouncer.url : '')
  return database.connect({ host: hostname, port: Number(port) })
}

// Without one these are skipped, which the run's last lines say loudly and CI takes for a failure.
describe.runIf('url' in pgbouncer)('PgBouncer', () => {
  contractTestOn(['postgres'], 'runs through PgBouncer in transaction mode', async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, rows)
    const dataSource = await throughPgBouncer(database)
    expect(await runBackfill(dataSource, countedSlug(app))).toMatchObject({
      status: 'completed',
      counts: { scanned: 2 * rows, written: rows, conflicts: 3, failures: 0 },
    })
    await expectMigratedOnce(app)
  })

  typeormTestOn(['postgres'], 'migrates through PgBouncer, in a transaction and without one', async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, rows)
    await withQueryRunner(await throughPgBouncer(database), async (queryRunner) => {
      await queryRunner.startTransaction()
      expect(await backfill(queryRunner, countedSlug(undefined))).toMatchObject({ counts: { written: rows } })
      await queryRunner.rollbackTransaction()
      expect(await backfill(queryRunner, countedSlug(undefined))).toMatchObject({ counts: { written: rows } })
    })
    await expectMigratedOnce(app)
  })

  contractTestOn(
    ['postgres'],
    'holds its settings through PgBouncer, whatever those of the database are',
    async (database) => {
      const app = await database.connect()
      const [{ name }] = await app.query('select current_database() as name')
      for (const setting of [`timezone = 'Asia/Tokyo'`, `datestyle = 'SQL, DMY'`, `intervalstyle = 'sql_standard'`])
        await app.query(`alter database "${name}" set ${setting}`)
      await app.query(
        'create table event (id int primary key, at timestamptz not null, lasts interval not null, label text)',
      )
      await app.query(
        `insert into event select n, '2026-11-21 04:06:07.123456+00', interval '1 day 02:03:04' from generate_series(1, 60) n`,
      )
      const label = defineBackfill({
        name: 'event.label',
        table: 'event',
        select: { at: 'text', lasts: 'text' },
        write: { label: 'text' },
        where: { label: null },
        batchRows: 7,
        transform: (row) => ({ label: `${row.at} ${row.lasts}` }),
      })
      expect(await runBackfill(await throughPgBouncer(database), label)).toMatchObject({
        counts: { written: 60, conflicts: 0 },
      })
      expect(await app.query('select distinct label from event')).toEqual([
        { label: '2026-11-21 04:06:07.123456+00 1 day 02:03:04' },
      ])
    },
  )
})

/** A whole server that no other test meets, started once for the tests of both adapters. */
function ownServer(name: 'postgres' | 'mariadb', args: readonly string[]): () => Promise<string> {
  let starting: ReturnType<typeof startServer> | undefined
  afterAll(async () => (await starting)?.stop())
  return async () => {
    starting ??= startServer(name, args)
    const server = await starting
    if (!('url' in server)) throw new Error(server.unavailable)
    return server.url
  }
}

async function connectTo(url: string, { name, adapter }: TestDatabase): Promise<DataSource> {
  const dataSource = await TestDatabase.fromJSON({ name, url, adapter }).connect()
  onTestFinished(() => dataSource.destroy())
  return dataSource
}

async function expectRefused(dataSource: DataSource): Promise<void> {
  expect(await codeOf(runBackfill(dataSource, countedSlug(undefined)))).toBe('READ_REPLICA')
  for (const isEnclosed of [false, true]) {
    const calling = inMigration(dataSource, ({ schedule }) => codeOf(schedule(countedSlug(undefined))), { isEnclosed })
    expect(await calling).toBe('READ_REPLICA')
  }
}

const hotStandby = ownServer('postgres', ['--standby'])

contractTestOn(['postgres'], 'refuses a hot standby', async (database) => {
  await expectRefused(await connectTo(await hotStandby(), database))
})

const readOnly = ownServer('mariadb', [])

contractTestOn(['mariadb'], 'refuses a server that is read-only', async (database) => {
  const dataSource = await connectTo(await readOnly(), database)
  await dataSource.query('set global read_only = ON')
  await expectRefused(dataSource)
})
