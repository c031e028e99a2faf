import { expect } from 'vitest'
import type { Session } from '../../src/adapters/database.js'
import type { Key, TablePlan, UpdateRow } from '../../src/dialects/dialect.js'
import { sql } from '../../src/dialects/sql.js'
import { sqlite } from '../../src/dialects/sqlite/index.js'
import {
  codeOf,
  column,
  errorOf,
  inTransaction,
  planOf,
  rowsOf,
  type SqliteTest,
  tableInfo,
  testSqlite,
} from './sqlite-sessions.js'

const slugIsNull = sql`slug is null`

/** Ten cities without a slug, and what a backfill of it reads. */
async function cities(test: SqliteTest): Promise<{ session: Session; plan: TablePlan; rows: UpdateRow[] }> {
  await test.app('create table city (id integer primary key, name varchar not null, slug varchar unique, touched int)')
  for (let id = 1; id <= 10; id++) await test.app(`insert into city (id, name) values (${id}, 'City ${id}')`)
  const session = await test.open()
  const plan = planOf(await tableInfo(session, 'city'), ['name', 'slug'], slugIsNull)
  const page = await rowsOf(session, sqlite.readPage(plan, { after: undefined, upTo: ['10'], limit: 100 }, 'plain'))
  const rows = page.map(([id, name, slug]): UpdateRow => [String(id), String(name), slug as null, `city-${id}`])
  return { session, plan, rows }
}

const write = (session: Session, plan: TablePlan, rows: readonly UpdateRow[], name = 'slug') =>
  session.run(inTransaction(sqlite.updateRows(plan, [column(plan.info, name)], rows)))

testSqlite('reads the keys of a page, and the values of the rows among them that match', async (test) => {
  const { session, plan } = await cities(test)
  await test.app(`update city set slug = 'done ' || id where id in (2, 4)`)
  const page = (after: Key | undefined, upTo: string, limit: number) =>
    rowsOf(session, sqlite.readPage(plan, { after, upTo: [upTo], limit }, 'plain'))
  expect(await page(undefined, '10', 3)).toEqual([
    ['1', 'City 1', null, 1],
    ['2', null, null, 0],
    ['3', 'City 3', null, 1],
  ])
  expect(await page(['3'], '5', 3)).toEqual([
    ['4', null, null, 0],
    ['5', 'City 5', null, 1],
  ])
  expect(await page(['10'], '10', 3)).toEqual([])
  expect(await rowsOf(session, sqlite.readKeys(plan, [['7'], ['99'], ['2']], 'current'))).toEqual([
    ['2', null, null, 0],
    ['7', 'City 7', null, 1],
  ])
  expect(await rowsOf(session, sqlite.pageEnd(plan.info, { after: ['3'], upTo: ['10'], limit: 3 }))).toEqual([['6', 3]])
})

testSqlite('writes only rows that are as they were read, and names the others', async (test) => {
  const { session, plan, rows } = await cities(test)
  await test.app(`update city set name = 'city 2' where id = 2`)
  await test.app(`update city set slug = 'mine' where id = 3`)
  await test.app('delete from city where id = 4')
  await test.app('update city set touched = 1 where id = 5')
  await test.app(`update city set name = cast(name as blob) where id = 6`)
  expect(await write(session, plan, rows)).toEqual({ unwritten: [1, 2, 3, 5], stillMatching: undefined })
  expect(await rowsOf(session, 'select id, slug from city where slug is not null order by id')).toEqual([
    [1, 'city-1'],
    [3, 'mine'],
    [5, 'city-5'],
    [7, 'city-7'],
    [8, 'city-8'],
    [9, 'city-9'],
    [10, 'city-10'],
  ])
  expect(await session.run(inTransaction(sqlite.lockGuarded({ ...plan, where: undefined }, rows)))).toEqual([])
})

testSqlite('writes nothing to a row that no longer matches, although it is as it was read', async (test) => {
  const { session, plan, rows } = await cities(test)
  const byTouched = planOf(plan.info, ['name', 'slug'], sql`touched is ${null} and name <> ${'nobody'}`)
  await test.app('update city set touched = 1 where id = 2')
  const { unwritten } = await write(session, byTouched, rows.slice(0, 3))
  expect(unwritten).toEqual([1])
})

testSqlite('names a written row that still matches', async (test) => {
  const { session, plan, rows } = await cities(test)
  const wrong = planOf(plan.info, ['name', 'slug'], sql`touched is null`)
  expect((await write(session, wrong, rows.slice(2, 5))).stillMatching).toEqual(['3'])
  await test.app('update city set slug = null')
  // A row between those written was left on purpose and still matches.
  await test.app('update city set touched = id where id <> 4')
  const left = planOf(plan.info, ['name', 'slug'], sql`touched is null or slug is null`)
  const outcome = await write(session, { ...left, read: plan.read }, [rows[2]!, rows[4]!])
  expect(outcome).toEqual({ unwritten: [], stillMatching: undefined })
  // A trigger takes the value away again.
  await test.app(
    'create trigger again after update of slug on city begin update city set slug = null where id = new.id; end',
  )
  expect((await write(session, plan, rows.slice(6, 8))).stillMatching).toEqual(['7'])
  expect((await write(session, { ...plan, endsWithWrite: false }, rows.slice(8))).stillMatching).toBeUndefined()
})

testSqlite('names a row that a trigger keeps from being written', async (test) => {
  const { session, plan, rows } = await cities(test)
  await test.app(`create trigger skip before update of slug on city when new.id = 3 begin select raise(ignore); end`)
  expect(await write(session, plan, rows)).toEqual({ unwritten: [2], stillMatching: undefined })
})

testSqlite('computes values in the database for the matching rows of a range', async (test) => {
  const { session, plan } = await cities(test)
  await test.app(`update city set slug = 'done' where id = 4`)
  const set = [
    [column(plan.info, 'slug'), sql`replace(lower(name), ' ', ${'-'})`],
    [column(plan.info, 'touched'), sql`touched`],
  ] as const
  const run = (after: Key | undefined, upTo: string) =>
    session.run(inTransaction(sqlite.updateRange(plan, set, { after, upTo: [upTo] })))
  expect(await run(['2'], '5')).toEqual({ written: 2, stillMatching: undefined })
  expect(await run(undefined, '5')).toEqual({ written: 2, stillMatching: undefined })
  expect(await rowsOf(session, 'select slug from city where id <= 6 order by id')).toEqual([
    ['city-1'],
    ['city-2'],
    ['city-3'],
    ['done'],
    ['city-5'],
    [null],
  ])
  const unchanged = [[column(plan.info, 'touched'), sql`1`]] as const
  const still = sqlite.updateRange(plan, unchanged, { after: ['5'], upTo: ['7'] })
  expect(await session.run(inTransaction(still))).toEqual({ written: 2, stillMatching: ['6'] })
  const all = sqlite.updateRange({ ...plan, where: undefined, endsWithWrite: false }, unchanged, {
    after: ['5'],
    upTo: ['7'],
  })
  expect(await session.run(inTransaction(all))).toEqual({ written: 2, stillMatching: undefined })
})

testSqlite('refuses a clash although the constraint would replace or ignore', async (test) => {
  for (const clause of ['replace', 'ignore']) {
    await test.app('drop table if exists t')
    await test.app(`create table t (id integer primary key, v text unique on conflict ${clause})`)
    await test.app(`insert into t values (1, 'a'), (2, 'b')`)
    const session = await test.open()
    const plan = planOf(await tableInfo(session, 't'), ['v'])
    expect(await codeOf(write(session, plan, [['2', 'b', 'a']], 'v'))).toBe('SQLITE_CONSTRAINT_UNIQUE')
    const range = sqlite.updateRange(plan, [[column(plan.info, 'v'), sql`'c'`]], { after: undefined, upTo: ['2'] })
    expect(await codeOf(session.run(inTransaction(range)))).toBe('SQLITE_CONSTRAINT_UNIQUE')
    expect(await rowsOf(session, 'select id, v from t order by id')).toEqual([
      [1, 'a'],
      [2, 'b'],
    ])
  }
})

testSqlite('leaves the conflict clauses of triggers alone', async (test) => {
  const { session, plan, rows } = await cities(test)
  await test.app('create table seen (id integer primary key)')
  await test.app(
    'create trigger note after update of slug on city begin insert or ignore into seen values (new.id % 2); end',
  )
  expect(await write(session, plan, rows)).toEqual({ unwritten: [], stillMatching: undefined })
  expect(await rowsOf(session, 'select count(*) from seen')).toEqual([[2]])
})

testSqlite('knows which values are taken, by the collation of the unique index', async (test) => {
  await test.app(
    'create table t (id text not null primary key, a text unique, b text, c blob unique, d integer unique)',
  )
  await test.app('create unique index t_b on t (b collate nocase)')
  await test.app(`insert into t values ('1', 'Oslo', 'Oslo', x'00ff', 12), ('2', 'Rome', 'Rome', x'01', 13)`)
  const session = await test.open()
  const info = await tableInfo(session, 't')
  const taken = (name: string, ...texts: readonly string[]) =>
    session.run(
      sqlite.takenValues(
        info,
        column(info, name),
        texts.map((text) => ({ key: ['2'], text })),
      ),
    )
  // Its own value is free for a row.
  expect(await taken('a', 'Oslo', 'oslo', 'Rome', 'free')).toEqual([0])
  expect(await taken('b', 'Oslo', 'oSLO', 'rome', 'free')).toEqual([0, 1])
  expect(await taken('c', '00FF', '00FE', '01')).toEqual([0])
  expect(await taken('d', '12', '13', '012', '14')).toEqual([0, 2])
  expect(await taken('a')).toEqual([])
  const marked = await session.run(sqlite.takenValues(info, column(info, 'a'), [{ key: ['\u0001x32'], text: 'Rome' }]))
  expect(marked).toEqual([0])
})

testSqlite('compares conditions by the type and collation of the column', async (test) => {
  await test.app(
    'create table t (id integer primary key, i integer, t text collate nocase, b blob, f boolean, d datetime, j jsonb, r real)',
  )
  await test.app(`insert into t values (1, 12, 'Bob', x'00ff', 1, '2026-11-21 04:06:00.123', jsonb('{"a":1}'), 0.1)`)
  await test.app('insert into t (id) values (2)')
  const session = await test.open()
  const info = await tableInfo(session, 't')
  const equal: Record<string, readonly [equal: string, other: string]> = {
    i: ['12', '13'],
    t: ['bOB', 'bob '],
    b: ['00FF', '00'],
    f: ['1', '0'],
    d: [sqlite.codec(column(info, 'd'), 'timestamp')!.encode(new Date('2026-11-21T04:06:00.123Z')), '2026-11-21'],
    j: ['{"a": 1}', '{}'],
    r: ['0.1', '0.2'],
  }
  const ids = async (where: ReturnType<typeof sql>) => {
    const page = sqlite.readPage(planOf(info, [], where), { after: undefined, upTo: ['2'], limit: 9 }, 'plain')
    return (await rowsOf(session, page)).filter((row) => row.at(-1) === 1).map((row) => row[0])
  }
  for (const [name, [same, other]] of Object.entries(equal)) {
    const of = column(info, name)
    expect(await ids(sql`${sql.id(name)} = ${sqlite.conditionValue(of, same)}`), name).toEqual(['1'])
    expect(
      await ids(sql`${sql.id(name)} in (${[sqlite.conditionValue(of, other), sqlite.conditionValue(of, same)]})`),
      name,
    ).toEqual(['1'])
    expect(await ids(sql`${sql.id(name)} = ${sqlite.conditionValue(of, other)}`), name).toEqual([])
    // NULL-safe.
    expect(await ids(sqlite.isDistinct(of, same)), name).toEqual(['2'])
    expect(await ids(sqlite.isDistinct(of, other)), name).toEqual(['1', '2'])
  }
  expect(await ids(sql`i > ${sqlite.conditionValue(column(info, 'i'), '9')}`)).toEqual(['1'])
})

testSqlite('lets no statement of a script past an error', async (test) => {
  const { session, plan, rows } = await cities(test)
  await test.app(`insert into city values (11, 'x', 'city-5', 0)`)
  const refused = await errorOf(write(session, plan, rows))
  expect(sqlite.classifyError(refused)).toEqual({
    class: 'row',
    databaseCode: 'SQLITE_CONSTRAINT_UNIQUE',
    subject: 'city.slug',
    isUniqueViolation: true,
  })
  expect(await rowsOf(session, 'select count(*) from city where slug is not null')).toEqual([[1]])
})
