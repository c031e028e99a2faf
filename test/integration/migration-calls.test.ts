import { expect } from 'vitest'
import { backfill } from '../../src/adapters/typeorm/index.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { createWorker, defineBackfill, sql } from '../../src/index.js'
import { controlRun } from '../../src/runs/control/run-control.js'
import { readStatus } from '../../src/runs/read-status.js'
import { verifyNow } from '../../src/runs/verify-now.js'
import { codeOf, portTo, runBackfill, sourceOf, withQueryRunner } from '../support/backfills.js'
import { countWhere, createCities } from '../support/city-table.js'
import { contractTest, typeormTest } from '../support/databases.js'
import { requireCompleted as gateOf, inMigration, schedule as scheduleOn } from '../support/migration-calls.js'

const citySlug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  batchRows: 10,
  transform: (row) => ({ slug: row.name.toLowerCase() }),
  reverse: { set: { slug: null } },
})

typeormTest(
  'commits an inline backfill with the transaction around it, and rolls it back with it',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 35)
    await withQueryRunner(dataSource, async (queryRunner) => {
      await queryRunner.startTransaction()
      expect(await backfill(queryRunner, citySlug)).toMatchObject({ status: 'completed', counts: { written: 35 } })
      await queryRunner.rollbackTransaction()
      expect(await countWhere(dataSource, 'slug is not null')).toBe(0)
      await queryRunner.startTransaction()
      await backfill(queryRunner, citySlug)
      await queryRunner.commitTransaction()
    })
    expect(await countWhere(dataSource, 'slug is null')).toBe(0)
    expect(await readStatus(portTo(dataSource))).toMatchObject([{ run: { name: 'city.slug', status: 'completed' } }])
  },
)

typeormTest('throws in an enclosing transaction with the keys of failed rows', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 25)
  const broken = defineBackfill({
    name: 'city.broken',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    transform(row) {
      if (row.name === 'City 17') throw new Error('cannot')
      return { slug: row.name }
    },
  })
  await withQueryRunner(dataSource, async (queryRunner) => {
    await queryRunner.startTransaction()
    const error = await backfill(queryRunner, broken).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'ROWS_FAILED',
      details: {
        failures: [{ key: '["17"]', code: 'TRANSFORM_FAILED', message: expect.stringMatching(/^Error at .+:\d+\)$/) }],
      },
    })
    await queryRunner.rollbackTransaction()
  })
  expect(await countWhere(dataSource, 'slug is not null')).toBe(0)
})

typeormTest('resumes an inline backfill outside a transaction from its checkpoint', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 50)
  let calls = 0
  const dying = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    batchRows: 10,
    transform(row) {
      calls++
      if (calls === 25) throw new Error('first time')
      return { slug: row.name }
    },
  })
  await withQueryRunner(dataSource, async (queryRunner) => {
    expect(await codeOf(backfill(queryRunner, dying))).toBe('ROWS_FAILED')
    // The good rows of the three batches are kept.
    expect(await countWhere(dataSource, 'slug is not null')).toBe(29)
    expect(await backfill(queryRunner, dying)).toMatchObject({ status: 'completed', counts: { written: 50 } })
  })
  // No row whose batch is kept is computed again; those of the page ahead of the last batch may be.
  expect(calls).toBeGreaterThanOrEqual(51)
  expect(calls).toBeLessThanOrEqual(61)
})

contractTest('schedules one run, however often and from however many instances', async (database) => {
  const dataSource = await database.connect()
  const other = await database.connect()
  await createCities(dataSource, database.name, 20)
  await Promise.all([scheduleOn(dataSource, citySlug), scheduleOn(other, citySlug)])
  await scheduleOn(dataSource, citySlug)
  const reports = await readStatus(portTo(dataSource))
  expect(reports).toMatchObject([{ run: { name: 'city.slug', status: 'scheduled' }, shards: [{ status: 'open' }] }])
  const [{ n }] = await dataSource.query('select count(*) as n from rowshift_run')
  expect(Number(n)).toBe(1)
  expect(await countWhere(dataSource, 'slug is not null')).toBe(0)
})

contractTest('opens the gate for a completed run only, and says what to do', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 20)
  await inMigration(dataSource, async ({ schedule, requireCompleted }) => {
    await expect(requireCompleted(citySlug)).rejects.toThrow(/GATE_SHUT.*never been run/)
    await schedule(citySlug)
    await expect(requireCompleted(citySlug)).rejects.toThrow(/GATE_SHUT.*scheduled, 0 % done.*rowshift work/)
    // As after nine of twenty rows.
    await dataSource.query('update rowshift_run set estimated_rows = 20')
    await dataSource.query('update rowshift_checkpoint set pass_scanned = 9')
    await controlRun(portTo(dataSource), 'city.slug', 'pause')
    await expect(requireCompleted(citySlug)).rejects.toThrow(/GATE_SHUT.*paused, 45 % done.*rowshift resume/)
    await controlRun(portTo(dataSource), 'city.slug', 'resume')
    await using worker = createWorker({ database: sourceOf(dataSource), backfills: [citySlug] })
    await worker.start()
    await worker.untilIdle()
    await requireCompleted(citySlug)
    // An old instance writes once more: the gate looks for itself.
    await dataSource.query(`insert into city (id, name) values (500, 'Old')`)
    await expect(requireCompleted(citySlug)).rejects.toThrow(/GATE_SHUT.*match again/)
  })
})

contractTest('completes a schedule on an empty table at once', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 0)
  await inMigration(dataSource, async ({ schedule, requireCompleted }) => {
    await schedule(citySlug)
    await requireCompleted(citySlug)
  })
})

contractTest(
  'asks what must be true after a run on an empty table as well, and shuts its gate by it',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 0)
    await dataSource.query('create table mayor (id integer not null)')
    const definition = defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
      transform: ({ name }) => ({ slug: name }),
      verify: {
        after: { 'there is a mayor': async ({ query }) => (await query(sql`select 1 from mayor`)).length === 1 },
      },
    })
    for (const isEnclosed of [false, true]) {
      await inMigration(dataSource, ({ schedule }) => schedule(definition), { isEnclosed })
      await expect(gateOf(dataSource, definition)).rejects.toThrow(/GATE_SHUT.*there is a mayor/)
      await dataSource.query('insert into mayor values (1)')
      expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'completed' })
      await gateOf(dataSource, definition)
      // Asked and stored where they hold, too.
      await scheduleOn(dataSource, definition)
      await gateOf(dataSource, definition)
      const { now, stored } = await verifyNow(portTo(dataSource), definitionOf(definition))
      expect([now, stored]).toMatchObject([
        { isPassed: true },
        { isPassed: true, assertions: [{ says: 'there is a mayor', holds: true }] },
      ])
      await dataSource.query('delete from mayor')
    }
  },
)

contractTest('says so when the schedule and its gate are in one transaction', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 5)
  const together = inMigration(
    dataSource,
    async ({ schedule, requireCompleted }) => {
      await schedule(citySlug)
      expect(await codeOf(requireCompleted(citySlug))).toBe('GATE_IN_SAME_TRANSACTION')
    },
    { isEnclosed: true },
  )
  await together
  const later = inMigration(dataSource, ({ requireCompleted }) => codeOf(requireCompleted(citySlug)), {
    isEnclosed: true,
  })
  expect(await later).toBe('GATE_SHUT')
})

contractTest('refuses to schedule without a where', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 5)
  const all = defineBackfill({
    name: 'city.all',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    transform: (row) => ({ slug: row.name }),
  })
  expect(await codeOf(scheduleOn(dataSource, all))).toBe('SCHEDULE_NEEDS_WHERE')
})

contractTest('takes a change back, shuts the gate and can be run again', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 30)
  const split = defineBackfill({
    name: 'city.split',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text', name: 'text' },
    where: { slug: null },
    batchRows: 7,
    transform: (row) => ({ slug: row.name.toLowerCase(), name: row.name.toUpperCase() }),
    reverse: (row) => ({ name: `City ${row.slug?.split(' ')[1]}`, slug: null }),
  })
  await runBackfill(dataSource, split)
  expect(await countWhere(dataSource, `slug = 'city 4' and name = 'CITY 4'`)).toBe(1)
  await inMigration(dataSource, async ({ undo, requireCompleted }) => {
    await undo(split)
    expect(await countWhere(dataSource, `slug is not null`)).toBe(0)
    expect(await countWhere(dataSource, `name = 'City 4'`)).toBe(1)
    await expect(requireCompleted(split)).rejects.toThrow(/GATE_SHUT.*undone/)
  })
  expect(await runBackfill(dataSource, split)).toMatchObject({ counts: { written: 30 } })
  await gateOf(dataSource, split)
})

contractTest('says that a change is irreversible before anything is read', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 3)
  const oneWay = defineBackfill.sql({ name: 'city.up', table: 'city', where: { slug: null }, set: { slug: 'x' } })
  await runBackfill(dataSource, oneWay)
  expect(await inMigration(dataSource, ({ undo }) => codeOf(undo(oneWay)))).toBe('IRREVERSIBLE')
  expect(await countWhere(dataSource, `slug = 'x'`)).toBe(3)
})

typeormTest('refuses a further statement while a call was not awaited', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 300)
  await withQueryRunner(dataSource, async (queryRunner) => {
    await queryRunner.startTransaction()
    const forgotten = backfill(queryRunner, citySlug)
    expect(await codeOf(queryRunner.query('select 1'))).toBe('NOT_AWAITED')
    await forgotten
    await queryRunner.query('select 1')
    await queryRunner.commitTransaction()
  })
})

contractTest('declines a run that was started with another definition or table', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 20)
  await scheduleOn(dataSource, citySlug)
  const changed = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    revision: 2,
    transform: (row) => ({ slug: row.name }),
  })
  const declined: string[] = []
  await using worker = createWorker({
    database: sourceOf(dataSource),
    backfills: [changed],
    onEvent: (event) => event.type === 'declined' && declined.push(event.error.code),
  })
  await worker.start()
  await worker.untilIdle()
  expect(declined).toContain('DEFINITION_CHANGED')
  expect(await codeOf(runBackfill(dataSource, changed))).toBe('DEFINITION_CHANGED')
  expect(await countWhere(dataSource, 'slug is not null')).toBe(0)
})
