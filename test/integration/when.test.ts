import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { type Backfill, createWorker, defineBackfill, sql, type WorkerEvent } from '../../src/index.js'
import { runInMigration } from '../../src/runs/in-migration.js'
import { readStatus } from '../../src/runs/read-status.js'
import { workUntil } from '../../src/runs/worker.js'
import { codeOf, portTo, runBackfill, sourceOf } from '../support/backfills.js'
import { countWhere, createCities } from '../support/city-table.js'
import { contractTest, waitingContractTest } from '../support/databases.js'
import { inMigration, requireCompleted, schedule } from '../support/migration-calls.js'

/* When a run is not begun: skipped, with the reason, or postponed, which is never done; and what comes first. */

const rows = 6

const fillSlug = {
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  transform: ({ name }: { name: string }) => ({ slug: name }),
} as const

/** The same form, for a column of its own. */
const touchForm = { name: 'city.touch', table: 'city', where: { touched: 0 }, set: { touched: 1 } } as const
const touch = defineBackfill.sql(touchForm)

const runs = async (dataSource: DataSource) =>
  (await readStatus(portTo(dataSource))).map(({ run }) => [run.name, run.status, run.reasonCode, run.reason])

/** What `backfill` of a migration calls, on a connection without a transaction. */
async function migrate(dataSource: DataSource, definition: Backfill) {
  const database = portTo(dataSource)
  const session = await database.connect()
  try {
    return await runInMigration(database, { ...session, release: async () => undefined }, definitionOf(definition))
  } finally {
    await session.release()
  }
}

contractTest('skips a run for the first reason that is so, and keeps it; the gate looks for rows', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const asked: string[] = []
  const skipped = defineBackfill({
    ...fillSlug,
    when: {
      skip: {
        'there are no cities': sql`select 1 from city where id < ${0}`,
        'this is a small installation': async ({ query }) => {
          asked.push('small')
          const [[count] = []] = await query(sql`select count(*) from city`)
          return Number(count) < 100
        },
        'nobody asks for more': () => asked.push('more') > 0,
      },
    },
    verify: { before: { 'asked of no run that is skipped': () => false } },
  })
  const reason = 'this is a small installation'
  expect(await runBackfill(dataSource, skipped)).toMatchObject({
    status: 'completed',
    skippedBecause: reason,
    counts: { scanned: 0, written: 0 },
  })
  expect(await runs(dataSource)).toEqual([['city.slug', 'completed', 'SKIPPED', reason]])
  expect(asked).toEqual(['small'])
  expect(await countWhere(dataSource, 'slug is null')).toBe(rows)
  expect(await codeOf(requireCompleted(dataSource, skipped))).toBe('GATE_SHUT')

  // In a migration it passes, as it does for a schedule, whose gate may then be in the same transaction.
  expect(await migrate(dataSource, skipped)).toMatchObject({ status: 'completed', skippedBecause: reason })
  await dataSource.query(`update city set slug = 'by hand'`)
  await inMigration(
    dataSource,
    async (migration) => {
      await migration.schedule(skipped)
      await migration.requireCompleted(skipped)
    },
    { isEnclosed: true },
  )

  // A run that was begun is not skipped any more.
  await dataSource.query('update city set slug = null')
  const stop = new AbortController()
  const begun = defineBackfill({ ...fillSlug, batchRows: 2 })
  await runBackfill(dataSource, begun, { stop: stop.signal, onProgress: () => stop.abort() })
  expect(await countWhere(dataSource, 'slug is null')).toBe(rows - 2)
  const now = defineBackfill({ ...fillSlug, when: { skip: { 'it is asked': () => asked.push('begun') > 0 } } })
  expect(await runBackfill(dataSource, now)).toMatchObject({ skippedBecause: null, counts: { written: rows } })
  expect(asked).not.toContain('begun')
})

contractTest('postpones a run while there is a reason, and never counts it as done', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  await dataSource.query('create table import (id integer)')
  await dataSource.query('insert into import values (1)')
  const reason = 'the import is running'
  const waiting = defineBackfill({
    ...fillSlug,
    when: { postpone: { [reason]: sql`select 1 from import where id > ${0}` } },
  })
  // Of a migration nothing is left but its error.
  await expect(migrate(dataSource, waiting)).rejects.toThrow(
    /POSTPONED: .*"city.slug" has to wait: the import is running/,
  )
  expect(await runs(dataSource)).toEqual([])

  for (let attempt = 1; attempt <= 2; attempt++) {
    expect(await codeOf(runBackfill(dataSource, waiting))).toBe('POSTPONED')
    expect(await runs(dataSource)).toEqual([['city.slug', 'postponed', 'POSTPONED', reason]])
  }
  expect(await codeOf(requireCompleted(dataSource, waiting))).toBe('GATE_SHUT')
  expect(await countWhere(dataSource, 'slug is null')).toBe(rows)
  await dataSource.query('delete from import')
  expect(await runBackfill(dataSource, waiting)).toMatchObject({ status: 'completed', counts: { written: rows } })
  // A run that is over has nothing to wait for.
  await dataSource.query('insert into import values (1)')
  await requireCompleted(dataSource, waiting)
})

contractTest('conditions that throw or write begin nothing, and change nothing', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const throwing = defineBackfill({
    ...fillSlug,
    when: {
      skip: {
        'City 3 is secret': () => {
          throw new RangeError('City 3')
        },
      },
    },
  })
  await expect(runBackfill(dataSource, throwing)).rejects.toThrow(/CONDITION_FAILED.*RangeError at/)
  const update = sql`update city set slug = ${'by a condition'}`
  const writing = [
    { verify: { before: { written: ({ query }) => query(update).then(() => true) } } },
    { when: { skip: { written: ({ query }) => query(update).then(() => true) } } },
    { when: { postpone: { written: ({ query }) => query(update).then(() => false) } } },
  ] satisfies Partial<Parameters<typeof defineBackfill>[0]>[]
  for (const options of writing)
    expect(await codeOf(runBackfill(dataSource, defineBackfill({ ...fillSlug, ...options })))).toBe('DATABASE_ERROR')
  expect(await countWhere(dataSource, 'slug is null')).toBe(rows)
  // What was read only was so for the condition alone.
  expect(await runBackfill(dataSource, defineBackfill(fillSlug))).toMatchObject({ counts: { written: rows } })
})

contractTest(
  'a reason to postpone that comes up during a run lets it end, and keeps others from joining it',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, rows)
    let isBusy = false
    const met: unknown[] = []
    const slug = defineBackfill({
      ...fillSlug,
      batchRows: 2,
      when: { postpone: { 'somebody is busy': () => isBusy } },
      async transform({ name }) {
        if (name === 'City 3' && !isBusy) {
          isBusy = true
          met.push(await codeOf(runBackfill(dataSource, slug)), ...(await runs(dataSource)))
        }
        return { slug: name }
      },
    })
    expect(await runBackfill(dataSource, slug)).toMatchObject({ status: 'completed', counts: { written: rows } })
    expect(met).toEqual(['POSTPONED', ['city.slug', 'running', undefined, undefined]])
  },
)

contractTest(
  'an interrupted run is postponed when it is taken up again, and goes on at its checkpoint',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, rows)
    let isBusy = false
    const stop = new AbortController()
    const slug = defineBackfill({
      ...fillSlug,
      batchRows: 2,
      when: { postpone: { 'somebody is busy': () => isBusy } },
      async transform({ name }) {
        if (name === 'City 3') stop.abort()
        return { slug: name }
      },
    })
    expect(await runBackfill(dataSource, slug, { stop: stop.signal })).toMatchObject({ reason: 'interrupted' })
    isBusy = true
    const written = await countWhere(dataSource, 'slug is not null')
    expect(written).toBeLessThan(rows)
    expect(await codeOf(runBackfill(dataSource, slug))).toBe('POSTPONED')
    expect(await runs(dataSource)).toEqual([['city.slug', 'postponed', 'POSTPONED', 'somebody is busy']])
    expect(await countWhere(dataSource, 'slug is not null')).toBe(written)
    isBusy = false
    expect(await runBackfill(dataSource, slug)).toMatchObject({ runId: 1, counts: { written: rows } })
  },
)

contractTest('begins no run before those are completed that it comes after', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const slug = defineBackfill({ ...fillSlug, after: [touch] })
  await expect(runBackfill(dataSource, slug)).rejects.toThrow(
    /POSTPONED.*"city\.touch", which it comes after, was never run/,
  )
  await expect(migrate(dataSource, slug)).rejects.toThrow(/POSTPONED/)
  await schedule(dataSource, touch)
  await expect(runBackfill(dataSource, slug)).rejects.toThrow(/"city\.touch", which it comes after, is scheduled/)
  await runBackfill(dataSource, touch)
  expect(await runBackfill(dataSource, slug)).toMatchObject({ status: 'completed', counts: { written: rows } })
})

contractTest('waits for rows of the one before that could not be migrated', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const failing = defineBackfill({
    ...fillSlug,
    maxFailures: 1,
    transform: ({ name }) => {
      if (name === 'City 3') throw new Error('no')
      return { slug: name }
    },
  })
  await runBackfill(dataSource, failing)
  const second = defineBackfill.sql({
    name: 'city.touch',
    table: 'city',
    where: { touched: 0 },
    set: { touched: 1 },
    after: [failing],
  })
  await expect(runBackfill(dataSource, second)).rejects.toThrow(/"city\.slug", which it comes after, has rows/)
})

waitingContractTest('a worker goes on with other runs, and comes back to those that had to wait', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  let isHeld = true
  const first = defineBackfill.sql({
    name: 'city.touch',
    table: 'city',
    where: { touched: 0 },
    set: { touched: 1 },
    when: { postpone: { 'the import is running': () => isHeld } },
  })
  const last = defineBackfill({ ...fillSlug, name: 'city.slug', after: [first] })
  const free = defineBackfill.sql({
    name: 'city.name',
    table: 'city',
    where: { name: 'City 3' },
    set: { name: 'Bergen' },
  })
  for (const definition of [last, first, free]) await schedule(dataSource, definition)
  const events: WorkerEvent[] = []
  const { promise: allEnded, resolve } = withResolvers()
  await using worker = createWorker({
    database: sourceOf(dataSource),
    backfills: [last, first, free],
    onEvent(event) {
      events.push(event)
      if (ended(events).length === 3) resolve()
    },
  })
  await worker.start()
  expect(await codeOf(worker.untilIdle())).toBe('POSTPONED')
  expect(ended(events)).toEqual(['city.name'])
  expect(events).toContainEqual({
    type: 'postponed',
    backfill: 'city.touch',
    reason: 'the import is running',
    forMs: expect.any(Number),
  })
  expect((await runs(dataSource)).map(([name, status]) => `${name} ${status}`).sort()).toEqual([
    'city.name completed',
    'city.slug postponed',
    'city.touch postponed',
  ])
  isHeld = false
  await allEnded
  expect(ended(events)).toEqual(['city.name', 'city.touch', 'city.slug'])
})

function withResolvers() {
  let resolve = (): void => undefined
  const promise = new Promise<void>((given) => {
    resolve = given
  })
  return { promise, resolve }
}

const ended = (events: readonly WorkerEvent[]) =>
  events.flatMap((event) => (event.type === 'ended' ? event.result.backfill : []))

for (const [whom, knowsBoth] of [
  ['a run that another worker is at', true],
  ['one whose definition it does not know', false],
] as const) {
  contractTest(`a worker is not idle while it waits for ${whom}`, async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 1)
    const [released, atWork] = [withResolvers(), withResolvers()]
    const slug = defineBackfill({
      ...fillSlug,
      async transform({ name }) {
        atWork.resolve()
        await released.promise
        return { slug: name }
      },
    })
    const last = defineBackfill.sql({ ...touchForm, after: [slug] })
    for (const definition of [slug, last]) await schedule(dataSource, definition)
    await using other = createWorker({ database: sourceOf(dataSource), backfills: [slug] })
    await other.start()
    await atWork.promise
    const events: WorkerEvent[] = []
    await using worker = createWorker({
      database: sourceOf(dataSource),
      backfills: knowsBoth ? [slug, last] : [last],
      onEvent(event) {
        events.push(event)
        if (event.type === 'postponed') released.resolve()
      },
    })
    await worker.start()
    await worker.untilIdle()
    // What is left of the other's run it may help with.
    expect(ended(events).at(-1)).toBe('city.touch')
    expect((await runs(dataSource)).map(([name, status]) => `${name} ${status}`)).toEqual([
      'city.slug completed',
      'city.touch completed',
    ])
  })
}

contractTest('a worker is idle where it waits for a run that nobody is at', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const slug = defineBackfill({ ...fillSlug, batchRows: 2 })
  const last = defineBackfill.sql({ ...touchForm, after: [slug] })
  for (const definition of [slug, last]) await schedule(dataSource, definition)
  // Killed: it says that it is running, and its lease is over.
  const stop = new AbortController()
  await runBackfill(dataSource, slug, { stop: stop.signal, onProgress: () => stop.abort() })
  await dataSource.query(`update rowshift_run set status = 'running' where name = 'city.slug'`)
  await using worker = createWorker({ database: sourceOf(dataSource), backfills: [last] })
  await worker.start()
  expect(await codeOf(worker.untilIdle())).toBe('POSTPONED')
})

contractTest(
  'a worker that leaves when nothing is left to do looks once more at what waited for the run of another',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 1)
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    let isAtWork = () => {}
    const atWork = new Promise<void>((resolve) => {
      isAtWork = resolve
    })
    const slug = defineBackfill({
      ...fillSlug,
      async transform({ name }) {
        isAtWork()
        await released
        return { slug: name }
      },
    })
    const last = defineBackfill.sql({ ...touchForm, after: [slug] })
    for (const definition of [slug, last]) await schedule(dataSource, definition)
    const other = runBackfill(dataSource, slug)
    await atWork
    const events: string[] = []
    const never = new AbortController().signal
    await workUntil({
      database: portTo(dataSource),
      definitions: new Map([slug, last].map((one) => [one.name, definitionOf(one)])),
      pace: {},
      stop: never,
      abort: never,
      isWatching: false,
      onEvent(event) {
        if ('backfill' in event) events.push(`${event.type} ${event.backfill}`)
        if (event.type === 'postponed') release()
      },
    })
    await other
    expect(events.slice(0, 2)).toEqual(['held city.slug', 'postponed city.touch'])
    expect(await runs(dataSource)).toEqual([
      ['city.slug', 'completed', undefined, undefined],
      ['city.touch', 'completed', undefined, undefined],
    ])
  },
)
