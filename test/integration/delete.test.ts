import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { backfill as backfillInMigration, requireCompleted } from '../../src/adapters/typeorm/index.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { type Backfill, defineBackfill, sql } from '../../src/index.js'
import { replayFailures } from '../../src/runs/control/replay.js'
import { dryRun } from '../../src/runs/plan/dry-run.js'
import { planRun } from '../../src/runs/plan/plan-run.js'
import { readFailures } from '../../src/runs/read-status.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { codeOf, portTo, runBackfill, withQueryRunner } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { contractTest, type DatabaseName, typeormTest } from '../support/databases.js'

/* Rows that match are deleted, and may be archived before. */

const serial = (name: DatabaseName) =>
  bySql(name, {
    sqlite: 'integer primary key autoincrement',
    postgres: 'bigint generated always as identity primary key',
    mariadb: 'bigint primary key auto_increment',
  })

/** Of every kind that has to come back as it was; `total` is computed. */
const columns = (name: DatabaseName) => `
  label varchar(100), amount decimal(10, 2), at ${bySql(name, { sqlite: 'datetime', postgres: 'timestamptz', mariadb: 'datetime(6)' })},
  raw ${bySql(name, { sqlite: 'blob', postgres: 'bytea', mariadb: 'varbinary(20)' })}, closed boolean not null`

/** `visit (id generated, label, amount, at, raw, closed, total computed)`: every third is open. */
async function createVisits(dataSource: DataSource, name: DatabaseName, rows: number): Promise<void> {
  const computed =
    name === 'postgres' ? 'decimal(10, 2) generated always as (amount * 2) stored' : 'decimal(10, 2) as (amount * 2)'
  await dataSource.query(`create table visit (id ${serial(name)}, ${columns(name)}, total ${computed})`)
  const values = Array.from({ length: rows }, (_, i) => {
    const n = i + 1
    const raw = bySql(name, { sqlite: `x'00ff'`, postgres: `'\\x00ff'`, mariadb: `x'00ff'` })
    const label = n % 4 === 0 ? 'null' : `'Visit "${n}", a\\b'`
    return `(${label}, ${n}.50, '2024-02-29 12:00:00', ${raw}, ${n % 3 !== 0})`
  })
  const escaped = name === 'mariadb' ? values.join(', ').replaceAll('\\', '\\\\') : values.join(', ')
  await dataSource.query(`insert into visit (label, amount, at, raw, closed) values ${escaped}`)
}

/** The same columns, with a key that is given and one more that has a default; `total` is a plain one. */
async function createArchive(dataSource: DataSource, name: DatabaseName): Promise<void> {
  const id = bySql(name, { sqlite: 'integer', postgres: 'bigint', mariadb: 'bigint' })
  await dataSource.query(
    `create table visit_archive (kept_until date default '2030-01-01', id ${id} not null primary key, ${columns(name)}, total decimal(10, 2))`,
  )
}

const all = (dataSource: DataSource, table: string): Promise<unknown[]> =>
  dataSource.query(`select * from ${table} order by id`)

const count = async (dataSource: DataSource, from: string): Promise<number> => {
  const [row] = await dataSource.query(`select count(*) as n from ${from}`)
  return Number(row.n)
}

const closedVisits = (options: object = {}) =>
  defineBackfill.delete({
    name: 'visit.closed',
    table: 'visit',
    where: sql`closed`,
    batchRows: 20,
    ...options,
  })

const undo = (dataSource: DataSource, definition: Backfill) =>
  undoInForeground({ database: portTo(dataSource), definition: definitionOf(definition), run: undefined })

const listed = async (dataSource: DataSource, name = 'visit.closed') =>
  (await readFailures(portTo(dataSource), name, { limit: 100 })).failures

contractTest('deletes the rows that match, late ones too, and opens the gate', async (database) => {
  const dataSource = await database.connect()
  await createVisits(dataSource, database.name, 90)
  const definition = closedVisits()
  let isLate = false
  const result = await runBackfill(dataSource, definition, {
    hooks: {
      inject({ label }, when) {
        if (label !== 'delete-range' || when !== 'after' || isLate) return undefined
        isLate = true
        return `insert into visit (label, amount, closed) values ('Late', 1, true)`
      },
    },
  })
  expect(result).toMatchObject({ status: 'completed', coverage: 'every-match', counts: { written: 61, failures: 0 } })
  expect(await count(dataSource, 'visit')).toBe(30)
  expect(await count(dataSource, 'visit where closed')).toBe(0)
  await withQueryRunner(dataSource, async (queryRunner) => {
    await requireCompleted(queryRunner, definition)
    await dataSource.query(`insert into visit (label, amount, closed) values ('Later', 1, true)`)
    expect(await codeOf(requireCompleted(queryRunner, definition))).toBe('GATE_SHUT')
  })
})

contractTest('archives each row before it is deleted, and undo moves them back as they were', async (database) => {
  const dataSource = await database.connect()
  await createVisits(dataSource, database.name, 90)
  await createArchive(dataSource, database.name)
  await dataSource.query(`insert into visit_archive (id, label, closed) values (3, 'Of another year', true)`)
  const before = await all(dataSource, 'visit')
  const definition = closedVisits({ archive: { into: 'visit_archive' } })
  expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'completed', counts: { written: 60 } })
  expect(await count(dataSource, 'visit')).toBe(30)
  expect(await count(dataSource, `visit_archive where closed and total = amount * 2 and kept_until is not null`)).toBe(
    60,
  )
  // What is in the archive is not kept a second time.
  const [journal] = await dataSource.query(
    'select count(*) as n, max(length(before_image)) as longest from rowshift_journal',
  )
  expect({ entries: Number(journal.n), isShort: Number(journal.longest) < 10 }).toEqual({ entries: 60, isShort: true })

  await dataSource.query(`delete from visit_archive where id = 1`)
  await dataSource.query(
    `insert into visit (id, label, amount, closed) ${database.name === 'postgres' ? 'overriding system value' : ''} values (2, 'Newer', 1, false)`,
  )
  expect(await undo(dataSource, definition)).toMatchObject({
    by: 'journal',
    result: { counts: { written: 58, failures: 2 } },
  })
  expect((await listed(dataSource, 'visit.closed#undo')).map(({ key, code }) => [key, code]).sort()).toEqual([
    ['["1"]', 'CHANGED_SINCE'],
    ['["2"]', 'CHANGED_SINCE'],
  ])
  const after = await all(dataSource, 'visit')
  expect(after.slice(1)).toEqual(before.slice(2))
  expect((await all(dataSource, 'visit_archive')).map((row) => Number((row as { id: unknown }).id))).toEqual([2, 3])
})

contractTest('with a journal undo creates rows again exactly, where their keys are free', async (database) => {
  const dataSource = await database.connect()
  await createVisits(dataSource, database.name, 60)
  const before = await all(dataSource, 'visit')
  const definition = closedVisits({ journal: true })
  expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'completed', counts: { written: 40 } })
  expect(await count(dataSource, 'visit')).toBe(20)
  expect(await undo(dataSource, definition)).toMatchObject({
    by: 'journal',
    result: { counts: { written: 40, failures: 0 } },
  })
  expect(await all(dataSource, 'visit')).toEqual(before)
  expect(await count(dataSource, 'rowshift_journal')).toBe(0)

  await runBackfill(dataSource, definition)
  await dataSource.query('create unique index visit_label on visit (label)')
  await dataSource.query(
    `update visit set label = (select max(l.before_label) from (select 'Visit "5", a${bySql(database.name, { sqlite: '\\', postgres: '\\', mariadb: '\\\\' })}b' as before_label) as l) where id = 3`,
  )
  expect(await undo(dataSource, definition)).toMatchObject({ result: { counts: { written: 39, failures: 1 } } })
  expect(await listed(dataSource, 'visit.closed#undo')).toMatchObject([{ key: '["5"]', code: 'ROW_REFUSED' }])
})

contractTest('a row that is referenced is found by halves and listed, and a replay deletes it', async (database) => {
  const dataSource = await database.connect()
  await createVisits(dataSource, database.name, 60)
  await createArchive(dataSource, database.name)
  const id = bySql(database.name, { sqlite: 'integer', postgres: 'bigint', mariadb: 'bigint' })
  await dataSource.query(
    `create table note (id integer primary key, visit_id ${id} not null, foreign key (visit_id) references visit (id))`,
  )
  await dataSource.query('insert into note (id, visit_id) values (1, 7), (2, 8), (3, 9)')
  for (const options of [{}, { archive: { into: 'visit_archive' } }]) {
    const definition = closedVisits({ ...options, name: `visit.closed-${Object.keys(options).length}`, maxFailures: 5 })
    const { name } = definition
    expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'completed', counts: { failures: 2 } })
    expect((await listed(dataSource, name)).map(({ key, code }) => [key, code]).sort()).toEqual([
      ['["7"]', 'ROW_REFUSED'],
      ['["8"]', 'ROW_REFUSED'],
    ])
    expect(await count(dataSource, 'visit where closed')).toBe(2)
    expect(await count(dataSource, 'visit_archive')).toBe(0)
  }
  await dataSource.query('delete from note where id = 2')
  const definition = closedVisits({ archive: { into: 'visit_archive' }, name: 'visit.closed-1', maxFailures: 5 })
  expect(await replayFailures({ database: portTo(dataSource), definition: definitionOf(definition) })).toMatchObject({
    cleared: 1,
    remaining: 1,
  })
  expect(await count(dataSource, 'visit_archive')).toBe(1)
})

contractTest('plan and dry run show what would go, and delete nothing', async (database) => {
  const dataSource = await database.connect()
  await createVisits(dataSource, database.name, 30)
  await createArchive(dataSource, database.name)
  const definition = definitionOf(closedVisits({ archive: { into: 'visit_archive' } }))
  const plan = await planRun(portTo(dataSource), definition, { sampleRows: 3 })
  expect(plan).toMatchObject({
    rows: { matching: 20, isCounted: true },
    writes: [],
    removes: { archive: 'visit_archive' },
    queries: [{ purpose: 'page', isByIndex: true }, { purpose: 'write' }],
    undo: 'journal',
    sample: [
      { key: ['1'], isRemoved: true },
      { key: ['2'], isRemoved: true },
      { key: ['4'], isRemoved: true },
    ],
  })
  const signal = new AbortController().signal
  expect(await dryRun(portTo(dataSource), definition, { abort: signal })).toMatchObject({
    scanned: 20,
    written: 14,
    failures: [],
  })
  expect(await count(dataSource, 'visit')).toBe(30)
  expect(await count(dataSource, 'visit_archive')).toBe(0)
})

contractTest('what the database would change along with the rows has to be named', async (database) => {
  const dataSource = await database.connect()
  await createVisits(dataSource, database.name, 30)
  const id = bySql(database.name, { sqlite: 'integer', postgres: 'bigint', mariadb: 'bigint' })
  await dataSource.query(
    `create table note (id integer not null primary key, visit_id ${id}, foreign key (visit_id) references visit (id) on delete cascade)`,
  )
  await dataSource.query(
    'create table reply (id integer not null primary key, note_id integer, foreign key (note_id) references note (id) on delete set null)',
  )
  await dataSource.query('insert into note (id, visit_id) values (1, 1), (2, 3)')
  await dataSource.query('insert into reply (id, note_id) values (1, 1), (2, 2)')
  expect(await codeOf(() => runBackfill(dataSource, closedVisits()))).toBe('CASCADE_NOT_NAMED')
  expect(await codeOf(() => runBackfill(dataSource, closedVisits({ cascade: ['note'] })))).toBe('CASCADE_NOT_NAMED')
  expect(await codeOf(() => planRun(portTo(dataSource), definitionOf(closedVisits()), { sampleRows: 1 }))).toBe(
    'CASCADE_NOT_NAMED',
  )
  expect(await count(dataSource, 'visit')).toBe(30)
  const definition = closedVisits({ cascade: ['note', 'reply'] })
  const { effects } = await planRun(portTo(dataSource), definitionOf(definition), { sampleRows: 1 })
  expect(effects.foreignKeys).toEqual([expect.stringContaining('of note (on delete cascade)')])
  expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'completed', counts: { written: 20 } })
  expect(await count(dataSource, 'note')).toBe(1)
  expect(await count(dataSource, 'reply where note_id is null')).toBe(1)
})

contractTest('an archive that would lose something is refused before anything is read', async (database) => {
  const dataSource = await database.connect()
  const { name } = database
  await createVisits(dataSource, name, 3)
  const definition = closedVisits({ archive: { into: 'visit_archive' } })
  const refused = async (table: string | undefined) => {
    if (table) await dataSource.query(`create table visit_archive (${table})`)
    const code = await codeOf(() => runBackfill(dataSource, definition))
    if (table) await dataSource.query('drop table visit_archive')
    return code
  }
  const id = bySql(name, { sqlite: 'integer', postgres: 'bigint', mariadb: 'bigint' })
  expect(await refused(undefined)).toBe('TABLE_NOT_FOUND')
  expect(await refused(`id ${id} not null primary key, label varchar(100)`)).toBe('COLUMN_NOT_FOUND')
  expect(await refused(`id ${id} not null primary key, ${columns(name).replace('varchar(100)', 'varchar(99)')}`)).toBe(
    'COLUMN_TYPE_MISMATCH',
  )
  expect(await refused(`id ${id} not null, line integer not null primary key, ${columns(name)}`)).toBe(
    'UNIQUE_NEEDS_INDEX',
  )
  expect(await codeOf(() => runBackfill(dataSource, closedVisits({ archive: { into: 'visit' } })))).toBe(
    'INVALID_DEFINITION',
  )
  expect(await codeOf(() => undo(dataSource, closedVisits()))).toBe('IRREVERSIBLE')
  expect(await count(dataSource, 'visit')).toBe(3)
})

contractTest('stops when the journal is full, and goes on with a larger one', async (database) => {
  const dataSource = await database.connect()
  await createVisits(dataSource, database.name, 60)
  expect(await codeOf(() => runBackfill(dataSource, closedVisits({ journal: { maxBytes: 2000 } })))).toBe(
    'JOURNAL_FULL',
  )
  const left = await count(dataSource, 'visit')
  expect(left).toBeGreaterThan(20)
  expect(left).toBeLessThan(60)
  expect(await runBackfill(dataSource, closedVisits({ journal: true }))).toMatchObject({
    status: 'completed',
    counts: { written: 40 },
  })
})

typeormTest('inside the transaction of a migration it commits and rolls back with it', async (database) => {
  const dataSource = await database.connect()
  await createVisits(dataSource, database.name, 30)
  await createArchive(dataSource, database.name)
  const inTransaction = (end: 'commit' | 'rollback') =>
    withQueryRunner(dataSource, async (queryRunner) => {
      await queryRunner.startTransaction()
      await backfillInMigration(
        queryRunner,
        closedVisits({ archive: { into: 'visit_archive' }, where: sql`closed and id > 3` }),
      )
      await (end === 'commit' ? queryRunner.commitTransaction() : queryRunner.rollbackTransaction())
    })
  await inTransaction('rollback')
  expect([await count(dataSource, 'visit'), await count(dataSource, 'visit_archive')]).toEqual([30, 0])
  await inTransaction('commit')
  expect([await count(dataSource, 'visit'), await count(dataSource, 'visit_archive')]).toEqual([12, 18])
})
