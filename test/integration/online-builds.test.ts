import type { DataSource } from 'typeorm'
import { expect, vi } from 'vitest'
import { buildOnline } from '../../src/adapters/typeorm/index.js'
import { ddl } from '../../src/dialects/postgres/ddl.js'
import { withQueryRunner } from '../support/backfills.js'
import { testOn } from '../support/databases.js'

/* What a generated migration runs outside a transaction, while writers go on. */

/** Tables on which another session waits for a lock. */
async function isWaiting(dataSource: DataSource): Promise<boolean> {
  const rows = await dataSource.query(
    `select 1 from pg_locks where not granted and relation = 'city'::regclass and database = (select oid from pg_database where datname = current_database())`,
  )
  return rows.length > 0
}

testOn(
  ['postgres'],
  'a build that waits for a lock lets others pass, and is done once the lock is free',
  async (database) => {
    const [app, observer] = [await database.connect(), await database.connect()]
    await app.query('create table city (id integer primary key, name text)')
    await withQueryRunner(app, async (holder) => {
      await holder.startTransaction()
      await holder.query('lock table city in access share mode')
      const build = withQueryRunner(app, (queryRunner) =>
        buildOnline(queryRunner, [
          'ALTER TABLE "city" DROP CONSTRAINT IF EXISTS "c"',
          'ALTER TABLE "city" ADD CONSTRAINT "c" CHECK ("name" IS NOT NULL) NOT VALID',
          'ALTER TABLE "city" VALIDATE CONSTRAINT "c"',
        ]),
      )
      const waits = (expected: boolean) =>
        vi.waitFor(async () => expect(await isWaiting(observer)).toBe(expected), { timeout: 20_000, interval: 10 })
      await waits(true)
      // It has given up by itself: writers that queued behind it have gone on.
      await waits(false)
      await waits(true)
      await holder.commitTransaction()
      await build
    })
    expect(await app.query(`select convalidated from pg_constraint where conname = 'c'`)).toEqual([
      { convalidated: true },
    ])
  },
)

testOn(
  ['postgres'],
  'a build outlasts the statement timeout of the application, which it leaves as it was',
  async (database) => {
    const app = await database.connect()
    const limits = `select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement`
    await app.query('create table city (id integer primary key)')
    await app.query('create table seen (lock text, statement text)')
    await app.query(`create function look() returns event_trigger language plpgsql as $$ begin
    insert into seen ${limits}; end $$`)
    await app.query('create event trigger look on ddl_command_start execute function look()')
    await withQueryRunner(app, async (queryRunner) => {
      const before = await queryRunner.query(limits)
      await buildOnline(queryRunner, [
        'ALTER TABLE "city" ADD CONSTRAINT "c" CHECK ("id" > 0) NOT VALID',
        'ALTER TABLE "city" VALIDATE CONSTRAINT "c"',
      ])
      expect(await queryRunner.query(limits)).toEqual(before)
      await queryRunner.query('drop event trigger look')
    })
    expect(await app.query('select * from seen')).toEqual([
      { lock: '2s', statement: '10s' },
      { lock: '0', statement: '0' },
    ])
  },
)

testOn(
  ['postgres'],
  'an index whose build found duplicates is dropped and built anew by the next run',
  async (database) => {
    const app = await database.connect()
    await app.query('create table city (id integer primary key, name text)')
    await app.query(`insert into city values (1, 'Porto'), (2, 'Porto')`)
    const index = 'CREATE UNIQUE INDEX "IDX_name" ON "city" ("name")'
    const prepared = ddl.prepareOnline(index, 'DROP INDEX "public"."IDX_name"')!
    const build = () => withQueryRunner(app, (queryRunner) => buildOnline(queryRunner, prepared.prepare))
    const isValid = () =>
      app.query(`select indisvalid from pg_index where indexrelid = '"IDX_name"'::regclass and indisunique`)
    await expect(build()).rejects.toThrow(/^ROW_REFUSED: rows .*23505, IDX_name.*migrate again/)
    expect(await isValid()).toEqual([{ indisvalid: false }])
    await app.query(`update city set name = 'Faro' where id = 2`)
    await build()
    expect(await isValid()).toEqual([{ indisvalid: true }])
  },
)
