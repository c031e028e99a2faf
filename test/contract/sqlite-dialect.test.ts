import { setTimeout as sleep } from 'node:timers/promises'
import { DataSource } from 'typeorm'
import { expect } from 'vitest'
import type { Session } from '../../src/adapters/database.js'
import type { QueryRunnerLike } from '../../src/adapters/typeorm/data-source.js'
import { borrowSqliteSession } from '../../src/adapters/typeorm/sqlite-session.js'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import type { QueryResult, Script } from '../../src/dialects/script.js'
import { sqlite } from '../../src/dialects/sqlite/index.js'
import { counterNames, type NewRun } from '../../src/dialects/state-statements.js'
import { codeOf, errorOf, one, rowsOf, testSqlite } from './sqlite-sessions.js'

const busyTimeout = async (session: Session) => (await rowsOf(session, 'pragma busy_timeout'))[0]?.[0]

testSqlite('pins how long a lock is waited for, and gives back what was there', async (test) => {
  const session = await test.open()
  await rowsOf(session, 'pragma busy_timeout = 77')
  const before = await session.run(sqlite.pinSession({ ...batchLimits, lockTimeoutMs: 1234 }))
  expect(await busyTimeout(session)).toBe(1234)
  await session.run(sqlite.restoreSession(before))
  expect(await busyTimeout(session)).toBe(77)
  await session.run(sqlite.restoreEnclosing(await session.run(sqlite.pinEnclosing())))
  await session.run(sqlite.requirePrimary())
  await session.run(sqlite.lockTable({ schema: undefined, name: 't' }, 1000))
})

testSqlite('asks the database whether a transaction is open', async (test) => {
  await test.app('create table t (id integer primary key)')
  const dataSource = await test.main()
  const runner = dataSource.createQueryRunner()
  const session = borrowSqliteSession(runner as unknown as QueryRunnerLike)
  const isOpen = () => session.run(sqlite.isInTransaction())
  expect(await isOpen()).toBe(false)
  expect(await isOpen()).toBe(false)
  await runner.startTransaction()
  await runner.query('insert into t values (1)')
  expect(await isOpen()).toBe(true)
  expect(await isOpen()).toBe(true)
  // TypeORM believes in its transaction still.
  await runner.query('commit')
  expect(runner.isTransactionActive).toBe(true)
  expect(await isOpen()).toBe(false)
  expect(await rowsOf(session, 'select id from t')).toEqual([[1]])
  // A savepoint outside of a transaction begins one.
  await session.run(sqlite.savepoint('own'))
  expect(await isOpen()).toBe(true)
  await session.run(sqlite.releaseSavepoint('own'))
  expect(await isOpen()).toBe(false)
})

testSqlite('nests savepoints in a transaction and knows them by name', async (test) => {
  await test.app('create table t (id integer primary key)')
  const session = await test.open()
  function* script(): Script<void> {
    expect(yield* sqlite.hasSavepoint('outer')).toBe(false)
    yield* sqlite.begin(batchLimits)
    expect(yield* sqlite.hasSavepoint('outer')).toBe(false)
    yield* sqlite.savepoint('out"er')
    yield { label: 'test', text: 'insert into t values (1)', parameters: [] }
    yield* sqlite.savepoint('inner')
    yield { label: 'test', text: 'insert into t values (2)', parameters: [] }
    expect(yield* sqlite.hasSavepoint('other')).toBe(false)
    yield* sqlite.rollbackToSavepoint('inner')
    yield* sqlite.releaseSavepoint('inner')
    expect((yield { label: 'test', text: 'select id from t', parameters: [] }).rows).toEqual([[1]])
    expect(yield* sqlite.hasSavepoint('out"er')).toBe(true)
    expect((yield { label: 'test', text: 'select id from t', parameters: [] }).rows).toEqual([])
    yield* sqlite.commit()
    expect(yield* sqlite.isInTransaction()).toBe(false)
  }
  await session.run(script())
})

testSqlite('rolls back what SQLite has not rolled back by itself', async (test) => {
  await test.app('create table t (id integer primary key)')
  await test.app("create trigger no before insert on t when new.id = 2 begin select raise(rollback, 'no'); end")
  const session = await test.open()
  function* script(): Script<boolean> {
    yield* sqlite.begin(batchLimits)
    try {
      yield { label: 'test', text: 'insert into t values (1)', parameters: [] }
      yield { label: 'test', text: 'insert into t values (2)', parameters: [] }
      return false
    } catch (error) {
      expect(sqlite.classifyError(error).class).toBe('row')
      expect(yield* sqlite.isInTransaction()).toBe(false)
      yield* sqlite.rollback()
      return true
    }
  }
  expect(await session.run(script())).toBe(true)
  expect(await rowsOf(session, 'select id from t')).toEqual([])
})

testSqlite(
  'takes the write lock when a transaction begins',
  async (test) => {
    await test.app('create table t (id integer primary key)')
    const session = await test.open()
    const other = await test.open()
    await rowsOf(other, 'pragma busy_timeout = 0')
    await session.run(sqlite.begin(batchLimits))
    const refused = await errorOf(other.run(sqlite.begin(batchLimits)))
    expect(sqlite.classifyError(refused)).toEqual({
      class: 'transient',
      databaseCode: 'SQLITE_BUSY',
      subject: undefined,
      isUniqueViolation: false,
    })
    expect(await rowsOf(other, 'select count(*) from t')).toEqual([[0]])
    await session.run(sqlite.rollback())
    await other.run(sqlite.begin(batchLimits))
    await other.run(sqlite.commit())
  },
  ['better-sqlite3'],
)

/** Statements that fail, and what that means. */
const faults: readonly (readonly [
  statement: string,
  expected: readonly [string, string | undefined, string | undefined],
])[] = [
  ["insert into t (u) values ('a'), ('a')", ['row', 'SQLITE_CONSTRAINT_UNIQUE', 't.u']],
  ['insert into t (a, b) values (1, 2), (1, 2)', ['row', 'SQLITE_CONSTRAINT_UNIQUE', 't.a, t.b']],
  ['insert into t (id) values (1), (1)', ['row', undefined, 't.id']],
  ['insert into t (n) values (null)', ['row', 'SQLITE_CONSTRAINT_NOTNULL', 't.n']],
  ['insert into t (c) values (5)', ['row', 'SQLITE_CONSTRAINT_CHECK', 'c_small']],
  ['insert into t (f) values (99)', ['row', 'SQLITE_CONSTRAINT_FOREIGNKEY', undefined]],
  ["insert into t (id) values ('secret')", ['row', 'SQLITE_MISMATCH', undefined]],
  ["insert into strictly values (1, 'secret')", ['row', 'SQLITE_CONSTRAINT_DATATYPE', 'strictly.i']],
  ["insert into t (u) values ('raise')", ['row', 'SQLITE_CONSTRAINT_TRIGGER', undefined]],
  ["insert into t (u) values ('unique')", ['row', undefined, undefined]],
  ["update t set u = json_extract('{secret', '$.a')", ['row', 'SQLITE_ERROR', undefined]],
  ['update t set u = abs(-9223372036854775808)', ['row', 'SQLITE_ERROR', undefined]],
  ['update t set u = zeroblob(2000000000)', ['row', 'SQLITE_TOOBIG', undefined]],
  ['update t set nothing = 1', ['fatal', 'SQLITE_ERROR', undefined]],
  ['select * from nowhere', ['fatal', 'SQLITE_ERROR', undefined]],
  ['selec 1', ['fatal', 'SQLITE_ERROR', undefined]],
  ['insert into big values (zeroblob(4000000))', ['fatal', 'SQLITE_FULL', undefined]],
  ['insert into big values (1)', ['fatal', 'SQLITE_READONLY', undefined]],
]

testSqlite('says what an error means, and names the column but no value', async (test) => {
  await test.app('create table p (id integer primary key)')
  await test.app(`create table t (id integer primary key, u text unique, n int not null default 1, a int, b int,
    c int constraint c_small check (c < 5), f int references p (id), unique (a, b))`)
  await test.app('create table strictly (id int, i int) strict')
  await test.app('create table big (b blob)')
  await test.app(`insert into t (u) values ('there')`)
  await test.app(
    `create trigger no before insert on t when new.u = 'raise' begin select raise(abort, 'secret: raise'); end`,
  )
  await test.app(
    `create trigger no2 before insert on t when new.u = 'unique' begin select raise(abort, 'my constraint failed: secret'); end`,
  )
  const session = await test.open()
  for (const [statement, [kind, code, subject]] of faults) {
    if (code === 'SQLITE_FULL') await rowsOf(session, 'pragma max_page_count = 50')
    if (code === 'SQLITE_READONLY') await rowsOf(session, 'pragma query_only = on')
    const found = sqlite.classifyError(await errorOf(rowsOf(session, statement)))
    expect(found, statement).toMatchObject({ class: kind, subject })
    if (code !== undefined) expect(found.databaseCode, statement).toBe(code)
    expect(found.isUniqueViolation, statement).toBe(/'a'|\(1, 2\)|\(1\), \(1\)/.test(statement))
    expect(JSON.stringify(found), statement).not.toContain('secret')
  }
})

testSqlite(
  'knows a connection that is gone',
  async (test) => {
    const session = await test.open()
    await session.release()
    expect(sqlite.classifyError(await errorOf(rowsOf(session, 'select 1'))).class).toBe('connection-lost')
  },
  ['better-sqlite3'],
)

testSqlite(
  'retries where the application iterates over rows on the shared connection',
  async (test) => {
    const dataSource = new DataSource({ type: 'better-sqlite3', database: ':memory:' })
    await dataSource.initialize()
    await dataSource.query('create table t (id integer primary key)')
    await dataSource.query('insert into t values (1), (2)')
    const session = await test.open(dataSource)
    const { databaseConnection } = dataSource.driver as unknown as {
      databaseConnection: { prepare(text: string): { iterate(): Iterator<unknown> } }
    }
    const rows = databaseConnection.prepare('select * from t').iterate()
    rows.next()
    const refused = await errorOf(rowsOf(session, 'insert into t values (3)'))
    expect(sqlite.classifyError(refused).class).toBe('transient')
    rows.return?.()
    await rowsOf(session, 'insert into t values (3)')
    await dataSource.destroy()
  },
  ['better-sqlite3'],
)

const names = { schema: undefined, prefix: 'rowshift_' }
const { state } = sqlite

const newRun = (name: string): NewRun => ({
  name,
  status: 'pending',
  table: 'city',
  definitionHash: 'd',
  tableHash: 't',
  estimatedRows: 12_345_678_901,
})

testSqlite('creates the state tables once, and under other names too', async (test) => {
  const session = await test.open()
  expect(await session.run(state.version(names))).toBeUndefined()
  expect(await session.run(state.create(names))).toBe('created')
  expect(await session.run(state.create(names))).toBe('created')
  expect(await session.run(state.version(names))).toBe(1)
  await rowsOf(session, `attach ':memory:' as "o'ther"`)
  const other = { schema: "o'ther", prefix: 'my "own" ' }
  expect(await session.run(state.version(other))).toBeUndefined()
  await session.run(state.create(other))
  expect(await session.run(state.version(other))).toBe(1)
  const run = await session.run(state.insertRun(other, newRun('a')))
  await session.run(
    one(
      state.insertShard(other, {
        runId: run.id,
        shard: 0,
        status: 'open',
        lowerKey: undefined,
        upperKey: undefined,
        leaseMs: 1000,
      }),
    ),
  )
  expect(await session.run(state.shards(other, run.id))).toHaveLength(1)
  expect(await session.run(state.latestRuns(names))).toEqual([])
})

testSqlite('keeps one active run a name', async (test) => {
  const session = await test.open()
  await session.run(state.create(names))
  const first = await session.run(state.insertRun(names, newRun('a')))
  expect(first).toMatchObject({
    name: 'a',
    status: 'pending',
    pass: 0,
    estimatedRows: 12_345_678_901,
    startedAt: undefined,
  })
  expect(Math.abs(Date.parse(first.createdAt) - Date.now())).toBeLessThan(5_000)
  expect((await session.run(state.insertRun(names, newRun('a')))).id).toBe(first.id)
  const move = (from: string, to: string, isActive: boolean) =>
    session.run(state.moveRun(names, first.id, { from, to, isActive, isFinished: !isActive }))
  expect(await move('running', 'completed', false)).toBe(false)
  expect(await move('pending', 'running', true)).toBe(true)
  expect((await session.run(state.lockRun(names, first.id)))?.startedAt).toBeDefined()
  expect(await move('running', 'completed', false)).toBe(true)
  expect(await session.run(state.activeRun(names, 'a'))).toBeUndefined()
  const second = await session.run(state.insertRun(names, newRun('a')))
  expect(second.id).not.toBe(first.id)
  expect((await session.run(state.latestRun(names, 'a')))?.id).toBe(second.id)
  await session.run(one(state.setPass(names, second.id, 2)))
  await session.run(one(state.setVerification(names, second.id, '{}')))
  expect(await session.run(state.lockRun(names, second.id))).toMatchObject({ pass: 2, verification: '{}' })
})

testSqlite('leases shards by the clock of the database, to the millisecond', async (test) => {
  const session = await test.open()
  await session.run(state.create(names))
  const { id: runId } = await session.run(state.insertRun(names, newRun('a')))
  const affected = async (statement: Parameters<typeof one>[0]): Promise<number> =>
    (await session.run<QueryResult>(one(statement))).affected
  await affected(
    state.insertShard(names, {
      runId,
      shard: 0,
      status: 'open',
      lowerKey: undefined,
      upperKey: '["9"]',
      leaseMs: 5000,
    }),
  )
  const free = (await session.run(state.freeShard(names, runId)))!
  expect(free).toMatchObject({ seq: 0, epoch: 0, claim: undefined, isLeased: false, upperKey: '["9"]' })
  expect(await affected(state.claimShard(names, free, 'mine', 'worker', 60_000))).toBe(1)
  expect(await session.run(state.freeShard(names, runId))).toBeUndefined()
  const [claimed] = await session.run(state.shards(names, runId))
  expect(claimed).toMatchObject({ seq: 1, epoch: 1, claim: 'mine', isLeased: true, leaseMs: 60_000 })

  const hold = { runId, shard: 0, claim: 'mine', seq: 1 }
  const add = Object.fromEntries(counterNames.map((name, i) => [name, i + 1]))
  const fence = (batch: string, cursorKey: string, upperKey: string) =>
    affected(state.fence(names, hold, { batch, cursorKey, upperKey, add }))
  expect(await fence('b0', '["2"]', '["8"]'), 'made for another end').toBe(0)
  expect(await fence('b1', '["3"]', '["9"]')).toBe(1)
  expect(await fence('b2', '["4"]', '["9"]'), 'seq has moved on').toBe(0)
  await affected(state.addCounters(names, runId, 0, { written: -1 }))
  const fenced = await session.run(state.lockShard(names, runId, 0))
  expect(fenced).toMatchObject({
    seq: 2,
    batch: 'b1',
    cursorKey: '["3"]',
    counters: { scanned: 1, written: 1, passScanned: 8 },
  })

  const setLease = (ms: number) =>
    affected({ label: 'test', text: `update rowshift_checkpoint set lease_ms = ${ms}`, parameters: [] })
  await setLease(200)
  await affected(state.heartbeat(names, hold))
  await sleep(260)
  expect((await session.run(state.shards(names, runId)))[0]?.isLeased).toBe(false)
  expect(await session.run(state.freeShard(names, runId))).toBeDefined()
  await setLease(60_000)
  expect(await affected(state.heartbeat(names, hold))).toBe(1)
  expect(await session.run(state.freeShard(names, runId))).toBeUndefined()
  await affected(state.dropClaims(names, runId))
  expect(await affected(state.heartbeat(names, hold))).toBe(0)
})

testSqlite('lists failures by key, one entry a key', async (test) => {
  const session = await test.open()
  await session.run(state.create(names))
  const { id: runId } = await session.run(state.insertRun(names, newRun('a')))
  const keys = Array.from({ length: 1200 }, (_, i) => JSON.stringify([String(i), 'a ']))
  keys.push('["a"]', '["a "]', '["A"]', '["a\\u0000"]')
  const failure = (key: string, attempts: number) =>
    ({ key, shard: 0, state: 'failed', code: 'ROW_REFUSED', step: 'write', message: 'no', attempts }) as const
  await session.run(
    state.putFailures(
      names,
      runId,
      keys.map((key) => failure(key, 1)),
    ),
  )
  await session.run(
    state.putFailures(names, runId, [failure('["a"]', 2), { ...failure('["A"]', 3), state: 'conflict' }]),
  )
  expect(await session.run(state.countFailures(names, runId))).toEqual({ conflict: 1, failed: keys.length - 1 })
  const listed: string[] = []
  for (;;) {
    const page = await session.run(state.failures(names, runId, { limit: 500, after: listed.at(-1) }))
    if (page.length === 0) break
    listed.push(...page.map(({ key }) => key))
  }
  expect(listed.toSorted()).toEqual(keys.toSorted())
  await session.run(state.deleteFailures(names, runId, keys.slice(4)))
  expect(await session.run(state.countFailures(names, runId))).toEqual({ conflict: 0, failed: 4 })
  expect(await codeOf(session.run(state.putFailures(names, 999, [failure('["a"]', 1)])))).toBe(
    'SQLITE_CONSTRAINT_FOREIGNKEY',
  )
})
