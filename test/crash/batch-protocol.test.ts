import { join } from 'node:path'
import { expect } from 'vitest'
import { runBackfill } from '../support/backfills.js'
import { runChild } from '../support/child.js'
import { countWhere, createCities } from '../support/city-table.js'
import {
  countedSlug,
  countVisits,
  createCountedCities,
  expireLease,
  readCheckpoint,
  readCounted,
} from '../support/counted-cities.js'
import { contractTest, type DatabaseName, type TestDatabase, type TestTarget } from '../support/databases.js'
import type { ProtocolPoint } from '../support/die-at.js'
import { createNotedCities, noteCities, notesOfCities } from '../support/noted-cities.js'

const dyingRun = join(__dirname, 'fixtures/dying-run.ts')
const dyingSql = join(__dirname, 'fixtures/dying-sql.ts')
const dyingInsert = join(__dirname, 'fixtures/dying-insert.ts')

/** Four batches of ten; rows 11, 21 and 31 are conflicts. */
const rows = 40
const conflicts = 3

interface Death {
  readonly point: ProtocolPoint | { readonly transformOf: number }
  /** Rows whose renaming nobody sees as a conflict, because their batch died before it was committed. */
  readonly unseenConflicts?: number
}

const sinceConflict = 'put-failures'

const deaths: Record<string, Death> = {
  'while the state tables are made': { point: { label: 'state-create', when: 'after', nth: 2 } },
  'when the run is inserted': { point: { label: 'insert-run', when: 'after' } },
  'when the run is started': { point: { label: 'commit', when: 'after', since: 'insert-shard' } },
  'when a shard is claimed': { point: { label: 'claim-shard', when: 'after' } },
  'after the claim was committed': { point: { label: 'commit', when: 'after', since: 'claim-shard' } },
  'after a page was read': { point: { label: 'read-page', when: 'after', nth: 2 } },
  'while the transform runs': { point: { transformOf: 15 } },
  'before the fence': { point: { label: 'fence', when: 'before', nth: 2 }, unseenConflicts: 1 },
  'between fence and update': { point: { label: 'fence', when: 'after', nth: 2 }, unseenConflicts: 1 },
  // To look at the rows that were not written is the first thing after the update.
  'between update and commit': { point: { label: 'read-keys', when: 'before' }, unseenConflicts: 1 },
  'when a conflict is noted': { point: { label: sinceConflict, when: 'after' }, unseenConflicts: 1 },
  'before the commit of a conflict': {
    point: { label: 'commit', when: 'before', since: sinceConflict },
    unseenConflicts: 1,
  },
  'right after the commit of a conflict': { point: { label: 'commit', when: 'after', since: sinceConflict } },
  'when a changed row is read again': { point: { label: 'read-keys', when: 'after', since: sinceConflict } },
  'between fence and update of a conflict': { point: { label: 'fence', when: 'after', since: sinceConflict } },
  'when a settled conflict is taken off the list': {
    point: { label: 'delete-failures', when: 'after', since: sinceConflict },
  },
  'before the commit of a settled conflict': {
    point: { label: 'commit', when: 'before', nth: 2, since: sinceConflict },
  },
  'after the commit of a settled conflict': { point: { label: 'commit', when: 'after', nth: 2, since: sinceConflict } },
  'before a shard is finished': { point: { label: 'finish-shard', when: 'before' } },
  'after a shard is finished': { point: { label: 'commit', when: 'after', since: 'finish-shard' } },
  'while a sweep begins': { point: { label: 'reopen-shard', when: 'after' } },
  'after a sweep began': { point: { label: 'commit', when: 'after', since: 'reopen-shard' } },
  'during a sweep': { point: { label: 'fence', when: 'after', since: 'reopen-shard' } },
  'before the verification is stored': { point: { label: 'set-verification', when: 'before' } },
  'before the run is completed': { point: { label: 'move-run', when: 'before', since: 'set-verification' } },
  'when the run is completed': { point: { label: 'commit', when: 'before', since: 'set-verification' } },
}

for (const [moment, { point, unseenConflicts = 0 }] of Object.entries(deaths)) {
  contractTest(`loses and repeats nothing when it is killed ${moment}`, async (database, target) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, rows)
    await isKilled(dyingRun, database, point)
    await expectCheckpointIsTrue(database)

    const dataSource = await database.connect()
    if (await hasState(database)) await expireLease(app)
    expect(await runBackfill(dataSource, countedSlug(app))).toMatchObject({
      status: 'completed',
      coverage: 'every-match',
      counts: {
        // The pass, and a sweep that finds nothing.
        scanned: 2 * rows,
        written: rows,
        unchanged: 0,
        left: 0,
        skipped: 0,
        conflicts: conflicts - unseenConflicts,
        failures: 0,
      },
    })
    expect(await readCounted(app)).toEqual(await uninterrupted(target))
    expect(await readCheckpoint(app)).toMatchObject({ written: rows, conflicts: [] })
  })
}

const deathsInSql: Record<string, ProtocolPoint> = {
  'between fence and update': { label: 'fence', when: 'after', nth: 2 },
  'between update and commit': { label: 'update-range', when: 'after', nth: 2 },
  'before the commit': { label: 'commit', when: 'before', nth: 2, since: 'update-range' },
  'right after the commit': { label: 'commit', when: 'after', nth: 2, since: 'update-range' },
}

for (const [moment, point] of Object.entries(deathsInSql)) {
  contractTest(`counts no row twice by SQL without a where when it is killed ${moment}`, async (database) => {
    const app = await database.connect()
    await createCities(app, database.name, rows)
    await isKilled(dyingSql, database, point)
    const { cursor, written } = await readCheckpoint(app)
    expect(await countWhere(app, `touched = 1 and id <= ${cursor}`)).toBe(written)
    expect(await countWhere(app, `touched <> 0 and id > ${cursor}`)).toBe(0)

    await expireLease(app)
    expect(await runBackfill(await database.connect(), countVisits)).toMatchObject({
      status: 'completed',
      coverage: 'keys-once',
      counts: { scanned: rows, written: rows },
    })
    expect(await countWhere(app, 'touched = 1')).toBe(rows)
  })
}

const deathsInInserts: Record<string, ProtocolPoint> = {
  'between fence and insert': { label: 'fence', when: 'after', nth: 2 },
  'between insert and journal': { label: 'insert-rows', when: 'after', nth: 2 },
  'before the commit': { label: 'commit', when: 'before', nth: 2, since: 'insert-rows' },
  'right after the commit': { label: 'commit', when: 'after', nth: 2, since: 'insert-rows' },
}

for (const [moment, point] of Object.entries(deathsInInserts)) {
  contractTest(`creates rows of another table exactly once when it is killed ${moment}`, async (database) => {
    const app = await database.connect()
    await createNotedCities(app, database.name, rows)
    await isKilled(dyingInsert, database, point)
    const { cursor = 0, written } = await readCheckpoint(app)
    const notes = await notesOfCities(app)
    expect(notes).toEqual(notes.map((_, i) => (i < cursor ? 2 : 0)))
    expect(written).toBe(2 * cursor)

    await expireLease(app)
    expect(await runBackfill(await database.connect(), noteCities)).toMatchObject({
      status: 'completed',
      counts: { scanned: rows, written: 2 * rows },
    })
    expect(await notesOfCities(app)).toEqual(Array(rows).fill(2))
    const [journal] = await app.query('select count(*) as n from rowshift_journal')
    expect(Number(journal.n)).toBe(2 * rows)
  })
}

async function isKilled(file: string, database: TestDatabase, point: Death['point']): Promise<void> {
  const child = runChild(file, [JSON.stringify(database), JSON.stringify(point)])
  expect(await child.exited, child.output()).toEqual({ code: null, signal: 'SIGKILL' })
}

/** Cursor, counters and conflicts speak of exactly the rows that were written. */
async function expectCheckpointIsTrue(database: TestDatabase): Promise<void> {
  if (!(await hasState(database))) return
  const dataSource = await database.connect()
  const { cities, writes } = await readCounted(dataSource)
  const { cursor = 0, written, scanned, conflicts } = await readCheckpoint(dataSource)
  const migrated = cities.filter((city) => city.slug !== null).map((city) => city.id)
  expect(writes).toEqual(migrated)
  expect(written).toBe(migrated.length)
  expect(scanned).toBeGreaterThanOrEqual(cursor)
  const passed = cities.filter((city) => city.id <= cursor).map((city) => city.id)
  const isSweep = scanned >= rows
  if (!isSweep) expect([...migrated, ...conflicts].sort((a, b) => a - b)).toEqual(passed)
}

async function hasState(database: TestDatabase): Promise<boolean> {
  const dataSource = await database.connect()
  const runner = dataSource.createQueryRunner()
  try {
    return await runner.hasTable('rowshift_failure')
  } finally {
    await runner.release()
  }
}

const expected = new Map<DatabaseName, ReturnType<typeof readCounted>>()

/** The rows after a run that nothing disturbed. */
function uninterrupted(target: TestTarget): ReturnType<typeof readCounted> {
  const known = expected.get(target.name)
  if (known) return known
  const rowsThen = run(target)
  expected.set(target.name, rowsThen)
  return rowsThen
}

async function run(target: TestTarget) {
  const database = await target.createDatabase()
  try {
    const dataSource = await database.connect()
    await createCountedCities(dataSource, database.name, rows)
    await runBackfill(await database.connect(), countedSlug(dataSource))
    const counted = await readCounted(dataSource)
    expect(counted.cities.every((city) => city.slug !== null && city.touched === 1)).toBe(true)
    expect(counted.writes).toEqual(counted.cities.map((city) => city.id))
    return counted
  } finally {
    await database.drop()
  }
}
