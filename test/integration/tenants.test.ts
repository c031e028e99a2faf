import { expect } from 'vitest'
import { defineBackfill, runEachTenant, sequence, sql, type TenantEvent, type Tenants } from '../../src/index.js'
import { codeOf } from '../support/backfills.js'
import { countWhere } from '../support/city-table.js'
import { contractTest } from '../support/databases.js'
import { TestTenants } from '../support/tenants.js'

/* The same definition for every tenant: its own rows, its own state tables. */

const names = ['acme', 'globex', 'initech', 'umbrella']
const rows = 5

/** Fails for the tenants that have a row of this name. */
const slug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  batchRows: 2,
  maxFailures: 0,
  transform({ name }) {
    if (name === 'bad') throw new Error('no slug for it')
    return { slug: name }
  },
})

const touched = defineBackfill.sql({
  name: 'city.touched',
  table: 'city',
  where: { touched: 0 },
  set: { touched: sql`length(slug)` },
})

const setBad = (tenants: TestTenants, tenant: string, name = 'bad') =>
  tenants.app(tenant).query(`update city set name = '${name}' where id = 3`)

const statuses = (report: { readonly tenants: readonly { readonly tenant: string; readonly status: string }[] }) =>
  report.tenants.map(({ tenant, status }) => `${tenant} ${status}`)

contractTest(
  'a canary that fails keeps every other tenant untouched, and goes on once it is mended',
  async (database, target) => {
    const places = await TestTenants.create(names.slice(0, 3), rows, database, target)
    await setBad(places, 'initech')
    const tenants: Tenants = {
      names: async () => names.slice(0, 3),
      database: (name) => places.source(name),
      canary: 'initech',
    }
    const report = await runEachTenant({ tenants, backfill: slug })
    expect(statuses(report)).toEqual(['initech failed', 'acme not-started', 'globex not-started'])
    expect(report.tenants[0]).toMatchObject({ code: 'ROWS_FAILED', answer: [{ status: 'failed' }] })
    expect(report.stopped).toMatchObject({ code: 'CANARY_NOT_COMPLETED' })
    const [acme, globex, initech] = await places.filled()
    expect([acme, globex]).toEqual([0, 0])
    expect(initech).toBeLessThan(rows)
    await setBad(places, 'initech', 'good')
    const again = await runEachTenant({ tenants, backfill: slug })
    expect(statuses(again)).toEqual(['initech completed', 'acme completed', 'globex completed'])
    expect(again.stopped).toBeNull()
    expect(await places.filled()).toEqual([rows, rows, rows])
  },
)

contractTest(
  'too many failed tenants stop the rest; a further call runs only what is left',
  async (database, target) => {
    const places = await TestTenants.create(names, rows, database, target)
    await setBad(places, 'globex')
    const opened: string[] = []
    const databaseOf = (name: string) => {
      opened.push(name)
      return places.source(name)
    }
    const tenants: Tenants = { names, database: databaseOf, stopRatio: 0.4 }
    const report = await runEachTenant({ tenants, backfill: slug })
    expect(statuses(report)).toEqual(['acme completed', 'globex failed', 'initech not-started', 'umbrella not-started'])
    expect(report.stopped).toMatchObject({ code: 'TOO_MANY_TENANTS_FAILED' })
    expect(opened).toEqual(['acme', 'globex'])

    // What a call before has completed counts among the tried: of three, one has failed.
    const further = await runEachTenant({ tenants: { ...tenants, stopRatio: 0.5 }, backfill: slug })
    expect(statuses(further)).toEqual(['acme completed', 'globex failed', 'initech completed', 'umbrella completed'])
    expect(further.tenants.map(({ answer }) => answer?.length)).toEqual([0, 1, 1, 1])
    await setBad(places, 'globex', 'good')
    const last = await runEachTenant({ tenants, backfill: slug })
    expect(last.tenants.map(({ answer }) => answer?.length)).toEqual([0, 1, 0, 0])
    expect(await places.filled()).toEqual([rows, rows, rows, rows])
  },
)

contractTest('tells the progress of each tenant, several at a time after the canary', async (database, target) => {
  const places = await TestTenants.create(names.slice(0, 3), rows, database, target)
  const events: TenantEvent[] = []
  const report = await runEachTenant({
    tenants: { names: names.slice(0, 3), database: (name) => places.source(name), concurrency: 2 },
    backfill: sequence('city@2.0.0', [slug, touched]),
    onEvent: (event) => events.push(event),
  })
  expect(statuses(report)).toEqual(['acme completed', 'globex completed', 'initech completed'])
  expect(report.tenants[2]!.answer).toMatchObject([
    { backfill: 'city.slug', counts: { written: rows } },
    { backfill: 'city.touched', counts: { written: rows } },
  ])
  for (const name of names.slice(0, 3)) {
    const own = events.filter(({ tenant }) => tenant === name)
    expect([own.at(0)?.type, own.at(-1)?.type]).toEqual(['began', 'ended'])
    const told = own.flatMap((event) => (event.type === 'progress' ? [event.progress] : []))
    expect(Math.max(...told.map(({ written }) => written))).toBe(rows)
    expect(await countWhere(places.app(name), `touched = 6`)).toBe(rows)
  }
  const order = events.map(({ type, tenant }) => `${type} ${tenant}`)
  expect(order.indexOf('ended acme')).toBeLessThan(order.indexOf('began globex'))
  expect(order.indexOf('began initech')).toBeLessThan(order.indexOf('ended globex'))
})

contractTest(
  'an interrupted call leaves the rest untouched and goes on at the checkpoint',
  async (database, target) => {
    const places = await TestTenants.create(names.slice(0, 3), rows, database, target)
    const tenants: Tenants = { names: names.slice(0, 3), database: (name) => places.source(name) }
    const stop = new AbortController()
    const report = await runEachTenant({
      tenants,
      backfill: slug,
      signal: stop.signal,
      onEvent: (event) => {
        if (event.tenant === 'globex' && event.type === 'progress' && event.progress.written > 0) stop.abort()
      },
    })
    expect(statuses(report)).toEqual(['acme completed', 'globex unfinished', 'initech not-started'])
    expect(report.tenants[1]).toMatchObject({ code: 'RUN_UNFINISHED', reason: 'interrupted' })
    expect(report.stopped).toMatchObject({ code: 'RUN_UNFINISHED' })
    const [first, half, last] = await places.filled()
    expect([first, last]).toEqual([rows, 0])
    expect(half).toBeGreaterThan(0)
    expect(half).toBeLessThan(rows)
    const again = await runEachTenant({ tenants, backfill: slug })
    // Of the run that was interrupted: its counts are those of both calls.
    expect(again.tenants[1]!.answer).toMatchObject([{ runId: 1, counts: { written: rows } }])
    expect(await places.filled()).toEqual([rows, rows, rows])
  },
)

contractTest(
  'two tenants that lead to one place are refused before anything is done for the second',
  async (database, target) => {
    const places = await TestTenants.create(['acme'], rows, database, target)
    const turns: string[] = []
    const call = runEachTenant({
      tenants: {
        names: ['acme', 'globex'],
        database: (name) => ({
          kind: 'database-source',
          async open() {
            const database = await (await places.source('acme')).open()
            turns.push(`${name} opened`)
            const close = () => database.close().finally(() => turns.push(`${name} closed`))
            return { ...database, close }
          },
        }),
      },
      backfill: slug,
    })
    await expect(call).rejects.toThrow(/TENANTS_SHARE_STATE.*"acme" and "globex"/)
    expect(turns).toEqual(['acme opened', 'acme closed', 'globex opened', 'globex closed'])
  },
)

contractTest('what is no list of tenants is refused before a database is opened', async (database, target) => {
  const places = await TestTenants.create(['acme'], rows, database, target)
  let opened = 0
  const call = (tenants: object) =>
    codeOf(
      runEachTenant({
        tenants: {
          names: ['acme'],
          database: (name: string) => {
            opened++
            return places.source(name)
          },
          ...tenants,
        } as Tenants,
        backfill: slug,
      }),
    )
  expect(await call({ names: ['acme', 'acme'] })).toBe('INVALID_CONFIG')
  expect(await call({ names: () => ['acme', 'acme'] })).toBe('INVALID_CONFIG')
  expect(await call({ names: [] })).toBe('INVALID_CONFIG')
  expect(await call({ names: async () => [] })).toBe('INVALID_CONFIG')
  expect(await call({ names: [''] })).toBe('INVALID_CONFIG')
  expect(await call({ names: 'acme' })).toBe('INVALID_CONFIG')
  expect(await call({ database: places.source('acme') })).toBe('INVALID_CONFIG')
  expect(await call({ canary: 1 })).toBe('INVALID_CONFIG')
  expect(await call({ canary: 'globex' })).toBe('INVALID_CONFIG')
  expect(await call({ stopRatio: 10 })).toBe('INVALID_CONFIG')
  expect(await call({ stopRatio: '10%' })).toBe('INVALID_CONFIG')
  expect(await call({ concurrency: 0 })).toBe('INVALID_CONFIG')
  expect(await call({ stop: 1 })).toBe('INVALID_CONFIG')
  expect(opened).toBe(0)
  for (const tenants of [null, 'acme'] as unknown as Tenants[])
    expect(await codeOf(runEachTenant({ tenants, backfill: slug }))).toBe('INVALID_CONFIG')
  // Wrong for every tenant, so that it fails none of them.
  expect(await call({ database: () => ({}) })).toBe('INVALID_CONFIG')
  expect(await call({ stopRatio: 1 })).toBeUndefined()
})

contractTest(
  'a tenant that cannot be opened fails with its code, and leaves the others alone',
  async (database, target) => {
    const places = await TestTenants.create(['acme', 'initech'], rows, database, target)
    const report = await runEachTenant({
      tenants: {
        names: ['acme', 'globex', 'initech'],
        database(name) {
          if (name === 'globex') throw new Error('no such tenant')
          return places.source(name)
        },
        stopRatio: 1,
      },
      backfill: slug,
    })
    expect(statuses(report)).toEqual(['acme completed', 'globex failed', 'initech completed'])
    expect(report.tenants[1]).toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
      reason: expect.stringContaining('no such tenant'),
      answer: null,
    })
  },
)
