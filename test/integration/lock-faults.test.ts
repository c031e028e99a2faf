import type { QueryRunner } from 'typeorm'
import { expect, onTestFinished } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { controlRun } from '../../src/runs/control/run-control.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { raiseBarrier } from '../support/barrier.js'
import { bySql } from '../support/by-sql.js'
import { countedSlug, countedSlugInSql, createCountedCities, readCounted } from '../support/counted-cities.js'
import { contractTest, contractTestOn, type TestDatabase } from '../support/databases.js'
import { atPoint } from '../support/die-at.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'
import { untilBlocked } from '../support/until-blocked.js'

/* Locks of the application in the way of a batch: what the server undoes, and how much of it, differs. */

const rows = 40

const completed = { status: 'completed', counts: { scanned: 2 * rows, written: rows, failures: 0 } }

const codeOf = (error: unknown) => (error as { code?: string }).code

/** A transaction of the application that is still open. */
async function openTransaction(database: TestDatabase): Promise<QueryRunner> {
  const runner = (await database.connect()).createQueryRunner()
  onTestFinished(() => runner.release())
  await runner.startTransaction()
  return runner
}

contractTestOn(['postgres', 'mariadb'], 'does a batch again that was the victim of a deadlock', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  await app.query('create table heavy (id int primary key)')
  const other = await openTransaction(database)
  for (const statement of bySql(database.name, {
    sqlite: [],
    // Whoever looks first is the victim.
    postgres: [`set local deadlock_timeout = '60s'`],
    // The victim is whoever has changed less.
    mariadb: [`insert into heavy values ${Array.from({ length: 200 }, (_, i) => `(${i})`).join(', ')}`],
  }))
    await other.query(statement)
  await other.query(`update city set name = 'Oslo' where id = 18`)

  // Whoever comes second closes the circle, each having locked a row before. MariaDB then looks at both; PostgreSQL at once only if it is
  // the batch, which comes last and so need not hope that the other is there when it looks.
  const barrier = await raiseBarrier(app, database.name)
  let [fences, meeting] = [0, undefined as Promise<void> | undefined]
  const meet = async () => {
    const updating = other.query(`update city set name = 'Rome' where id = 12`)
    if (database.name === 'postgres') await untilBlocked(app, database.name, 1)
    await barrier.lift()
    await updating
    await other.commitTransaction()
  }
  const errors: unknown[] = []
  const result = await runBackfill(await database.connect(), countedSlug(undefined), {
    hooks: {
      before({ label }) {
        if (label === 'fence') fences++
        if (label === 'update-rows' && fences === 2) meeting ??= meet()
      },
      inject({ label }, when) {
        if (fences !== 2) return undefined
        if (label === 'fence' && when === 'after') return 'select name from city where id = 12 for update'
        return label === 'update-rows' && when === 'before' ? barrier.wait : undefined
      },
      failed: (_, error) => void errors.push(codeOf(error)),
      // The next attempt might have row 12 before the other has.
      ended: (error) => (error === undefined ? undefined : meeting),
    },
  })
  await meeting
  expect(errors).toEqual(
    bySql<string[]>(database.name, { sqlite: [], postgres: ['40P01'], mariadb: ['ER_LOCK_DEADLOCK'] }),
  )
  // Row 18 was not in the half that was tried again, and was read anew.
  expect(result).toMatchObject({ ...completed, counts: { ...completed.counts, conflicts: 1 } })
  await expectMigratedOnce(app)
})

for (const form of ['transform', 'sql'] as const) {
  contractTestOn(
    ['postgres', 'mariadb'],
    `does half of a batch again that waited too long for a lock (${form})`,
    async (database) => {
      const app = await database.connect()
      await createCountedCities(app, database.name, rows)
      const other = await openTransaction(database)
      await other.query(`update city set name = 'Oslo' where id = 18`)

      const impatient = bySql(database.name, {
        sqlite: '',
        postgres: `set local lock_timeout = '200ms'`,
        mariadb: 'set session innodb_lock_wait_timeout = 1',
      })
      const errors: unknown[] = []
      const cursors: unknown[] = []
      let checkpoints: unknown[] = []
      const definition = form === 'sql' ? countedSlugInSql : countedSlug(undefined)
      const result = await runBackfill(await database.connect(), definition, {
        hooks: {
          before({ label, parameters }) {
            if (label === 'fence') cursors.push(parameters.find((value) => /^\[/.test(String(value))))
          },
          inject: ({ label }, when) => (label === 'fence' && when === 'after' ? impatient : undefined),
          failed: (_, error) => void errors.push(codeOf(error)),
          // The statement alone is undone by MySQL; the batch must have been rolled back, and with it its checkpoint.
          async ended(error) {
            if (error === undefined || checkpoints.length > 0) return
            checkpoints = await app.query('select cursor_key, written from rowshift_checkpoint')
            await other.commitTransaction()
          },
        },
      })
      const code = bySql(database.name, { sqlite: '', postgres: '55P03', mariadb: 'ER_LOCK_WAIT_TIMEOUT' })
      expect([...new Set(errors)]).toEqual([code])
      expect(checkpoints.map((row) => ({ ...(row as object) }))).toMatchObject([{ cursor_key: '["10"]' }])
      expect(cursors.slice(0, 3)).toEqual(['["10"]', '["20"]', '["15"]'])
      // Half of the batch did without the locked row, which was then read anew.
      expect(result).toMatchObject({ ...completed, counts: { ...completed.counts, conflicts: 0 } })
      await expectMigratedOnce(app)
    },
  )
}

const passing = {
  'a deadlock': { postgres: '40P01', mariadb: 1213 },
  'a serialization failure': { postgres: '40001', mariadb: 1020 },
  'a lock timeout': { postgres: '55P03', mariadb: 1205 },
  'a server that shuts down': { postgres: '57P01', mariadb: 1053 },
  'too many connections': { postgres: '53300', mariadb: 1040 },
} as const

for (const [fault, code] of Object.entries(passing)) {
  contractTestOn(['postgres', 'mariadb'], `does a batch again after ${fault}`, async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, rows)
    const raise = bySql(database.name, {
      sqlite: '',
      postgres: `do $$ begin raise exception 'as if' using errcode = '${code.postgres}'; end $$`,
      mariadb: `signal sqlstate 'HY000' set mysql_errno = ${code.mariadb}, message_text = 'as if'`,
    })
    let isDue = false
    const errors: unknown[] = []
    const result = await runBackfill(await database.connect(), countedSlug(undefined), {
      hooks: {
        ...atPoint({ label: 'fence', when: 'after', nth: 2 }, () => {
          isDue = true
        }),
        inject({ label }, when) {
          if (!isDue || errors.length > 0 || label !== 'fence' || when !== 'after') return undefined
          return raise
        },
        failed: (_, error) => void errors.push((error as { errno?: number }).errno ?? codeOf(error)),
      },
    })
    expect(errors).toEqual([bySql<unknown>(database.name, { sqlite: '', ...code })])
    expect(result).toMatchObject(completed)
    await expectMigratedOnce(app)
  })
}

contractTestOn(['postgres', 'mariadb'], 'notes conflicts while somebody pauses the run', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  const dataSource = await database.connect()
  const pauser = portTo(await database.connect())
  const other = await openTransaction(database)
  await other.query('update city set name = name where id = 18')

  // The pause has locked the run and waits for the batch, which waits for row 18 and then notes that row 11 has changed.
  let [pausing, releasing]: (Promise<unknown> | undefined)[] = []
  const errors: unknown[] = []
  const first = await runBackfill(dataSource, countedSlug(app), {
    hooks: {
      ...atPoint({ label: 'fence', when: 'after', nth: 2 }, () => {
        pausing = controlRun(pauser, 'city.slug', 'pause')
        releasing = untilBlocked(app, database.name, 2).then(() => other.commitTransaction())
      }),
      failed: (statement, error) => void errors.push([statement.label, codeOf(error)]),
    },
  })
  await releasing
  expect(await pausing).toMatchObject({ status: 'paused' })
  expect(errors).toEqual([])
  // MySQL cannot tell which rows an update left out, so the batch is done again: too late, the pause has taken its claim.
  const counts = bySql(database.name, { sqlite: {}, postgres: { written: 19, conflicts: 1 }, mariadb: { written: 10 } })
  expect(first).toMatchObject({ status: 'unfinished', reason: 'paused', counts })
  await controlRun(portTo(dataSource), 'city.slug', 'resume')
  expect(await runBackfill(dataSource, countedSlug(app))).toMatchObject(completed)
  await expectMigratedOnce(app)
})

contractTest('gives a free value to a row that is had at its last attempt only', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, 3)
  await app.query('create unique index city_slug on city (slug)')
  await app.query(`update city set slug = 'taken' where id = 1`)
  let attempts = 0
  const unique = defineBackfill({
    name: 'city.unique',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    async transform(_, { key: [id] }) {
      if (id === '2' && attempts++ < 5) await app.query(`update city set name = 'change ${attempts}' where id = 2`)
      return { slug: 'taken' }
    },
    unique: { slug: (slug, n) => `${slug}-${n}` },
  })
  expect(await runBackfill(await database.connect(), unique)).toMatchObject({
    status: 'completed',
    counts: { written: 2, conflicts: 1 },
  })
  expect(attempts).toBeGreaterThan(5)
  const slugs = (await readCounted(app)).cities.map((city) => city.slug)
  expect(slugs.sort()).toEqual(['taken', 'taken-2', 'taken-3'])
})

contractTestOn(
  ['postgres', 'mariadb'],
  'limits how long a batch waits for locks, runs and is idle',
  async (database) => {
    const dataSource = await database.connect()
    await createCountedCities(dataSource, database.name, rows)
    await dataSource.query('create table limits (locks varchar(20), statement varchar(20), idle varchar(20))')
    for (const statement of bySql(database.name, {
      sqlite: [],
      postgres: [
        `create function note_limits() returns trigger language plpgsql as $$ begin
        insert into limits values (current_setting('lock_timeout'), current_setting('statement_timeout'),
          current_setting('idle_in_transaction_session_timeout'));
        return null; end $$`,
        'create trigger noting after update on city for each row execute function note_limits()',
      ],
      mariadb: [
        `create trigger noting after update on city for each row insert into limits
        values (@@innodb_lock_wait_timeout, @@max_statement_time, @@idle_transaction_timeout)`,
      ],
    }))
      await dataSource.query(statement)
    expect(await runBackfill(dataSource, countedSlug(undefined))).toMatchObject(completed)
    const [limits, ...others] = await dataSource.query('select distinct locks, statement, idle from limits')
    expect({ ...limits }).toEqual(
      bySql(database.name, {
        sqlite: {},
        postgres: { locks: '5s', statement: '1min', idle: '10s' },
        mariadb: { locks: '5', statement: '60', idle: '10' },
      }),
    )
    expect(others).toEqual([])
  },
)
