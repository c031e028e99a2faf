import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { defineBackfill, sql } from '../../src/index.js'
import { fakeRun } from '../../src/runs/control/fake-run.js'
import { readStatus } from '../../src/runs/read-status.js'
import { verifyNow } from '../../src/runs/verify-now.js'
import { codeOf, portTo, runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countWhere, createCities } from '../support/city-table.js'
import { contractTest, type DatabaseName } from '../support/databases.js'
import { requireCompleted } from '../support/migration-calls.js'

/* What a run is held to before it begins and before it counts as completed: a value that is stored with it. */

const rows = 30

const fillSlug = {
  name: 'city.slug',
  table: 'city',
  select: { id: 'integer', name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  batchRows: 10,
} as const

const gate = (dataSource: DataSource, definition: Parameters<typeof requireCompleted>[1]) =>
  requireCompleted(dataSource, definition)

contractTest('begins no run before what must be true is true', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  await dataSource.query(`update city set name = '' where id = 3`)
  let asked = 0
  const definition = defineBackfill({
    ...fillSlug,
    transform: ({ name }) => ({ slug: name }),
    verify: {
      before: {
        'every city has a name': sql`select id, name from city where name = ${''}`,
        'there are cities': async ({ query }) => {
          asked++
          const [[count] = []] = await query(sql`select count(*) from city`)
          return Number(count) === rows
        },
        'nothing is thrown': () => {
          if (asked === 1) throw new RangeError('City 3 is secret')
          return true
        },
      },
    },
  })
  await expect(runBackfill(dataSource, definition)).rejects.toThrow(
    /ASSERTION_FAILED.*"every city has a name", "nothing is thrown" \(RangeError at .+\)\. Nothing was changed/,
  )
  expect(await readStatus(portTo(dataSource))).toEqual([])
  await dataSource.query(`update city set name = 'City 3' where id = 3`)
  expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'completed', counts: { written: rows } })
  // Of a run that is active nothing is asked again.
  expect(asked).toBe(2)
})

contractTest('fails a run whose assertions do not hold, and keeps its gate shut', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const definition = (wrong: boolean) =>
    defineBackfill({
      ...fillSlug,
      revision: 1,
      transform: ({ id, name }) => ({ slug: wrong && id === 7 ? 'wrong' : name }),
      verify: { after: { 'a slug is the name': sql`select * from city where slug <> name` } },
    })
  const failed = await runBackfill(dataSource, definition(true))
  expect(failed).toMatchObject({ status: 'failed', code: 'VERIFY_FAILED' })
  expect(failed.status === 'failed' && failed.reason).toContain('"a slug is the name"')
  await expect(gate(dataSource, definition(true))).rejects.toThrow(/GATE_SHUT.*a slug is the name/)
  const { now, stored } = await verifyNow(portTo(dataSource), definitionOf(definition(true)))
  const assertions = [{ says: 'a slug is the name', holds: false }]
  expect([now, stored]).toMatchObject([
    { isPassed: false, assertions },
    { isPassed: false, assertions, status: 'failed', runId: 1 },
  ])

  await dataSource.query('update city set slug = null where id = 7')
  expect(await runBackfill(dataSource, definition(false))).toMatchObject({
    status: 'completed',
    verification: { isPassed: true, assertions: [{ says: 'a slug is the name', holds: true }] },
  })
  await gate(dataSource, definition(false))
})

contractTest('asks assertions of SQL backfills too, and finds out beforehand whether it can', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const upper = (column: string) =>
    defineBackfill.sql({
      name: 'city.slug',
      table: 'city',
      where: { slug: null },
      set: { slug: sql`upper(name)` },
      verify: { after: { 'slugs are there': sql`select 1 from city where ${sql.id(column)} is null` } },
    })
  await expect(runBackfill(dataSource, upper('slugg'))).rejects.toThrow(
    /DATABASE_ERROR.*asking "slugs are there".*slugg/,
  )
  expect(await readStatus(portTo(dataSource))).toEqual([])
  expect(await runBackfill(dataSource, upper('slug'))).toMatchObject({
    status: 'completed',
    verification: { assertions: [{ holds: true }] },
  })
})

/** Each write is noted in `touched`, by the database; and `amount` has two decimals. */
async function createTouched(dataSource: DataSource, name: DatabaseName): Promise<void> {
  await createCities(dataSource, name, rows)
  await dataSource.query('alter table city add amount decimal(10, 2)')
  await dataSource.query('create unique index city_slug on city (slug)')
  const statements = bySql(name, {
    sqlite: [
      `create trigger touch after update of slug on city begin update city set touched = touched + 1 where id = new.id; end`,
    ],
    postgres: [
      `create function touch() returns trigger language plpgsql as $$ begin new.touched := old.touched + 1; return new; end $$`,
      `create trigger touch before update on city for each row execute function touch()`,
    ],
    mariadb: ['create trigger touch before update on city for each row set new.touched = old.touched + 1'],
  })
  for (const statement of statements) await dataSource.query(statement)
}

contractTest(
  'computes rows again: chosen slugs, other texts of a value, triggers and edits are no faults',
  async (database) => {
    const app = await database.connect()
    const dataSource = await database.connect()
    await createTouched(app, database.name)
    await app.query(`update city set name = 'Springfield' where id <= 5`)
    const calls = new Map<number, number>()
    const definition = defineBackfill({
      ...fillSlug,
      write: { slug: 'text', amount: 'decimal' },
      unique: { slug: (slug, n) => `${slug}-${n}` },
      async transform({ id, name }) {
        calls.set(id, (calls.get(id) ?? 0) + 1)
        if (id === 30 && calls.get(30) === 1) {
          await app.query(`update city set name = 'Edited' where id = 2`)
          await app.query(`update city set slug = 'edited' where id = 8`)
          await app.query('delete from city where id = 9')
        }
        return { slug: name.toLowerCase(), amount: '1.5' }
      },
      verify: { recompute: true },
    })
    expect(await runBackfill(dataSource, definition)).toMatchObject({
      status: 'completed',
      counts: { written: rows },
      verification: { isPassed: true, recomputed: { rows: rows - 3, changedSince: 3, different: [] } },
    })
    expect(calls.get(1)).toBe(2)
    expect(calls.get(2)).toBe(1)
    // Looking at a row leaves it as it is.
    expect(await countWhere(app, 'touched = 1 and id between 10 and 29')).toBe(20)
  },
)

contractTest('fails a run whose rows come out otherwise when they are computed again', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  let calls = 0
  const definition = defineBackfill({
    ...fillSlug,
    transform: ({ id, name }) => ({ slug: id === 12 ? `call ${++calls}` : name }),
    verify: { recompute: true, sample: 100 },
  })
  expect(await runBackfill(dataSource, definition)).toMatchObject({
    status: 'failed',
    code: 'VERIFY_FAILED',
    reason: expect.stringMatching(/1 of 30 rows came out otherwise: keys \["12"\]/),
  })
  expect(await countWhere(dataSource, `slug = 'call 1'`)).toBe(1)
})

contractTest('opens the gate for no run that lacks its verification, but for one marked by hand', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const definition = defineBackfill({ ...fillSlug, transform: ({ name }) => ({ slug: name }) })
  await runBackfill(dataSource, definition)
  await gate(dataSource, definition)
  const stored = await readStatus(portTo(dataSource))
  expect(JSON.parse(stored[0]?.run.verification ?? '')).toMatchObject({ isPassed: true, remaining: 0 })
  await dataSource.query('update rowshift_run set verification = null')
  expect(await codeOf(gate(dataSource, definition))).toBe('GATE_SHUT')
  await fakeRun(portTo(dataSource), definitionOf(definition))
  await gate(dataSource, definition)
})
