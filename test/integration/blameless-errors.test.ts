import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { RowshiftError } from '../../src/errors/rowshift-error.js'
import { defineBackfill } from '../../src/index.js'
import { readFailures, readStatus } from '../../src/runs/read-status.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countWhere, createCities } from '../support/city-table.js'
import { contractTest, type TestDatabase } from '../support/databases.js'
import type { StatementHooks } from '../support/observed-database.js'

/*
 * Errors that no row is to blame for, in the second of four batches: the run stops and can be resumed, nothing is halved, and nothing
 * is listed.
 */

const rows = 40

interface Fault {
  /** Before the run. */
  readonly prepare?: readonly string[]
  /** While the second batch is transformed, on the application's connection. */
  readonly meanwhile?: string
  /** On the connection that writes, before that batch's first statement. */
  readonly inject?: string
  /** On the same connection, when the batch has been rolled back. */
  readonly restore?: string
  /** What sets things right. */
  readonly mend?: readonly string[]
}

const raises = (database: TestDatabase, code: { readonly postgres: string; readonly mariadb: number }): Fault => ({
  prepare:
    database.name === 'postgres'
      ? [
          `create function refuse() returns trigger language plpgsql as
            $$ begin raise exception 'no' using errcode = '${code.postgres}'; end $$`,
          'create trigger refuse before update on city for each row when (old.id > 10) execute function refuse()',
        ]
      : [
          `create trigger refuse before update on city for each row
            if old.id > 10 then signal sqlstate 'HY000' set mysql_errno = ${code.mariadb}, message_text = 'no'; end if`,
        ],
  mend: [database.name === 'postgres' ? 'drop trigger refuse on city' : 'drop trigger refuse'],
})

const faults: Record<string, (database: TestDatabase) => Fault> = {
  'a disk that is full': (database) =>
    // SQLite's limit is never below the size of the file.
    database.name === 'sqlite'
      ? { inject: 'pragma max_page_count = 1' }
      : raises(database, { postgres: '53100', mariadb: 1114 }),
  'a column that is gone': (database) => ({
    meanwhile: 'alter table city drop column touched',
    mend: [
      `alter table city add touched ${bySql(database.name, { sqlite: 'integer', postgres: 'integer', mariadb: 'int' })} not null default 0`,
    ],
  }),
  'a server that is read-only': (database) =>
    bySql<() => Fault>(database.name, {
      sqlite: () => ({ inject: 'pragma query_only = on', restore: 'pragma query_only = off' }),
      postgres: () => ({ inject: 'set transaction_read_only = on' }),
      mariadb: () => raises(database, { postgres: '', mariadb: 1290 }),
    })(),
}

const longSlug = (app: DataSource, fault: Fault) =>
  defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer' },
    write: { slug: 'text', touched: 'integer' },
    where: { slug: null },
    batchRows: 10,
    async transform({ id }) {
      if (id === 15 && fault.meanwhile) await app.query(fault.meanwhile)
      return { slug: `${id}-`.padEnd(200, 'x'), touched: 1 }
    },
  })

for (const [what, faultOn] of Object.entries(faults)) {
  contractTest(`stops resumable for ${what}, and blames no row`, async (database) => {
    const app = await database.connect()
    await createCities(app, database.name, rows)
    const fault = faultOn(database)
    for (const statement of fault.prepare ?? []) await app.query(statement)
    let fences = 0
    let updates = 0
    const hooks: StatementHooks = {
      before({ label }) {
        if (label === 'fence') fences++
        if (label === 'update-rows' && fences > 1) updates++
      },
      inject({ label }, when) {
        if (label === 'fence' && when === 'before' && fences > 1) return fault.inject
        return label === 'rollback' && when === 'after' ? fault.restore : undefined
      },
    }
    const error = await runBackfill(await database.connect(), longSlug(app, fault), { hooks }).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(RowshiftError)
    expect(error).toMatchObject({ code: 'DATABASE_ERROR', message: expect.stringContaining('No row is to blame') })
    // Neither tried again nor halved. SQLite writes row by row.
    expect(fences).toBeLessThanOrEqual(2)
    expect(updates).toBeLessThanOrEqual(database.name === 'sqlite' ? 10 : 1)
    expect(await countWhere(app, 'slug is not null')).toBe(10)
    expect((await readFailures(portTo(app), 'city.slug', { limit: 5 })).failures).toEqual([])
    expect(await readStatus(portTo(app))).toMatchObject([
      { run: { status: 'interrupted', reasonCode: 'DATABASE_ERROR' } },
    ])

    for (const statement of fault.mend ?? []) await app.query(statement)
    expect(await runBackfill(await database.connect(), longSlug(app, {}))).toMatchObject({
      status: 'completed',
      counts: { written: rows, failures: 0 },
    })
    expect(await countWhere(app, 'slug is null')).toBe(0)
  })
}
