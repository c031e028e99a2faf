import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { backfill as backfillInMigration, requireCompleted, schedule } from '../../src/adapters/typeorm/index.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { type Backfill, defineBackfill, sql } from '../../src/index.js'
import { replayFailures } from '../../src/runs/control/replay.js'
import { dryRun } from '../../src/runs/plan/dry-run.js'
import { planRun } from '../../src/runs/plan/plan-run.js'
import { readFailures } from '../../src/runs/read-status.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { codeOf, portTo, runBackfill, withQueryRunner } from '../support/backfills.js'
import { raiseBarrier } from '../support/barrier.js'
import { bySql } from '../support/by-sql.js'
import { contractTest, contractTestOn, type DatabaseName, typeormTest } from '../support/databases.js'

/* Of the rows that are the same one survives, and what refers to the others refers to it. */

const idType = (name: DatabaseName) => bySql(name, { sqlite: 'integer', postgres: 'bigint', mariadb: 'bigint' })

interface Person {
  readonly id: number
  readonly email: string | null
  readonly at?: string | null
}

/** `person (id, email indexed, at, referrer_id -> person)`, `purchase (id, person_id -> person, email)`, `login (id, person_id)`. */
async function createPeople(dataSource: DataSource, name: DatabaseName, people: readonly Person[]): Promise<void> {
  const id = idType(name)
  await dataSource.query(
    `create table person (id ${id} primary key not null, email varchar(100), at date, referrer_id ${id}, is_old boolean not null default false,
      foreign key (referrer_id) references person (id))`,
  )
  await dataSource.query('create index person_email on person (email, at, id)')
  await dataSource.query('create index person_referrer on person (referrer_id)')
  await dataSource.query(
    `create table purchase (id ${id} primary key not null, person_id ${id} not null, email varchar(100), foreign key (person_id) references person (id))`,
  )
  await dataSource.query('create index purchase_person on purchase (person_id)')
  await dataSource.query(`create table login (id ${id} primary key not null, person_id ${id})`)
  await dataSource.query('create index login_person on login (person_id)')
  const quoted = (text: string | null | undefined) => (text === null || text === undefined ? 'null' : `'${text}'`)
  const values = people.map(({ id, email, at }) => `(${id}, ${quoted(email)}, ${quoted(at)})`)
  await dataSource.query(`insert into person (id, email, at) values ${values.join(', ')}`)
  await dataSource.query('insert into purchase (id, person_id, email) select id * 10, id, email from person')
  await dataSource.query('insert into login (id, person_id) select id, id from person')
}

/** A hundred people in groups of three, one after the other, and one who is alone. */
const hundred: readonly Person[] = Array.from({ length: 100 }, (_, i) => ({
  id: i + 1,
  email: `p${i % 34}@x`,
  at: `2024-01-${String(28 - Math.floor(i / 34)).padStart(2, '0')}`,
}))

const numbers = async (dataSource: DataSource, query: string): Promise<number[]> => {
  const rows: Record<string, unknown>[] = await dataSource.query(query)
  return rows.map((row) => Number(Object.values(row)[0]))
}
const ids = (dataSource: DataSource, table = 'person') => numbers(dataSource, `select id from ${table} order by id`)
const count = async (dataSource: DataSource, from: string) =>
  (await numbers(dataSource, `select count(*) as n from ${from}`))[0]!

const repoint = { person: 'referrer_id', purchase: 'person_id', login: 'person_id' }

const samePeople = (options: object = {}) =>
  defineBackfill.dedupe({
    name: 'person.same',
    table: 'person',
    by: ['email'],
    keep: { first: 'at' },
    repoint,
    batchRows: 30,
    ...options,
  })

const undo = (dataSource: DataSource, definition: Backfill) =>
  undoInForeground({ database: portTo(dataSource), definition: definitionOf(definition), run: undefined })

const listed = async (dataSource: DataSource, name = 'person.same') =>
  (await readFailures(portTo(dataSource), name, { limit: 100 })).failures

/** Everything that a run may change, to be compared. */
const everything = async (dataSource: DataSource) =>
  Promise.all(['person', 'purchase', 'login'].map((table) => dataSource.query(`select * from ${table} order by id`)))

contractTest('one row of each group survives, by a total order, and everything refers to it', async (database) => {
  const dataSource = await database.connect()
  await createPeople(dataSource, database.name, [
    { id: 1, email: 'a', at: '2024-02-02' },
    { id: 2, email: 'a', at: '2024-02-01' },
    { id: 3, email: 'a', at: null },
    { id: 4, email: 'b', at: null },
    { id: 5, email: 'b', at: '2024-02-09' },
    { id: 6, email: 'c', at: '2024-02-01' },
    { id: 7, email: 'c', at: '2024-02-01' },
    { id: 8, email: null, at: '2024-02-01' },
    { id: 9, email: null, at: '2024-02-01' },
    { id: 10, email: 'd', at: null },
    { id: 11, email: 'd', at: null },
  ])
  await dataSource.query('update person set referrer_id = 7 where id in (2, 3)')
  // The table's own rows, a page of two, and a group that is in several pages.
  const definition = samePeople({ batchRows: 2 })
  expect(await runBackfill(dataSource, definition)).toMatchObject({
    status: 'completed',
    coverage: 'every-match',
    counts: { written: 5, failures: 0 },
  })
  expect(await ids(dataSource)).toEqual([2, 5, 6, 8, 9, 10])
  expect(await numbers(dataSource, 'select referrer_id from person where id = 2')).toEqual([6])
  const owners = [2, 2, 2, 5, 5, 6, 6, 8, 9, 10, 10]
  expect(await numbers(dataSource, 'select person_id from purchase order by id')).toEqual(owners)
  expect(await numbers(dataSource, 'select person_id from login order by id')).toEqual(owners)
  await withQueryRunner(dataSource, async (queryRunner) => {
    await requireCompleted(queryRunner, definition)
    await dataSource.query(`insert into person (id, email) values (20, 'a')`)
    expect(await codeOf(requireCompleted(queryRunner, definition))).toBe('GATE_SHUT')
    await schedule(queryRunner, definition)
  })
  expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'completed', counts: { written: 1 } })
  await dataSource.query('create unique index person_unique on person (email)')
})

contractTest(
  'the last one survives as well, of the rows that are looked at, by one column after the other',
  async (database) => {
    const dataSource = await database.connect()
    await createPeople(dataSource, database.name, [
      { id: 1, email: 'a', at: '2024-02-02' },
      { id: 2, email: 'a', at: '2024-02-02' },
      { id: 3, email: 'a', at: null },
      { id: 4, email: 'a', at: '2024-02-01' },
      { id: 5, email: 'a', at: '2024-02-09' },
      { id: 6, email: 'b', at: '2024-02-09' },
    ])
    await dataSource.query('update person set is_old = true where id in (5)')
    const definition = samePeople({ keep: [{ last: 'at' }, { last: 'id' }], where: sql`not person.is_old` })
    expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'completed', counts: { written: 3 } })
    expect(await ids(dataSource)).toEqual([2, 5, 6])
  },
)

contractTest('an expression tells what is the same, and the collation of a column', async (database) => {
  const dataSource = await database.connect()
  await createPeople(dataSource, database.name, [
    { id: 1, email: 'a@x' },
    { id: 2, email: 'A@x' },
    { id: 3, email: 'b@x' },
  ])
  const byColumn = samePeople({ name: 'person.by-column' })
  const bySame = samePeople({ name: 'person.by-expression', by: sql`lower(email)` })
  // MariaDB's usual collation takes the two for the same, as its unique index would.
  const isFolded = database.name === 'mariadb'
  expect(await runBackfill(dataSource, byColumn)).toMatchObject({ counts: { written: isFolded ? 1 : 0 } })
  expect(await runBackfill(dataSource, bySame)).toMatchObject({ counts: { written: isFolded ? 0 : 1 } })
  expect(await ids(dataSource)).toEqual([1, 3])
})

contractTest('others are marked, once, and nothing has to refer to the survivor', async (database) => {
  const dataSource = await database.connect()
  await createPeople(dataSource, database.name, hundred)
  const before = await everything(dataSource)
  const definition = samePeople({
    others: { mark: { is_old: database.name === 'mariadb' ? 1 : true } },
    repoint: { login: 'person_id' },
    journal: true,
  })
  for (const written of [66, 0]) {
    expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'completed', counts: { written } })
    expect(await count(dataSource, 'person where is_old')).toBe(66)
    expect(await count(dataSource, 'login l join person p on p.id = l.person_id where p.is_old')).toBe(0)
    expect(await count(dataSource, 'purchase l join person p on p.id = l.person_id where p.is_old')).toBe(66)
  }
  expect(await undo(dataSource, definition)).toMatchObject({ result: { counts: { failures: 0 } } })
  expect(await everything(dataSource)).toEqual(before)
})

contractTest('undo restores what was deleted and what was moved, where it is untouched since', async (database) => {
  const dataSource = await database.connect()
  await createPeople(dataSource, database.name, hundred)
  await dataSource.query('update person set referrer_id = 101 - id')
  const before = await everything(dataSource)
  const definition = samePeople({ journal: true })
  expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'completed', counts: { written: 66 } })
  expect(await ids(dataSource)).toEqual(Array.from({ length: 34 }, (_, i) => 67 + i))
  expect(await undo(dataSource, definition)).toMatchObject({ by: 'journal', result: { counts: { failures: 0 } } })
  expect(await everything(dataSource)).toEqual(before)
  expect(await count(dataSource, 'rowshift_journal')).toBe(0)

  await runBackfill(dataSource, definition)
  await dataSource.query('update purchase set person_id = 100 where id = 10')
  await dataSource.query(`insert into person (id, email) values (2, 'other')`)
  expect(await undo(dataSource, definition)).toMatchObject({ result: { counts: { failures: 2 } } })
  expect((await listed(dataSource, 'person.same#undo')).map(({ key, code }) => [key, code]).sort()).toEqual([
    ['["2"]', 'CHANGED_SINCE'],
    ['["purchase","10"]', 'CHANGED_SINCE'],
  ])
  expect(await numbers(dataSource, 'select person_id from purchase where id in (10, 30) order by id')).toEqual([100, 3])
})

contractTest('a row that cannot be moved is found by halves and listed, and a replay settles it', async (database) => {
  const dataSource = await database.connect()
  await createPeople(dataSource, database.name, hundred)
  const id = idType(database.name)
  await dataSource.query(
    `create table member (person_id ${id} not null, club_id ${id} not null, primary key (person_id, club_id), foreign key (person_id) references person (id))`,
  )
  // Both 5 and its survivor 73 are of one club; 6 is of another one than its survivor 74.
  await dataSource.query('insert into member (person_id, club_id) values (5, 1), (73, 1), (6, 1), (74, 2)')
  const definition = samePeople({ repoint: { ...repoint, member: 'person_id' }, maxFailures: 3, journal: true })
  expect(await runBackfill(dataSource, definition)).toMatchObject({
    status: 'completed',
    counts: { written: 65, failures: 1 },
  })
  expect(await listed(dataSource)).toMatchObject([{ key: '["5"]', code: 'ROW_REFUSED' }])
  expect(await numbers(dataSource, 'select club_id from member where person_id = 74 order by club_id')).toEqual([1, 2])
  expect(await numbers(dataSource, 'select person_id from purchase where id = 50')).toEqual([5])
  await dataSource.query('delete from member where person_id = 5')
  const replayed = await replayFailures({ database: portTo(dataSource), definition: definitionOf(definition) })
  expect(replayed).toMatchObject({ cleared: 1, remaining: 0 })
  expect(await numbers(dataSource, 'select person_id from purchase where id = 50')).toEqual([73])
  // The key of a row that was moved contains what was changed.
  expect(await undo(dataSource, definition)).toMatchObject({ result: { counts: { failures: 0 } } })
  expect(await numbers(dataSource, 'select person_id from member order by person_id')).toEqual([6, 73, 74])
})

contractTest('keys and references of several columns', async (database) => {
  const dataSource = await database.connect()
  const id = idType(database.name)
  await dataSource.query(
    `create table seat (hall ${id} not null, place ${id} not null, code varchar(20) not null unique, label varchar(20), primary key (hall, place))`,
  )
  await dataSource.query('create index seat_label on seat (label)')
  await dataSource.query(
    `create table ticket (id ${id} primary key not null, hall ${id}, place ${id}, code varchar(20) references seat (code),
      foreign key (hall, place) references seat (hall, place), foreign key (code) references seat (code))`,
  )
  await dataSource.query('create index ticket_seat on ticket (place, hall)')
  await dataSource.query('create index ticket_code on ticket (code)')
  await dataSource.query(
    `insert into seat (hall, place, code, label) values (1, 1, 'k11', 'a'), (1, 2, 'k12', 'b'), (2, 1, 'k21', 'a'), (2, 2, 'k22', 'b'), (2, 3, 'k23', 'c')`,
  )
  await dataSource.query(
    `insert into ticket (id, hall, place, code) values (1, 2, 1, 'k22'), (2, 2, 2, 'k21'), (3, null, 2, null), (4, 2, 3, 'k23')`,
  )
  const seats = defineBackfill.dedupe({
    name: 'seat.same',
    table: 'seat',
    by: ['label'],
    keep: { first: 'hall' },
    repoint: { ticket: [['place', 'hall'], 'code'] },
  })
  expect(await runBackfill(dataSource, seats)).toMatchObject({ status: 'completed', counts: { written: 2 } })
  const tickets: Record<string, unknown>[] = await dataSource.query('select hall, place, code from ticket order by id')
  expect(tickets.map(({ hall, place, code }) => [Number(hall), Number(place), code])).toEqual([
    [1, 1, 'k12'],
    [1, 2, 'k11'],
    [0, 2, null],
    [2, 3, 'k23'],
  ])
})

contractTest(
  'plan lists groups, survivors and what would refer to them; neither it nor a dry run writes',
  async (database) => {
    const dataSource = await database.connect()
    await createPeople(dataSource, database.name, hundred)
    const before = await everything(dataSource)
    const definition = definitionOf(samePeople())
    const plan = await planRun(portTo(dataSource), definition, { sampleRows: 1 })
    expect(plan).toMatchObject({
      rows: { matching: 66, isCounted: true },
      removes: { archive: null },
      undo: 'irreversible',
      duplicates: {
        groups: 34,
        others: 66,
        isWhole: true,
        repoint: [
          { table: 'person', rows: 0 },
          { table: 'purchase', columns: ['person_id'], rows: 66 },
          { table: 'login', rows: 66 },
        ],
      },
    })
    expect(plan.duplicates?.first).toHaveLength(20)
    expect(plan.duplicates?.first[0]).toEqual({ survivor: ['69'], others: [['1'], ['35']] })
    const signal = new AbortController().signal
    expect(await dryRun(portTo(dataSource), definition, { abort: signal })).toMatchObject({
      scanned: 30,
      written: 30,
      failures: [],
    })
    expect(await everything(dataSource)).toEqual(before)
  },
)

contractTest('a foreign key that is not named is refused before anything is written', async (database) => {
  const dataSource = await database.connect()
  await createPeople(dataSource, database.name, hundred.slice(0, 3))
  const refused = (options: object) => codeOf(() => runBackfill(dataSource, samePeople(options)))
  expect(await refused({ repoint: { purchase: 'person_id' } })).toBe('REFERENCE_NOT_NAMED')
  expect(await refused({ repoint: undefined })).toBe('REFERENCE_NOT_NAMED')
  expect(
    await codeOf(() =>
      planRun(portTo(dataSource), definitionOf(samePeople({ repoint: undefined })), { sampleRows: 1 }),
    ),
  ).toBe('REFERENCE_NOT_NAMED')
  expect(await refused({ repoint: { ...repoint, nowhere: 'person_id' } })).toBe('TABLE_NOT_FOUND')
  expect(await refused({ repoint: { ...repoint, login: 'people_id' } })).toBe('COLUMN_NOT_FOUND')
  expect(await refused({ repoint: { ...repoint, login: [['id', 'person_id']] } })).toBe('INVALID_DEFINITION')
  expect(await refused({ by: ['mail'] })).toBe('COLUMN_NOT_FOUND')
  expect(await refused({ keep: { first: 'since' } })).toBe('COLUMN_NOT_FOUND')
  if (database.name === 'postgres') {
    await dataSource.query('create schema billing')
    await dataSource.query(
      'create table billing.invoice (id integer primary key, person_id bigint references person (id) on delete cascade)',
    )
    expect(await refused({})).toBe('REFERENCE_NOT_NAMED')
    await dataSource.query('insert into billing.invoice values (1, 2), (2, 3)')
    await dataSource.query(`update person set email = 'p0@x'`)
    const definition = samePeople({ repoint: { ...repoint, 'billing.invoice': 'person_id' }, journal: true })
    expect(await runBackfill(dataSource, definition)).toMatchObject({ status: 'completed', counts: { written: 2 } })
    expect(await numbers(dataSource, 'select person_id from billing.invoice order by id')).toEqual([1, 1])
    expect(await undo(dataSource, definition)).toMatchObject({ result: { counts: { failures: 0 } } })
    expect(await numbers(dataSource, 'select person_id from billing.invoice order by id')).toEqual([2, 3])
  } else expect(await count(dataSource, 'person')).toBe(3)
})

contractTest('look-ups that would scan a table are refused', async (database) => {
  const dataSource = await database.connect()
  const many = Array.from({ length: 1_200 }, (_, i) => ({ id: i + 1, email: `p${i % 1_000}@x` }))
  await createPeople(dataSource, database.name, many)
  const refused = (options: object = {}) => codeOf(() => runBackfill(dataSource, samePeople(options)))
  expect(await refused({ by: ['at'] })).toBe('LOOK_UP_NEEDS_INDEX')
  expect(await refused({ by: sql`concat(email, 'x')` })).toBe('LOOK_UP_NEEDS_INDEX')
  const drop = database.name === 'mariadb' ? 'drop index login_person on login' : 'drop index login_person'
  await dataSource.query(drop)
  expect(await refused()).toBe('LOOK_UP_NEEDS_INDEX')
  await dataSource.query('create index login_person on login (person_id, id)')
  if (database.name !== 'mariadb') {
    await dataSource.query('create index person_lower on person (lower(email))')
    expect(
      await runBackfill(dataSource, samePeople({ name: 'person.lower', by: sql`lower(email)`, batchRows: 1000 })),
    ).toMatchObject({
      counts: { written: 200 },
    })
  } else
    expect(await runBackfill(dataSource, samePeople({ batchRows: 1000 }))).toMatchObject({ counts: { written: 200 } })
})

contractTestOn(['postgres', 'mariadb'], 'who survives is asked again once the rows are locked', async (database) => {
  const dataSource = await database.connect()
  await createPeople(dataSource, database.name, [
    { id: 1, email: 'a', at: '2024-02-01' },
    { id: 2, email: 'a', at: '2024-02-02' },
    { id: 3, email: 'a', at: '2024-02-03' },
    { id: 4, email: 'b', at: '2024-02-03' },
    { id: 5, email: 'b', at: '2024-02-04' },
  ])
  const other = await database.connect()
  const barrier = await raiseBarrier(other, database.name)
  const change = async () => {
    await other.query(`update person set email = 'c' where id = 1`)
    await other.query(`update person set email = 'd' where id = 5`)
    await barrier.lift()
  }
  let changing: Promise<void> | undefined
  const result = await runBackfill(dataSource, samePeople(), {
    hooks: {
      // Nothing is locked yet when they are found for the first time, so another connection may change them.
      after({ label }) {
        if (label === 'matching-rows') changing ??= change()
      },
      inject: ({ label }, when) => (label === 'matching-rows' && when === 'after' ? barrier.wait : undefined),
    },
  })
  expect(changing).toBeDefined()
  await changing
  expect(result).toMatchObject({ status: 'completed', counts: { written: 1, failures: 0 } })
  expect(await ids(dataSource)).toEqual([1, 2, 4, 5])
  expect(await numbers(dataSource, 'select person_id from purchase order by id')).toEqual([1, 2, 2, 4, 5])
})

contractTest(
  'two workers, live duplicates and live references: nothing is lost, and one of each stays',
  async (database) => {
    const dataSource = await database.connect()
    const many = Array.from({ length: 600 }, (_, i) => ({ id: i + 1, email: `p${i % 150}@x`, at: '2024-01-01' }))
    await createPeople(dataSource, database.name, many)
    const definition = samePeople({ batchRows: 40, keep: { last: 'at' } })
    let isOver = false
    const accepted: number[] = []
    const writer = async () => {
      for (let i = 0; i < 120 && !isOver; i++) {
        const id = 1_000 + i
        // Better than all that were there, so the survivor changes under the run.
        if (i % 4 === 0)
          await dataSource.query(`insert into person (id, email, at) values (${id}, 'p${i}@x', '2024-02-01')`)
        const isDone = await dataSource
          .query(
            `insert into purchase (id, person_id, email) select ${10_000 + i}, p.id, p.email from person p where p.id = ${300 + i}`,
          )
          .then(
            () => true,
            () => false,
          )
        if (isDone) accepted.push(10_000 + i)
      }
    }
    const work = Promise.all([runBackfill(dataSource, definition), runBackfill(dataSource, definition)]).finally(() => {
      isOver = true
    })
    await Promise.all([work, writer()])
    // What came after the last look of the run is for the next one.
    await runBackfill(dataSource, definition)
    expect(await count(dataSource, 'person')).toBe(150)
    expect(
      await numbers(
        dataSource,
        'select count(*) from (select email from person group by email having count(*) > 1) as d',
      ),
    ).toEqual([0])
    expect(await count(dataSource, 'purchase where id <= 6000')).toBe(600)
    expect(await count(dataSource, 'purchase c join person p on p.id = c.person_id and p.email = c.email')).toBe(
      await count(dataSource, 'purchase'),
    )
  },
)

typeormTest('inside the transaction of a migration it commits and rolls back with it', async (database) => {
  const dataSource = await database.connect()
  await createPeople(dataSource, database.name, hundred)
  const inTransaction = (end: 'commit' | 'rollback') =>
    withQueryRunner(dataSource, async (queryRunner) => {
      await queryRunner.startTransaction()
      await backfillInMigration(queryRunner, samePeople())
      await (end === 'commit' ? queryRunner.commitTransaction() : queryRunner.rollbackTransaction())
    })
  await inTransaction('rollback')
  expect(await count(dataSource, 'person')).toBe(100)
  await inTransaction('commit')
  expect(await count(dataSource, 'person')).toBe(34)
})
