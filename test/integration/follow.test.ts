import { expect } from 'vitest'
import type { Session } from '../../src/adapters/database.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { replayFailures } from '../../src/runs/control/replay.js'
import { controlRun } from '../../src/runs/control/run-control.js'
import { requireCompletedInMigration } from '../../src/runs/in-migration.js'
import { readStatus } from '../../src/runs/read-status.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { createWorker } from '../../src/runs/worker.js'
import { codeOf, portTo, runBackfill, sourceOf } from '../support/backfills.js'
import { countWhere, createCities } from '../support/city-table.js'
import { contractTest } from '../support/databases.js'
import {
  followedSlug,
  followedSlugWhereNull,
  followedTouched,
  OldWriter,
  staleCities,
  tracesOf,
} from '../support/follow.js'
import { inMigration, requireCompleted, rowsOf, schedule, withSession } from '../support/migration-calls.js'
import { observeSession } from '../support/observed-database.js'

contractTest('makes its triggers when a run is scheduled, without a where; cancel removes them', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 50)
  for (const isEnclosed of [false, true]) {
    await inMigration(dataSource, ({ schedule }) => schedule(followedSlug), { isEnclosed })
    expect(await tracesOf(dataSource, database.name)).not.toEqual([])
    await dataSource.query(`update city set name = 'Other ${isEnclosed}' where id = 3`)
    expect(await tracesOf(dataSource, database.name)).toContain('1 notes')
    expect(await controlRun(portTo(dataSource), 'city.slug', 'cancel')).toMatchObject({ status: 'cancelled' })
    expect(await tracesOf(dataSource, database.name)).toEqual([])
  }
})

contractTest('cancel ends the following of a completed run as well, and shuts its gate', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 20)
  await runBackfill(dataSource, followedSlug)
  await dataSource.query(`update city set name = 'Noted' where id in (3, 4)`)
  const port = portTo(dataSource)
  expect(await readStatus(port)).toMatchObject([{ noted: 2 }])
  expect(await controlRun(port, 'city.slug', 'cancel')).toMatchObject({ status: 'cancelled', follow: 'over' })
  expect(await readStatus(port)).toMatchObject([{ noted: undefined }])
  expect(await tracesOf(dataSource, database.name)).toEqual([])
  const gate = requireCompleted(dataSource, followedSlug)
  expect(await codeOf(gate)).toBe('GATE_SHUT')
})

contractTest('undo removes its triggers before it restores rows', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 50)
  const definition = definitionOf(followedSlug)
  for (const isInMigration of [false, true]) {
    expect(await runBackfill(dataSource, followedSlug)).toMatchObject({ status: 'completed' })
    expect(await tracesOf(dataSource, database.name)).not.toEqual([])
    if (isInMigration) await inMigration(dataSource, ({ undo }) => undo(followedSlug))
    else await undoInForeground({ database: portTo(dataSource), definition, run: undefined })
    expect(await countWhere(dataSource, 'slug is not null')).toBe(0)
    expect(await tracesOf(dataSource, database.name)).toEqual([])
  }
})

contractTest('does not go on when its triggers are gone', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 50)
  await schedule(dataSource, followedSlug)
  for (const name of await tracesOf(dataSource, database.name)) {
    const on = database.name === 'postgres' ? ' on city' : ''
    await dataSource.query(`drop trigger if exists ${name}${on}`)
  }
  expect(await codeOf(runBackfill(dataSource, followedSlug))).toBe('FOLLOW_LOST')
  expect(await countWhere(dataSource, 'slug is not null')).toBe(0)
})

/** What another process of the application writes with. Its waiting must not keep this process from going on. */
const writersOwn = { timeout: 1 } as never

/** What stands there in the session's own transaction. */
async function citiesOf<T>(session: Session, text: string): Promise<T> {
  return (await rowsOf(session, text)).map(([id, name, slug]) => ({ id, name, slug })) as T
}

contractTest('keeps derived columns true under an old writer, from the schedule to the gate', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 200)
  const writer = new OldWriter(await database.connect(writersOwn), 200)
  writer.start()
  await writer.after(5)
  await schedule(dataSource, followedSlug)
  const results = await Promise.all([runBackfill(dataSource, followedSlug), runBackfill(dataSource, followedSlug)])
  expect(results).toMatchObject([
    { status: 'completed', coverage: 'followed' },
    { status: 'completed', coverage: 'followed' },
  ])
  await writer.after(20)

  const conclude = async (session: Session) => {
    let late: number | undefined
    // Where no lock keeps writers out until the contract, they are looked at up to the moment the triggers go.
    const port = portTo(dataSource, {
      before({ text }) {
        if (database.name === 'mariadb' && text.startsWith('drop trigger')) late ??= writer.halt()
      },
    })
    const locking = observeSession(session, {
      // Fails unless writers are kept out already.
      inject: ({ text }, when) =>
        database.name === 'postgres' && when === 'before' && text.startsWith('drop trigger')
          ? `select 1 / count(*) from pg_locks where relation = 'city'::regclass and mode = 'ShareRowExclusiveLock' and granted`
          : undefined,
    })
    await requireCompletedInMigration(port, locking, definitionOf(followedSlug))
    if (database.name === 'mariadb') await writer.stop()
    expect(
      (await staleCities({ query: (text) => citiesOf(session, text) })).filter(({ id }) => Number(id) !== late),
    ).toEqual([])
    expect(writer.written).toBeGreaterThan(25)
  }
  await withSession(dataSource, conclude, { isEnclosed: true })
  await writer.stop()
  expect(await tracesOf(dataSource, database.name)).toEqual([])
})

contractTest('computes changed rows anew by workers after its end, until the gate', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 50)
  expect(await runBackfill(dataSource, followedSlug)).toMatchObject({ status: 'completed' })
  await dataSource.query(`update city set name = 'Oslo' where id in (3, 7)`)
  await dataSource.query(`update city set name = 'Moss' where id = 3`)
  await dataSource.query(`insert into city (id, name) values (100, 'New'), (101, 'Gone')`)
  await dataSource.query(`delete from city where id = 101`)
  expect(await staleCities(dataSource)).toHaveLength(3)
  await using worker = createWorker({ database: sourceOf(dataSource), backfills: [followedSlug] })
  await worker.start()
  await worker.untilIdle()
  expect(await staleCities(dataSource)).toEqual([])
  expect(await readStatus(portTo(dataSource))).toMatchObject([
    { run: { status: 'completed', follow: 'on' }, failures: { conflict: 0, failed: 0 } },
  ])
  await worker.stop()

  // Without a transaction around it, and with a note that no worker has seen.
  await dataSource.query(`update city set name = 'Bergen' where id = 9`)
  await requireCompleted(dataSource, followedSlug)
  expect(await staleCities(dataSource)).toEqual([])
  expect(await tracesOf(dataSource, database.name)).toEqual([])
})

contractTest('shuts the gate for a changed row that fails, until it is replayed', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 30)
  let refused = 'Nowhere'
  const backfill = followedSlugWhereNull((name) => {
    if (name === refused) throw new Error('no such place')
  })
  expect(await runBackfill(dataSource, backfill)).toMatchObject({ status: 'completed' })
  await dataSource.query(`update city set name = 'Nowhere' where id = 3`)
  const gate = () => requireCompleted(dataSource, backfill)
  expect(await codeOf(gate())).toBe('GATE_SHUT')
  expect(await tracesOf(dataSource, database.name)).not.toEqual([])
  refused = ''
  const port = portTo(dataSource)
  expect(await replayFailures({ database: port, definition: definitionOf(backfill) })).toMatchObject({ cleared: 1 })
  await gate()
  expect(await staleCities(dataSource)).toEqual([])
})

contractTest('goes over every row after a run that lost its triggers, whatever where says', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 50)
  const backfill = followedSlugWhereNull()
  expect(await runBackfill(dataSource, backfill)).toMatchObject({ status: 'completed' })
  for (const name of await tracesOf(dataSource, database.name)) {
    const on = database.name === 'postgres' ? ' on city' : ''
    await dataSource.query(`drop trigger if exists ${name}${on}`)
  }
  await dataSource.query(`update city set name = 'Unseen' where id = 3`)
  const gate = () => requireCompleted(dataSource, backfill)
  expect(await codeOf(gate())).toBe('FOLLOW_LOST')
  expect(await runBackfill(dataSource, backfill)).toMatchObject({ status: 'completed', counts: { written: 1 } })
  await gate()
  expect(await staleCities(dataSource)).toEqual([])
  expect(await tracesOf(dataSource, database.name)).toEqual([])
})

contractTest(
  'looks at every row at a further gate, where the triggers did not go with a contract',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 50)
    const backfill = followedSlugWhereNull()
    await runBackfill(dataSource, backfill)
    const gate = () => requireCompleted(dataSource, backfill)
    await gate()
    await gate()
    // Its contract failed, say, and old code went on.
    await dataSource.query(`update city set name = 'Unseen' where id = 3`)
    expect(await codeOf(gate())).toBe('GATE_SHUT')
    await runBackfill(dataSource, backfill)
    await gate()
    expect(await staleCities(dataSource)).toEqual([])
  },
)

contractTest('passes the gates of two followers of one table in one transaction', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 20)
  for (const backfill of [followedSlug, followedTouched]) await runBackfill(dataSource, backfill)
  await dataSource.query(`update city set name = 'Other' where id = 3`)
  await inMigration(
    dataSource,
    async (migration) => {
      for (const backfill of [followedSlug, followedTouched]) await migration.requireCompleted(backfill)
    },
    { isEnclosed: true },
  )
  expect(await staleCities(dataSource)).toEqual([])
  expect(await countWhere(dataSource, `touched <> length(name)`)).toBe(0)
  expect(await tracesOf(dataSource, database.name)).toEqual([])
})
