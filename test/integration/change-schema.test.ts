import type { DataSource, QueryRunner } from 'typeorm'
import { expect, vi } from 'vitest'
import { changeSchema, type MigrationQueryRunner } from '../../src/adapters/typeorm/index.js'
import { ddl } from '../../src/dialects/postgres/ddl.js'
import { withQueryRunner } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { typeormTest, typeormTestOn } from '../support/databases.js'

/* How statements on the schema are run by migrations: they keep nobody waiting for long. */

const change = (queryRunner: QueryRunner, ...statements: readonly string[]) =>
  changeSchema(queryRunner as unknown as MigrationQueryRunner, ...statements)

/** Whether a session waits for a lock on the table. */
async function isWaiting(observer: DataSource): Promise<boolean> {
  const rows = await observer.query(
    observer.options.type === 'postgres'
      ? `select 1 from pg_locks where not granted and relation = 'city'::regclass and database = (select oid from pg_database where datname = current_database())`
      : `select 1 from information_schema.processlist where state like 'Waiting for table metadata lock' and db = database()`,
  )
  return rows.length > 0
}

/** Somebody reads the table and stays in the transaction: until the task says so, nobody gets the lock of an ALTER TABLE. */
async function whileReading(
  app: DataSource,
  observer: DataSource,
  task: (until: {
    readonly waits: (expected: boolean) => Promise<void>
    readonly letGo: () => Promise<void>
  }) => Promise<void>,
): Promise<void> {
  await withQueryRunner(app, async (holder) => {
    await holder.startTransaction()
    await holder.query('select * from city')
    await task({
      waits: (expected) =>
        vi.waitFor(async () => expect(await isWaiting(observer)).toBe(expected), { timeout: 20_000, interval: 10 }),
      letGo: () => holder.commitTransaction(),
    })
  })
}

const addCheck = [
  'ALTER TABLE "city" DROP CONSTRAINT IF EXISTS "c"',
  'ALTER TABLE "city" ADD CONSTRAINT "c" CHECK ("name" IS NOT NULL) NOT VALID',
  'ALTER TABLE "city" VALIDATE CONSTRAINT "c"',
]

typeormTestOn(
  ['postgres', 'mariadb'],
  'what waits for a lock lets others pass, and is done once it is free',
  async (database) => {
    const [app, observer] = [await database.connect(), await database.connect()]
    await app.query('create table city (id integer primary key, name varchar(20))')
    await whileReading(app, observer, async ({ waits, letGo }) => {
      const statements = bySql(database.name, {
        sqlite: '',
        postgres: addCheck.join(';'),
        mariadb: 'ALTER TABLE city ADD size integer, ALGORITHM=INSTANT',
      })
      const changed = withQueryRunner(app, (queryRunner) => change(queryRunner, ...statements.split(';')))
      await waits(true)
      // It has given up by itself: who queued behind it has gone on.
      await waits(false)
      await waits(true)
      await letGo()
      await changed
    })
    const columns = await app.query(
      bySql(database.name, {
        sqlite: '',
        postgres: `select 1 from pg_constraint where conname = 'c' and convalidated`,
        mariadb: `select 1 from information_schema.columns where table_schema = database() and column_name = 'size'`,
      }),
    )
    expect(columns).toHaveLength(1)
  },
)

typeormTestOn(
  ['postgres'],
  'in a transaction it is tried again without losing what was done before',
  async (database) => {
    const [app, observer] = [await database.connect(), await database.connect()]
    await app.query('create table city (id integer primary key, name text)')
    await whileReading(app, observer, async ({ waits, letGo }) => {
      await withQueryRunner(app, async (migration) => {
        await migration.startTransaction()
        await migration.query('create table note (id integer)')
        const changed = change(migration, ...addCheck)
        await waits(true)
        await waits(false)
        await letGo()
        await changed
        await migration.commitTransaction()
      })
    })
    expect(await app.query(`select count(*)::int as n from note`)).toEqual([{ n: 0 }])
    expect(await app.query(`select conname from pg_constraint where conname = 'c'`)).toHaveLength(1)
  },
)

typeormTestOn(
  ['postgres'],
  'without a transaction no lock is held while the next statement reads the table',
  async (database) => {
    const app = await database.connect()
    await app.query('create table city (id integer primary key, name text)')
    await app.query('create table seen (mode text)')
    await app.query(`create function look() returns event_trigger language plpgsql as $$ begin
    insert into seen select mode from pg_locks where pid = pg_backend_pid() and relation = 'city'::regclass; end $$`)
    await app.query('create event trigger look on ddl_command_start execute function look()')
    await withQueryRunner(app, async (queryRunner) => {
      await change(queryRunner, ...addCheck)
      await queryRunner.query('drop event trigger look')
    })
    expect(await app.query('select * from seen')).toEqual([])
  },
)

const limitsNow = `select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement`

/** Notes the limits that each statement on the schema has. */
async function noteLimits(app: DataSource): Promise<void> {
  await app.query('create table seen (lock text, statement text)')
  await app.query(`create function look() returns event_trigger language plpgsql as $$ begin
    insert into seen ${limitsNow}; end $$`)
  await app.query('create event trigger look on ddl_command_start execute function look()')
}

for (const isEnclosed of [true, false]) {
  typeormTestOn(
    ['postgres'],
    `limits are for what keeps writers out, and the application has its own afterwards: ${isEnclosed ? 'in a transaction' : 'without one'}`,
    async (database) => {
      const app = await database.connect()
      await app.query('create table city (id integer primary key, name text)')
      await noteLimits(app)
      await withQueryRunner(app, async (queryRunner) => {
        await queryRunner.query(`set lock_timeout = '7s'`)
        await queryRunner.query(`set statement_timeout = '70s'`)
        if (isEnclosed) await queryRunner.startTransaction()
        await change(queryRunner, ...addCheck, 'ALTER TABLE "city" ALTER COLUMN "name" SET NOT NULL')
        if (!isEnclosed) await change(queryRunner, 'CREATE INDEX CONCURRENTLY "i" ON "city" ("name")')
        expect(await queryRunner.query(limitsNow)).toEqual([{ lock: '7s', statement: '70s' }])
        if (isEnclosed) await queryRunner.commitTransaction()
        // What was set for the transaction only is not left to the session.
        expect(await queryRunner.query(limitsNow)).toEqual([{ lock: '7s', statement: '70s' }])
        await queryRunner.query('drop event trigger look')
      })
      expect(await app.query('select * from seen')).toEqual([
        { lock: '2s', statement: '10s' },
        { lock: '2s', statement: '10s' },
        // Lets writers pass, and may read for hours.
        { lock: '0', statement: '0' },
        // Reads the table under its lock: time enough to get to its end.
        { lock: '2s', statement: '0' },
        ...(isEnclosed ? [] : [{ lock: '0', statement: '0' }]),
      ])
    },
  )
}

typeormTestOn(['mariadb'], 'the wait for a lock is limited for the statement only', async (database) => {
  const app = await database.connect()
  await app.query('create table city (id integer primary key)')
  await withQueryRunner(app, async (queryRunner) => {
    await queryRunner.query('set session lock_wait_timeout = 77')
    await change(queryRunner, 'ALTER TABLE city ADD name varchar(20)')
    await expect(change(queryRunner, 'ALTER TABLE city ADD name varchar(20)')).rejects.toThrow(/^DATABASE_ERROR: /)
    expect(await queryRunner.query('select @@session.lock_wait_timeout as wait')).toEqual([{ wait: '77' }])
  })
})

typeormTest('rows in the way are told without their contents, and nothing is changed', async (database) => {
  const app = await database.connect()
  await app.query('create table city (id integer primary key, name varchar(20))')
  await app.query(`insert into city values (1, 'Porto'), (2, 'Porto')`)
  const statement = 'CREATE UNIQUE INDEX city_name ON city (name)'
  await withQueryRunner(app, async (queryRunner) => {
    const error = await change(queryRunner, statement).then(
      () => undefined,
      (thrown: Error) => thrown,
    )
    expect(error?.message).toMatch(/^ROW_REFUSED: .*migrate again/)
    expect(error?.message).not.toContain('Porto')
    await app.query(`update city set name = 'Faro' where id = 2`)
    await change(queryRunner, statement)
  })
})

typeormTestOn(
  ['postgres'],
  'an index whose build found duplicates is dropped and built anew by the next run',
  async (database) => {
    const app = await database.connect()
    await app.query('create table city (id integer primary key, name text)')
    await app.query(`insert into city values (1, 'Porto'), (2, 'Porto')`)
    const index = 'CREATE UNIQUE INDEX "IDX_name" ON "city" ("name")'
    const prepared = ddl.prepareOnline(index, 'DROP INDEX "public"."IDX_name"')!
    const build = () => withQueryRunner(app, (queryRunner) => change(queryRunner, ...prepared.prepare))
    const isValid = () =>
      app.query(`select indisvalid from pg_index where indexrelid = '"IDX_name"'::regclass and indisunique`)
    await expect(build()).rejects.toThrow(/^ROW_REFUSED: rows .*23505, IDX_name.*migrate again/)
    expect(await isValid()).toEqual([{ indisvalid: false }])
    await app.query(`update city set name = 'Faro' where id = 2`)
    await build()
    expect(await isValid()).toEqual([{ indisvalid: true }])
  },
)
