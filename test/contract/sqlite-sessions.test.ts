import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DataSource, EntitySchema } from 'typeorm'
import { expect, onTestFinished } from 'vitest'
import type { Session } from '../../src/adapters/database.js'
import type { DataSourceLike, QueryRunnerLike } from '../../src/adapters/typeorm/data-source.js'
import {
  borrowSqliteSession,
  openSharedSqliteSession,
  openSqliteSession,
} from '../../src/adapters/typeorm/sqlite-session.js'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import type { Script } from '../../src/dialects/script.js'
import { sqlite } from '../../src/dialects/sqlite/index.js'
import { codeOf, errorOf, rowsOf, type SqliteDriverName, type SqliteTest, testSqlite } from './sqlite-sessions.js'

const like = (dataSource: DataSource) => dataSource as unknown as DataSourceLike

const plain = (text: string) => ({ label: 'test', text, parameters: [] })

const Note = new EntitySchema<{ id: number; text: string }>({
  name: 'note',
  columns: { id: { type: 'integer', primary: true, generated: true }, text: { type: 'text' } },
})

const withNotes = { entities: [Note], synchronize: true }

/** Where the application's one connection leads. */
const places: readonly (readonly [place: string, driver: SqliteDriverName, extras: object])[] = [
  ['a file', 'better-sqlite3', {}],
  ['a file with a write-ahead log', 'better-sqlite3', { enableWAL: true }],
  ['memory', 'better-sqlite3', { database: ':memory:' }],
  ['memory', 'sqljs', {}],
]

for (const [place, driver, extras] of places) {
  testSqlite(
    `loses no write of the application while batches roll back in ${place}`,
    async (test) => {
      const app = await test.connect({ ...withNotes, ...extras })
      const session = await openSqliteSession(like(app))
      onTestFinished(() => session.release())
      await session.run(sqlite.pinSession(batchLimits))
      const notes = app.getRepository(Note)
      let isDone = false
      let batches = 0
      const rollBack = async () => {
        while (!isDone) {
          await session.run(
            (function* (): Script<void> {
              yield* sqlite.begin(batchLimits)
              for (let i = 0; i < 5; i++) yield plain(`insert into note (text) values ('of a batch')`)
              yield* sqlite.rollback()
            })(),
          )
          batches++
        }
      }
      const rolling = rollBack()
      let writes = 0
      // Alone, in transactions that last a while, and several at once, until both sides have had many turns.
      for (; writes < 200 || batches <= 20; writes += 4) {
        await Promise.all([notes.save({ text: 'app' }), notes.insert({ text: 'app' })])
        await app.transaction(async (manager) => {
          await manager.getRepository(Note).save({ text: 'app' })
          await sleep(writes % 40 === 0 ? 10 : 0)
          await manager.query(`insert into note (text) values ('app')`)
        })
        await sleep(2)
      }
      isDone = true
      await rolling
      const [counted] = await app.query(`select count(*) as n, sum(text = 'app') as app from note`)
      expect(counted).toEqual({ n: writes, app: writes })
    },
    [driver],
  )
}

/** Holds the write lock in another process, which inserts `id` and commits when it is told to. */
async function holdElsewhere(file: string, id: number): Promise<() => Promise<void>> {
  const code = `
    const db = new (require('better-sqlite3'))(${JSON.stringify(file)})
    db.exec('begin immediate; insert into t values (${id})')
    console.log('held')
    process.stdin.on('end', () => { db.exec('commit'); process.exit() }).resume()`
  const child = spawn(process.execPath, ['-e', code], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return async () => {
    child.stdin.end()
    await once(child, 'exit')
  }
}

function* insert(id: number): Script<void> {
  yield* sqlite.begin(batchLimits)
  yield plain(`insert into t values (${id})`)
  yield* sqlite.commit()
}

/** The longest time the process was stopped while a task went on. */
async function longestStop(task: Promise<unknown>): Promise<number> {
  let stopMs = 0
  let last = performance.now()
  const tick = () => {
    const now = performance.now()
    stopMs = Math.max(stopMs, now - last)
    last = now
  }
  const timer = setInterval(tick, 5)
  await task.finally(() => clearInterval(timer))
  tick()
  return stopMs
}

const ids = async (session: Session) => (await rowsOf(session, 'select id from t order by id')).map(([id]) => id)

for (const journal of ['delete', 'wal']) {
  testSqlite(
    `waits for a writer in another process without stopping its own, journal ${journal}`,
    async (test) => {
      await test.app(`pragma journal_mode = ${journal}`)
      await test.app('create table t (id integer primary key)')
      const session = await test.open()
      const free = await holdElsewhere(test.file, 1)
      const stopped = longestStop(session.run(insert(2)))
      await sleep(400)
      await free()
      expect(await stopped).toBeLessThan(250)
      expect(await ids(session)).toEqual([1, 2])

      // A single statement waits too, and no longer than it was told to.
      const freeAgain = await holdElsewhere(test.file, 3)
      await rowsOf(session, 'pragma busy_timeout = 300')
      const begun = performance.now()
      const refused = errorOf(rowsOf(session, 'insert into t values (4)'))
      expect(await longestStop(refused)).toBeLessThan(250)
      expect(sqlite.classifyError(await refused)).toMatchObject({ class: 'transient', databaseCode: 'SQLITE_BUSY' })
      expect(performance.now() - begun).toBeGreaterThan(250)
      expect(await rowsOf(session, 'pragma busy_timeout')).toEqual([[300]])
      await freeAgain()
      expect(await ids(session)).toEqual([1, 2, 3])
    },
    ['better-sqlite3'],
  )
}

testSqlite('gives timers, signals and requests of the process a turn between scripts', async (test) => {
  const app = await test.main()
  const runner = app.createQueryRunner() as unknown as QueryRunnerLike
  for (const session of [await test.open(), openSharedSqliteSession(like(app)), borrowSqliteSession(runner)]) {
    let isOver = false
    setTimeout(() => {
      isOver = true
    }, 20)
    // A run whose every script is answered at once.
    for (let i = 0; !isOver; i++) {
      if (i > 1_000_000) throw new Error('no timer was heard')
      await rowsOf(session, 'select 1')
    }
  }
})

testSqlite(
  'lets a transaction of its own process end, which waits for something else',
  async (test) => {
    const app = await test.main()
    await app.query('create table t (id integer primary key)')
    const session = await test.open()
    let isWritten = false
    const inApp = app.transaction(async (manager) => {
      await manager.query('insert into t values (1)')
      await sleep(300)
      expect(isWritten).toBe(false)
      await manager.query('insert into t values (2)')
    })
    await sleep(20)
    const begun = performance.now()
    await session.run(insert(3))
    isWritten = true
    expect(performance.now() - begun).toBeLessThan(2_000)
    await inApp
    expect(await ids(session)).toEqual([1, 2, 3])
  },
  ['better-sqlite3'],
)

testSqlite(
  'gives up a commit that has to wait for a reader of its own process',
  async (test) => {
    const app = await test.main()
    await app.query('pragma journal_mode = delete')
    await app.query('create table t (id integer primary key)')
    const session = await test.open()
    await app.transaction(async (manager) => {
      await manager.query('select * from t')
      const begun = performance.now()
      function* script(): Script<string> {
        yield* sqlite.begin(batchLimits)
        yield plain('insert into t values (1)')
        try {
          yield* sqlite.commit()
          return 'committed'
        } catch (error) {
          yield* sqlite.rollback()
          return sqlite.classifyError(error).class
        }
      }
      expect(await session.run(script())).toBe('transient')
      expect(performance.now() - begun).toBeLessThan(1_500)
      expect(await manager.query('select * from t')).toEqual([])
    })
    await session.run(insert(1))
    expect(await ids(session)).toEqual([1])
  },
  ['better-sqlite3'],
)

testSqlite(
  'opens its own connection as the application opens its own, and closes it',
  async (test) => {
    const opened: { open: boolean }[] = []
    const app = await test.connect({
      prepareDatabase(database: { open: boolean; function(name: string, body: () => number): void }) {
        database.function('answer', () => 42)
        opened.push(database)
      },
    } as never)
    const session = await openSqliteSession(like(app))
    expect(session.isShared).toBe(false)
    expect(await rowsOf(session, 'select answer()')).toEqual([[42]])
    expect(await rowsOf(session, 'pragma foreign_keys')).toEqual([[1]])
    await session.run(sqlite.begin(batchLimits))
    await rowsOf(session, 'create table t (id integer primary key)')
    expect(opened.map(({ open }) => open)).toEqual([true, true])
    await session.release({ discard: true })
    await session.release()
    expect(opened.map(({ open }) => open)).toEqual([true, false])
    // What was open is rolled back.
    expect(await app.query(`select * from sqlite_master`)).toEqual([])
  },
  ['better-sqlite3'],
)

testSqlite(
  'reaches databases that TypeORM has attached',
  async (test) => {
    const Attached = new EntitySchema<{ id: number }>({
      name: 'attached',
      database: 'other.db',
      columns: { id: { type: 'integer', primary: true } },
    })
    const app = await test.connect({ entities: [Attached], synchronize: true } as never)
    await app.getRepository(Attached).insert({ id: 7 })
    const session = await test.open(app)
    const path = app.getMetadata(Attached).tablePath.split('.')
    expect(await rowsOf(session, `select id from "${path[0]}"."${path[1]}"`)).toEqual([[7]])
  },
  ['better-sqlite3'],
)

/** A data source whose database has one connection. */
const inMemory = (test: SqliteTest, extras: object = {}) =>
  test.connect({ ...(test.driver === 'sqljs' ? {} : { database: ':memory:' }), ...extras } as never)

testSqlite('waits for a transaction of the application on a shared connection', async (test) => {
  const app = await inMemory(test)
  await app.query('create table t (id integer primary key)')
  const session = await openSqliteSession(like(app))
  expect(session.isShared).toBe(true)
  const rolledBack = app
    .transaction(async (manager) => {
      await manager.query('insert into t values (1)')
      await sleep(100)
      throw new Error('the application changed its mind')
    })
    .catch(() => 'rolled back')
  await sleep(10)
  await session.run(insert(2))
  expect(await rolledBack).toBe('rolled back')
  expect(await ids(session)).toEqual([2])
})

testSqlite('gives up on a shared connection whose transaction does not end', async (test) => {
  const app = await inMemory(test)
  await app.query('create table t (id integer primary key)')
  const session = openSharedSqliteSession(like(app), { waitMs: 60 })
  await app.transaction(async (manager) => {
    await manager.query('insert into t values (1)')
    const refused = await errorOf(session.run(insert(2)))
    expect(refused).toMatchObject({ code: 'CONNECTION_UNAVAILABLE', retryable: true })
    expect(String(refused)).toContain('60 ms')
  })
  expect(await ids(session)).toEqual([1])
})

testSqlite('leaves no transaction open on a shared connection', async (test) => {
  const app = await inMemory(test)
  await app.query('create table t (id integer primary key)')
  const session = openSharedSqliteSession(like(app))
  function* open(isThrowing: boolean): Script<void> {
    yield* sqlite.begin(batchLimits)
    yield plain('insert into t values (1)')
    if (isThrowing) throw new Error('of the script')
  }
  expect(String(await errorOf(session.run(open(false))))).toContain('left a transaction open')
  expect(String(await errorOf(session.run(open(true))))).toContain('of the script')
  expect(await app.query('select * from t')).toEqual([])
  await session.run(insert(2))
  await session.release({ discard: true })
  expect(await app.query('select * from t')).toEqual([{ id: 2 }])
})

testSqlite('works in the transaction of the query runner it borrows', async (test) => {
  const app = await test.main()
  await app.query('create table t (id integer primary key)')
  const runner = app.createQueryRunner()
  const session = borrowSqliteSession(runner as unknown as QueryRunnerLike)
  expect(session.isShared).toBe(true)
  await runner.startTransaction()
  await runner.query('insert into t values (1)')
  function* nested(id: number, isKept: boolean): Script<void> {
    yield* sqlite.savepoint('batch')
    yield plain(`insert into t values (${id})`)
    if (!isKept) yield* sqlite.rollbackToSavepoint('batch')
    yield* sqlite.releaseSavepoint('batch')
  }
  await session.run(nested(2, true))
  await session.run(nested(3, false))
  expect(await ids(session)).toEqual([1, 2])
  await session.release()
  await runner.rollbackTransaction()
  expect(await ids(session)).toEqual([])
  // Without a transaction around it, in its own.
  await session.run(insert(4))
  expect(await app.query('select * from t')).toEqual([{ id: 4 }])
})

testSqlite(
  'has sql.js saved after what it has committed, as TypeORM does',
  async (test) => {
    const saved: Uint8Array[] = []
    const app = await test.connect({
      autoSave: true,
      autoSaveCallback: (database: Uint8Array) => void saved.push(database),
    } as never)
    await app.query('create table t (id integer primary key)')
    const runner = app.createQueryRunner()
    await runner.release()
    const session = await test.open(app)
    saved.length = 0
    await session.run(insert(1))
    await session.run(insert(2))
    expect(saved).toHaveLength(2)
    // Reads save nothing; statements prepared before an export still work.
    expect(await ids(session)).toEqual([1, 2])
    expect(saved).toHaveLength(2)
    await rowsOf(session, 'insert into t values (3)')
    expect(saved).toHaveLength(3)

    const copy = await test.connect({ database: saved.at(-1) } as never)
    expect(await copy.query('select id from t')).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])

    // Another database is loaded in its place.
    await (app.driver as unknown as { load(data: Uint8Array): Promise<void> }).load(saved[0]!)
    expect(await ids(session)).toEqual([1])
  },
  ['sqljs'],
)

testSqlite(
  'prepares statements again that sql.js has freed, as its older versions do when they export the database',
  async (test) => {
    const app = await test.main()
    await app.query('create table t (id integer primary key)')
    const { databaseConnection } = app.driver as unknown as {
      databaseConnection: { prepare(text: string): { free(): boolean } }
    }
    const prepared: { free(): boolean }[] = []
    const prepare = databaseConnection.prepare.bind(databaseConnection)
    databaseConnection.prepare = (text) => {
      const statement = prepare(text)
      prepared.push(statement)
      return statement
    }
    const session = await test.open(app)
    await session.run(insert(1))
    expect(await ids(session)).toEqual([1])
    for (const statement of prepared) statement.free()
    await session.run(insert(2))
    expect(await ids(session)).toEqual([1, 2])
  },
  ['sqljs'],
)

testSqlite('binds the values of a user as they are', async (test) => {
  await test.app('create table t (v)')
  const session = await test.open()
  const values = [true, false, 5, 2.5, 2n ** 60n, 'x', null, new Uint8Array([0, 255]), new Date(1_700_000_000_123)]
  for (const value of values) await rowsOf(session, 'insert into t values (?)', [value])
  const stored = await rowsOf(
    session,
    "select typeof(v), case typeof(v) when 'blob' then hex(v) else cast(v as text) end from t",
  )
  expect(stored.map(([, text]) => text)).toEqual([
    ...['1', '0', '5', '2.5', '1152921504606846976', 'x', null, '00FF'],
    '2023-11-14 22:13:20.123',
  ])
  if (test.driver === 'better-sqlite3')
    expect(stored.slice(0, 3).map(([type]) => type)).toEqual(Array(3).fill('integer'))
})

testSqlite('tells what a statement affected, and nothing for a read', async (test) => {
  await test.app('create table t (id integer primary key)')
  const session = await test.open()
  const affected = (text: string) =>
    session.run(
      (function* (): Script<number> {
        return (yield plain(text)).affected
      })(),
    )
  expect(await affected('insert into t values (1), (2), (3)')).toBe(3)
  expect(await affected('select * from t')).toBe(0)
  expect(await affected('update t set id = id where id > 1')).toBe(2)
  expect(await affected('update t set id = id where id > 9')).toBe(0)
  expect(await affected('delete from t')).toBe(3)
})

testSqlite('keeps statements prepared, and no more than it needs', async (test) => {
  await test.app('create table t (id integer primary key)')
  const session = await test.open()
  for (let i = 0; i < 300; i++) await rowsOf(session, `select ${i} from t`)
  await test.app('alter table t add column v text')
  await test.app(`insert into t values (1, 'a')`)
  expect(await rowsOf(session, 'select * from t')).toEqual([[1, 'a']])
  await test.app('alter table t drop column v')
  expect(await rowsOf(session, 'select * from t')).toEqual([[1]])
  expect(await codeOf(rowsOf(session, 'select v from t'))).toBe('SQLITE_ERROR')
})
