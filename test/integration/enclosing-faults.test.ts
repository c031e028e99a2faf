import type { DataSource, QueryRunner } from 'typeorm'
import { expect } from 'vitest'
import type { DataSourceLike, QueryRunnerLike } from '../../src/adapters/typeorm/data-source.js'
import { borrowSession, databaseOf } from '../../src/adapters/typeorm/database.js'
import { backfill, requireCompleted, schedule } from '../../src/adapters/typeorm/index.js'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import { ownTransactions } from '../../src/backfill/connection/transaction.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { defineBackfill } from '../../src/index.js'
import { runInMigration } from '../../src/runs/in-migration.js'
import { openState } from '../../src/runs/open-state.js'
import { codeOf, runBackfill, withQueryRunner } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countWhere, createCities } from '../support/city-table.js'
import { countedSlug, createCountedCities, readCheckpoint } from '../support/counted-cities.js'
import { typeormTest, typeormTestOn } from '../support/databases.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'
import { observeSession, type StatementHooks } from '../support/observed-database.js'

/* Faults on a migration's own connection, in its transaction or without one. */

const rows = 40

/** What `backfill(queryRunner, …)` does, watched on the connection of the query runner. */
async function watchedBackfill(queryRunner: QueryRunner, hooks: StatementHooks) {
  const session = await borrowSession(queryRunner as unknown as QueryRunnerLike)
  const database = databaseOf(queryRunner.connection as unknown as DataSourceLike)
  return runInMigration(database, observeSession(session, hooks), definitionOf(countedSlug(undefined)))
}

const thrownBy = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  )

/** State tables that are older than any transaction. */
async function makeStateTables(dataSource: DataSource): Promise<void> {
  const database = databaseOf(dataSource as unknown as DataSourceLike)
  const session = await database.connect()
  await openState(database, session, ownTransactions(database.dialect, batchLimits))
  await session.release()
}

/** A transaction whose snapshot is older than the name that row 15 has now. */
async function withOldSnapshot(app: DataSource, queryRunner: QueryRunner): Promise<void> {
  await queryRunner.startTransaction('REPEATABLE READ')
  await queryRunner.query('select count(*) from city')
  await app.query(`update city set name = 'Oslo' where id = 15`)
}

typeormTestOn(
  ['mariadb'],
  'reads rows as they are now in a transaction that shows an old snapshot',
  async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, rows)
    await makeStateTables(app)
    await withQueryRunner(await database.connect(), async (queryRunner) => {
      await queryRunner.query('set session innodb_snapshot_isolation = OFF')
      await withOldSnapshot(app, queryRunner)
      await app.query(`insert into city (id, name) values (500, 'Behind the last key of the snapshot')`)
      const result = await backfill(queryRunner, countedSlug(undefined))
      expect(result).toMatchObject({ counts: { written: rows + 1, conflicts: 0 } })
      await queryRunner.commitTransaction()
    })
    await expectMigratedOnce(app)
    expect(await countWhere(app, `slug = 'oslo'`)).toBe(1)
  },
)

typeormTestOn(['mariadb'], 'sees in such a transaction what a worker has done', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  await makeStateTables(app)
  await withQueryRunner(await database.connect(), async (queryRunner) => {
    await withQueryRunner(app, (runner) => schedule(runner, countedSlug(undefined)))
    await queryRunner.query('set session innodb_snapshot_isolation = OFF')
    await withOldSnapshot(app, queryRunner)
    await queryRunner.query('select count(*) from rowshift_run')
    expect(await runBackfill(app, countedSlug(undefined))).toMatchObject({ status: 'completed' })
    await requireCompleted(queryRunner, countedSlug(undefined))
    await queryRunner.rollbackTransaction()
  })
})

typeormTestOn(['mariadb'], 'chooses free values by what others have taken since the snapshot', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  await app.query('create unique index city_slug on city (slug)')
  await makeStateTables(app)
  const unique = defineBackfill({
    name: 'city.unique',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    transform: (row) => ({ slug: row.name }),
    unique: { slug: (slug, n) => `${slug}-${n}` },
  })
  await withQueryRunner(await database.connect(), async (queryRunner) => {
    await queryRunner.query('set session innodb_snapshot_isolation = OFF')
    await withOldSnapshot(app, queryRunner)
    await app.query(`insert into city (id, name, slug) values (500, 'Elsewhere', 'City 7')`)
    await backfill(queryRunner, unique)
    await queryRunner.commitTransaction()
  })
  expect(await countWhere(app, `id = 7 and slug = 'City 7-2'`)).toBe(1)
})

typeormTestOn(
  ['mariadb'],
  'asks for another attempt where its tables are newer than the snapshot',
  async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, rows)
    await withQueryRunner(await database.connect(), async (queryRunner) => {
      await withOldSnapshot(app, queryRunner)
      expect(await thrownBy(backfill(queryRunner, countedSlug(undefined)))).toMatchObject({
        code: 'DATABASE_UNAVAILABLE',
        retryable: true,
        message: expect.stringContaining('run it again'),
      })
      await queryRunner.rollbackTransaction()
      await withOldSnapshot(app, queryRunner)
      expect(await backfill(queryRunner, countedSlug(undefined))).toMatchObject({ counts: { written: rows } })
      await queryRunner.commitTransaction()
    })
    await expectMigratedOnce(app)
  },
)

const strict = { sqlite: [], postgres: [], mariadb: ['set session innodb_snapshot_isolation = ON'] }

typeormTestOn(
  ['postgres', 'mariadb'],
  'throws where the server refuses to write over a newer row',
  async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, rows)
    await makeStateTables(app)
    await withQueryRunner(await database.connect(), async (queryRunner) => {
      for (const statement of bySql(database.name, strict)) await queryRunner.query(statement)
      await withOldSnapshot(app, queryRunner)
      expect(await thrownBy(backfill(queryRunner, countedSlug(undefined)))).toMatchObject({
        code: 'DATABASE_UNAVAILABLE',
        retryable: true,
        details: { databaseCode: bySql(database.name, { sqlite: '', postgres: '40001', mariadb: 'ER_CHECKREAD' }) },
      })
      await queryRunner.rollbackTransaction()
      expect(await countWhere(app, 'slug is not null')).toBe(0)
      await queryRunner.startTransaction()
      await backfill(queryRunner, countedSlug(undefined))
      await queryRunner.commitTransaction()
    })
    await expectMigratedOnce(app)
  },
)

typeormTest('does not commit a migration when it makes its tables', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  await withQueryRunner(app, async (queryRunner) => {
    await queryRunner.startTransaction()
    await queryRunner.query(`insert into city (id, name) values (500, 'of the migration')`)
    await backfill(queryRunner, countedSlug(undefined))
    expect(await queryRunner.query('select slug from city where id = 500')).toMatchObject([
      { slug: 'of the migration' },
    ])
    await queryRunner.rollbackTransaction()
  })
  expect(await countWhere(app, 'id = 500 or slug is not null')).toBe(0)
})

const kill = { sqlite: '', postgres: 'select pg_terminate_backend(pg_backend_pid())', mariadb: 'kill connection_id()' }

for (const isEnclosed of [true, false]) {
  const title = isEnclosed ? 'in its transaction' : 'without a transaction'
  typeormTestOn(['postgres', 'mariadb'], `throws when a migration loses its connection ${title}`, async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, rows)
    const sent: string[] = []
    await withQueryRunner(await database.connect(), async (queryRunner) => {
      if (isEnclosed) await queryRunner.startTransaction()
      const fences = () => sent.filter((label) => label === 'fence').length
      const hooks: StatementHooks = {
        before: ({ label }) => void sent.push(label),
        inject: ({ label }, when) =>
          label === 'fence' && when === 'after' && fences() === 2 ? bySql(database.name, kill) : undefined,
      }
      expect(await thrownBy(watchedBackfill(queryRunner, hooks))).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    })
    // There is no other connection to try it on: one attempt at the batch, and without a transaction around it one at leaving the run.
    const afterwards = sent.slice(sent.lastIndexOf('fence') + 1)
    expect(sent.filter((label) => label === 'fence')).toHaveLength(2)
    expect(afterwards.filter((label) => /^(begin|savepoint)$/.test(label))).toEqual(isEnclosed ? [] : ['begin'])
    expect(await countWhere(app, 'slug is not null')).toBe(isEnclosed ? 0 : 10)
    await withQueryRunner(await database.connect(), async (queryRunner) => {
      await app.query(isEnclosed ? 'select 1' : 'update rowshift_checkpoint set lease_until = null, claim = null')
      expect(await backfill(queryRunner, countedSlug(undefined))).toMatchObject({ counts: { written: rows } })
    })
    await expectMigratedOnce(app)
  })
}

typeormTestOn(['postgres', 'mariadb'], 'throws in a transaction that waits too long for a lock', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  const impatient = bySql(database.name, {
    sqlite: '',
    postgres: `set local lock_timeout = '200ms'`,
    mariadb: 'set session innodb_lock_wait_timeout = 1',
  })
  await withQueryRunner(await database.connect(), async (queryRunner) => {
    await withQueryRunner(app, async (other) => {
      await other.startTransaction()
      await other.query(`update city set name = 'Oslo' where id = 15`)
      await queryRunner.startTransaction()
      await queryRunner.query(impatient)
      expect(await thrownBy(backfill(queryRunner, countedSlug(undefined)))).toMatchObject({
        code: 'DATABASE_UNAVAILABLE',
      })
      await queryRunner.rollbackTransaction()
      await other.commitTransaction()
    })
    expect(await countWhere(app, 'slug is not null')).toBe(0)
    await backfill(queryRunner, countedSlug(undefined))
  })
  await expectMigratedOnce(app)
})

// The driver then counts only rows whose bytes changed, and a write that changes nothing would look like a conflict.
typeormTestOn(['mariadb'], 'sees no conflicts where the driver does not count unchanged rows', async (database) => {
  const extra = { flags: ['-FOUND_ROWS'] }
  const app = await database.connect({ extra })
  await createCountedCities(app, database.name, rows)
  // A trigger takes the change back, so that nothing has changed.
  await app.query(
    'create trigger keep_low before update on city for each row if new.id <= 7 then set new.touched = 0; end if',
  )
  const { affectedRows } = await app.query('update city set touched = 0 where id = 1')
  expect(affectedRows).toBe(0)
  const touch = defineBackfill({
    name: 'city.touched',
    table: 'city',
    select: { name: 'text' },
    write: { touched: 'integer' },
    batchRows: 10,
    transform: () => ({ touched: 5 }),
  })
  const completed = { status: 'completed', counts: { written: rows, skipped: 0, conflicts: 0 } }
  expect(await runBackfill(await database.connect({ extra }), touch)).toMatchObject(completed)
  expect(await countWhere(app, 'touched = 5')).toBe(rows - 7)
  await app.query('update city set touched = 0')
  await withQueryRunner(app, async (queryRunner) => {
    await queryRunner.startTransaction()
    expect(await backfill(queryRunner, touch)).toMatchObject(completed)
    await queryRunner.commitTransaction()
  })
  expect(await countWhere(app, 'touched = 5')).toBe(rows - 7)
})

typeormTest('keeps the good rows of a refused batch in a transaction that goes on all the same', async (database) => {
  const app = await database.connect()
  await createCities(app, database.name, rows)
  await app.query('create unique index city_slug on city (slug)')
  await app.query(`update city set slug = 'city 15', touched = 9 where id = 15`)
  const citySlug = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer' },
    write: { slug: 'text' },
    where: { slug: null },
    batchRows: 10,
    // Row 17 wants what row 15 has.
    transform: ({ id }) => ({ slug: `city ${id === 17 ? 15 : id}` }),
  })
  await withQueryRunner(app, async (queryRunner) => {
    await queryRunner.startTransaction()
    await queryRunner.query('update city set touched = 7 where id = 1')
    // Caught by the migration, which then does something else.
    expect(await codeOf(backfill(queryRunner, citySlug))).toBe('ROWS_FAILED')
    await queryRunner.query('update city set touched = 8 where id = 2')
    await queryRunner.commitTransaction()
  })
  expect(await countWhere(app, 'touched in (7, 8)')).toBe(2)
  expect(await countWhere(app, 'slug is not null and touched <> 9')).toBe(18)
  expect(await readCheckpoint(app)).toMatchObject({ cursor: 20, scanned: 20, written: 18 })
})
