import { expect } from 'vitest'
import * as typeorm from '../../src/adapters/typeorm/index.js'
import { createWorker, defineBackfill, sequence, sql, type WorkerEvent } from '../../src/index.js'
import { readStatus } from '../../src/runs/read-status.js'
import { codeOf, portTo, runBackfill, sourceOf, withQueryRunner } from '../support/backfills.js'
import { openClient } from '../support/bulk-cities.js'
import { countWhere, createCities, readCities } from '../support/city-table.js'
import { contractTest, prismaTestOn, typeormTest } from '../support/databases.js'
import { schedule } from '../support/migration-calls.js'

/* Backfills one after another, under one name. */

const rows = 4

const slug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  transform: ({ name }) => ({ slug: name }),
  reverse: { set: { slug: null } },
})

/** Made of what the first has written. */
const lower = defineBackfill.sql({
  name: 'city.lower',
  table: 'city',
  where: { touched: 0 },
  set: { slug: sql`lower(slug)`, touched: 1 },
  reverse: { set: { touched: 0, slug: sql`upper(name)` } },
})

const both = sequence('city@2.0.0', [slug, lower])

contractTest('workers keep the order of a sequence, whatever was scheduled first', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  for (const definition of [lower, slug]) await schedule(dataSource, definition)
  const ended: string[] = []
  await using worker = createWorker({
    database: sourceOf(dataSource),
    backfills: [lower, both],
    onEvent: (event: WorkerEvent) => void (event.type === 'ended' && ended.push(event.result.backfill)),
  })
  await worker.start()
  await worker.untilIdle()
  expect(ended).toEqual(['city.slug', 'city.lower'])
  expect((await readCities(dataSource)).map((city) => city.slug)).toEqual(['city 1', 'city 2', 'city 3', 'city 4'])
})

typeormTest('migrations run, schedule, ask for and undo all of a sequence', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const call = <T>(task: (queryRunner: typeorm.MigrationQueryRunner) => Promise<T>) => withQueryRunner(dataSource, task)
  await call((queryRunner) => typeorm.schedule(queryRunner, both))
  const scheduled = await readStatus(portTo(dataSource))
  expect(scheduled.map(({ run }) => `${run.name} ${run.status}`)).toEqual([
    'city.slug scheduled',
    'city.lower scheduled',
  ])
  // The second one waits for the first, also when it is run by itself.
  expect(await codeOf(runBackfill(dataSource, both.backfills[1]!))).toBe('POSTPONED')
  await runBackfill(dataSource, slug)
  await expect(call((queryRunner) => typeorm.requireCompleted(queryRunner, both))).rejects.toThrow(
    /GATE_SHUT.*city\.lower/,
  )

  const results = await call((queryRunner) => typeorm.backfill(queryRunner, both))
  expect(results).toMatchObject([
    { backfill: 'city.slug', status: 'completed' },
    { backfill: 'city.lower', status: 'completed', counts: { written: rows } },
  ])
  await call((queryRunner) => typeorm.requireCompleted(queryRunner, both))

  // Undone from its end: else slugs in capitals would be left.
  await call((queryRunner) => typeorm.undo(queryRunner, both))
  expect(await countWhere(dataSource, 'slug is null and touched = 0')).toBe(rows)
  expect(await codeOf(call((queryRunner) => typeorm.requireCompleted(queryRunner, both)))).toBe('GATE_SHUT')
})

typeormTest('a migration undoes nothing of a sequence of which one backfill has no way back', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const lasting = defineBackfill.sql({
    name: 'city.lasting',
    table: 'city',
    where: { slug: null },
    set: { slug: sql`upper(name)` },
  })
  const given = sequence('city@3.0.0', [lasting, lower])
  for (const definition of given.backfills) await runBackfill(dataSource, definition)
  const before = await readCities(dataSource)
  await expect(withQueryRunner(dataSource, (queryRunner) => typeorm.undo(queryRunner, given))).rejects.toThrow(
    /IRREVERSIBLE.*city\.lasting/,
  )
  expect(await readCities(dataSource)).toEqual(before)
})

prismaTestOn(
  ['sqlite', 'postgres', 'mariadb'],
  'a client runs a sequence up to what is not completed',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, rows)
    const client = (await openClient(database, dataSource)) as unknown as {
      $backfill(given: object): Promise<unknown>
    }
    const failing = defineBackfill({
      name: 'city.failing',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
      maxFailures: 0,
      transform: ({ name }) => {
        if (name === 'City 2') throw new Error('no')
        return { slug: name }
      },
    })
    expect(await client.$backfill(sequence('failing', [failing, lower]))).toMatchObject([
      { backfill: 'city.failing', status: 'failed' },
    ])
    expect(await client.$backfill(both)).toMatchObject([
      { backfill: 'city.slug', status: 'completed', counts: { written: 1 } },
      { backfill: 'city.lower', status: 'completed', counts: { written: rows } },
    ])
    expect(await client.$backfill(slug)).toMatchObject({ backfill: 'city.slug', status: 'completed' })
  },
)
