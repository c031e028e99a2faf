import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import { keep, kept, ownTransactions, reading } from '../../src/backfill/connection/transaction.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { writeKey } from '../../src/backfill/pages/cursor.js'
import { readPage } from '../../src/backfill/pages/keyset-reader.js'
import { prepareBackfill } from '../../src/backfill/prepare/prepare-backfill.js'
import type { Key, KeyRange } from '../../src/dialects/dialect.js'
import type { Script } from '../../src/dialects/script.js'
import { type Backfill, defineBackfill, sql } from '../../src/index.js'
import { openState } from '../../src/runs/open-state.js'
import { claimShard, takeShard } from '../../src/runs/shards/claim.js'
import { middleKey, type SplitLimits } from '../../src/runs/shards/middle-key.js'
import { type Cut, stealShard } from '../../src/runs/shards/steal.js'
import { startRun } from '../../src/runs/start-run.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countedSlug, createCountedCities, readCounted } from '../support/counted-cities.js'
import { contractTest, type DatabaseName } from '../support/databases.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'
import { SteppedWorker } from '../support/stepped-worker.js'

/* A run in several shards: where it is cut, by whom, and what the worker does whose range was cut. */

const keysOf: Record<string, (database: DatabaseName) => { readonly key: string; readonly values: readonly string[] }> =
  {
    'dense integers': () => ({ key: 'id int not null primary key', values: numbers(400, (i) => `${i + 1}`) }),
    'integers with gaps': () => ({
      key: 'id bigint not null primary key',
      values: numbers(400, (i) => (i < 390 ? `${i - 200}` : `${2n ** 62n + BigInt(i)}`)),
    }),
    uuids: (database) => ({
      key: `id ${bySql(database, { sqlite: 'varchar(36)', postgres: 'uuid', mariadb: 'uuid' })} not null primary key`,
      values: numbers(400, (i) => `'${uuidOf(i)}'`),
    }),
    'uuids as text': () => ({
      key: 'id varchar(36) not null primary key',
      values: numbers(400, (i) => `'${uuidOf(i).toUpperCase()}'`),
    }),
    'texts under a collation': (database) => ({
      key: `id varchar(20) ${bySql(database, {
        sqlite: 'collate nocase',
        postgres: 'collate "und-x-icu"',
        mariadb: 'character set utf8mb4 collate utf8mb4_unicode_ci',
      })} not null primary key`,
      values: numbers(400, (i) => `'${['ä', 'Z', 'b', 'É'][i % 4]}${i}'`),
    }),
    timestamps: (database) => ({
      key: `id ${bySql(database, { sqlite: 'datetime', postgres: 'timestamp(6)', mariadb: 'datetime(6)' })} not null primary key`,
      values: numbers(
        400,
        (i) => `'${new Date(Date.UTC(2026, 0, 1) + i ** 3).toISOString().slice(0, 23).replace('T', ' ')}'`,
      ),
    }),
    'several columns': () => ({
      key: 'tenant int not null, id int not null, primary key (tenant, id)',
      values: numbers(400, (i) => `${i % 3}, ${i}`),
    }),
  }

const numbers = (count: number, valueAt: (i: number) => string) => Array.from({ length: count }, (_, i) => valueAt(i))

/** Spread over the whole range, in no order. */
const uuidOf = (i: number): string => {
  const hex = ((BigInt(i + 1) * 0x9e3779b97f4a7c15f39cc0605cedc835n) % 2n ** 128n).toString(16).padStart(32, '0')
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-8$4-$5')
}

async function createItems(dataSource: DataSource, { key, values }: { key: string; values: readonly string[] }) {
  const [columns, constraint] = key.split(', primary key')
  const end = constraint === undefined ? '' : `, primary key${constraint}`
  await dataSource.query(`create table item (${columns}, visits int${end})`)
  await dataSource.query(`insert into item values ${values.map((value) => `(${value}, 0)`).join(', ')}`)
}

const visits = defineBackfill.sql({
  name: 'item.visits',
  table: 'item',
  set: { visits: sql`visits + 1` },
  batchRows: 10,
  // One worker alone would need 40 rests: the others have time to come.
  delayMs: 20,
})

async function withPort<T>(
  dataSource: DataSource,
  backfill: Backfill,
  task: (port: Awaited<ReturnType<typeof openPort>>) => Promise<T>,
): Promise<T> {
  const port = await openPort(dataSource, backfill)
  try {
    return await task(port)
  } finally {
    await port.session.release()
  }
}

async function openPort(dataSource: DataSource, backfill: Backfill) {
  const database = portTo(dataSource)
  const session = await database.connect()
  const scope = ownTransactions(database.dialect, batchLimits)
  const prepared = await session.run(
    reading(database.dialect, scope, prepareBackfill(database, definitionOf(backfill))),
  )
  return { database, session, scope, prepared }
}

/** Starts a run and takes its only shard, for a minute. */
async function claimAll({ database, session, scope, prepared }: Awaited<ReturnType<typeof openPort>>) {
  await openState(database, session, scope)
  const { run } = await startRun(database, session, scope, prepared)
  function* claim() {
    const decision = yield* claimShard(database, run.id, { from: [], isTooSlow: false, check: function* () {} })
    if (decision.value.status !== 'claimed') throw new Error(decision.value.status)
    return keep(yield* takeShard(database, run, decision.value.shard, 60_000))
  }
  return session.run(scope.wrap(claim()))
}

for (const [kind, keysFor] of Object.entries(keysOf)) {
  contractTest(`cuts a range of ${kind} again and again, and every key stays in one part`, async (database) => {
    const dataSource = await database.connect()
    const items = keysFor(database.name)
    await createItems(dataSource, items)
    const limits: SplitLimits = { minKeys: 40, lookKeys: 40, strideKeys: 100 }
    await withPort(dataSource, visits, async ({ database: { dialect }, session, scope, prepared: { info } }) => {
      const read = <T>(script: Parameters<typeof session.run<T>>[0]) => session.run(reading(dialect, scope, script))
      const countIn = async (range: KeyRange) => {
        const { rows } = await read(one(dialect.pageEnd(info, { ...range, limit: 1_000 })))
        return Number(rows[0]?.[info.key.length] ?? 0)
      }
      const { rows } = await read(one(dialect.lastKey(info)))
      const open: KeyRange[] = [{ after: undefined, upTo: rows[0]!.map(String) as Key }]
      const parts: number[] = []
      const sizes: (readonly [number, number])[] = []
      for (let range = open.pop(); range; range = open.pop()) {
        const middle = await read(middleKey(dialect, info, range, limits))
        if (!middle) {
          parts.push(await countIn(range))
          continue
        }
        const halves = [
          { after: range.after, upTo: middle },
          { after: middle, upTo: range.upTo },
        ]
        sizes.push([await countIn(halves[0]!), await countIn(halves[1]!)])
        open.push(...halves)
      }
      expect(parts.reduce((sum, part) => sum + part, 0)).toBe(items.values.length)
      expect(Math.max(...parts)).toBeLessThan(limits.minKeys)
      // Nobody is given next to nothing.
      expect(Math.min(...sizes.flat())).toBeGreaterThanOrEqual(limits.minKeys / 2)
    })
  })

  contractTest(
    `finds ${kind} in the order of the key, the end of a page and whether a row of it matches at one look`,
    async (database) => {
      const dataSource = await database.connect()
      const items = keysFor(database.name)
      await createItems(dataSource, items)
      await withPort(dataSource, visits, async ({ database: { dialect }, session, scope, prepared: { info } }) => {
        const read = <T>(script: Parameters<typeof session.run<T>>[0]) => session.run(reading(dialect, scope, script))
        const columns = info.key.map(({ name }) => name).join(', ')
        await dataSource.query(`update item set visits = 1 where (${columns}) = (${items.values[7]})`)
        const plan = { info, read: [], where: sql`visits = 1`, endsWithWrite: false }
        const [last] = (await read(one(dialect.lastKey(info)))).rows
        const upTo = last!.map(String)
        const { keys, rows } = await read(readPage(dialect, plan, { after: undefined, upTo, limit: 500 }, 'plain'))
        const limit = 30
        const looks: unknown[] = []
        for (let after: Key | undefined; ; ) {
          const look = await read(dialect.lookAtPage(plan, { after, upTo, limit }))
          looks.push(look)
          if (!look) break
          after = look.last
        }
        const pages = Array.from({ length: Math.ceil(400 / limit) }, (_, i) => keys.slice(i * limit, (i + 1) * limit))
        const matching = rows.map(({ key }) => writeKey(key))
        expect(matching).toHaveLength(1)
        const everyRow = { ...plan, where: undefined }
        const all = { values: [], isLocked: false }
        expect(await read(dialect.matchingRows(everyRow, { after: undefined, upTo }, all))).toEqual(keys)
        expect(looks).toEqual([
          ...pages.map((page) => ({
            last: page.at(-1),
            count: page.length,
            hasMatch: page.some((key) => matching.includes(writeKey(key))),
          })),
          undefined,
        ])
      })
    },
  )

  contractTest(`shares ${kind} among four workers, each row once`, async (database) => {
    const dataSource = await database.connect()
    const items = keysFor(database.name)
    await createItems(dataSource, items)
    const workers = await Promise.all(numbers(4, String).map(() => database.connect()))
    const shards = () => dataSource.query('select shard from rowshift_checkpoint')
    const results = await withPort(dataSource, visits, async (port) => {
      // All of it is in somebody's hands until others have taken their shares.
      const { hold } = await claimAll(port)
      const running = Promise.all(workers.map((worker) => runBackfill(worker, visits)))
      await expect.poll(async () => (await shards()).length, { timeout: 30_000 }).toBeGreaterThanOrEqual(2)
      await port.session.run(port.scope.wrap(kept(hold.release())))
      return running
    })
    for (const result of results)
      expect(result).toMatchObject({ status: 'completed', counts: { scanned: 400, written: 400 } })
    const rows: { visits: unknown }[] = await dataSource.query('select visits from item')
    expect(rows.map((row) => Number(row.visits))).toEqual(Array(400).fill(1))
  })
}

function* one<T>(statement: T): Generator<T, { rows: readonly (readonly unknown[])[]; affected: number }, never> {
  return yield statement
}

/** Takes what lies beyond `middle` from whoever holds the shard, and leaves it to the next who comes. */
async function cutAt(dataSource: DataSource, backfill: Backfill, middle: Key): Promise<string> {
  return withPort(dataSource, backfill, async ({ database, session, scope, prepared }) => {
    const { dialect, stateNames } = database
    function* cut() {
      const [shard] = (yield* dialect.state.shards(stateNames, 1)).filter((other) => other.claim !== undefined)
      const decision = yield* stealShard(database, prepared, 1, { victim: shard!, middle } satisfies Cut)
      if (decision.value.status === 'claimed') yield* decision.value.hold.release()
      return keep(decision.value.status)
    }
    return session.run(scope.wrap(cut()))
  })
}

// 90 comes before 800, and after it as text.
for (const middle of [500, 90]) {
  contractTest(`writes rows beyond ${middle} once when they are taken from a page in hand`, async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, 800)
    const transformed: number[] = []
    let cutting: Promise<string> | undefined
    const backfill = countedSlug(undefined, {
      batchRows: 800,
      onRow(id) {
        transformed.push(id)
        if (id === 700) cutting ??= cutAt(app, backfill, [String(middle)])
      },
      during: () => cutting,
    })
    const result = await runBackfill(await database.connect(), backfill)
    expect(await cutting).toBe('claimed')
    expect(result).toMatchObject({ status: 'completed', counts: { scanned: 1_600, written: 800, skipped: 0 } })
    await expectMigratedOnce(app)
    expect((await readCounted(app)).writes.length).toBe(800)
    // Rows that stayed were not transformed again.
    const again = transformed.filter((id, i) => transformed.indexOf(id) < i)
    expect(again.sort((a, b) => a - b)).toEqual(numbers(800 - middle, (i) => String(middle + 1 + i)).map(Number))
    expect(await shardsOf(app)).toEqual([
      { lower: null, upper: middle, scanned: 2 * middle },
      { lower: middle, upper: 800, scanned: 2 * (800 - middle) },
    ])
  })
}

contractTest('refuses a cut at or behind the cursor, and at the end of the range', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, 40)
  const outcomes: Promise<string>[] = []
  const backfill = countedSlug(undefined, {
    onRow(id) {
      if (id !== 25) return
      for (const middle of ['9', '20', '40', '41']) outcomes.push(cutAt(app, backfill, [middle]))
    },
    during: () => Promise.all(outcomes),
  })
  expect(await runBackfill(await database.connect(), backfill)).toMatchObject({ status: 'completed' })
  expect(await Promise.all(outcomes)).toEqual(['missed', 'missed', 'missed', 'missed'])
  expect((await shardsOf(app)).length).toBe(1)
  await expectMigratedOnce(app)
})

async function shardsOf(dataSource: DataSource) {
  const rows: Record<string, string | null>[] = await dataSource.query(
    'select lower_key, upper_key, scanned from rowshift_checkpoint order by shard',
  )
  const keyOf = (text: string | null | undefined) => (text == null ? null : Number(JSON.parse(text)[0]))
  return rows.map((row) => ({ lower: keyOf(row.lower_key), upper: keyOf(row.upper_key), scanned: Number(row.scanned) }))
}

contractTest('writes no row beyond a cut that was met while conflicts were settled', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, 800)
  let cutting: Promise<string> | undefined
  let renaming: Promise<unknown> | undefined
  let attempts = 0
  const backfill = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text', touched: 'integer' },
    write: { slug: 'text' },
    batchRows: 200,
    async transform({ name, touched }, { key: [id] }) {
      // The next page has been read by the time the row is transformed again.
      if (id === '10' && ++attempts === 1) renaming = app.query('update city set touched = 7 where id = 10')
      if (id === '10' && attempts === 2) cutting = cutAt(app, backfill, ['250'])
      await (attempts === 1 ? renaming : cutting)
      return { slug: `${name} ${touched}` }
    },
  })
  expect(await runBackfill(await database.connect(), backfill)).toMatchObject({
    status: 'completed',
    counts: { scanned: 800, written: 800, conflicts: 1 },
  })
  expect(await cutting).toBe('claimed')
  expect(await shardsOf(app)).toMatchObject([
    { upper: 250, scanned: 250 },
    { lower: 250, scanned: 550 },
  ])
})

contractTest('reads on where the last row of a page in hand went as its range became shorter', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, 800)
  const disturb = async () => {
    const status = await cutAt(app, backfill, ['600'])
    await app.query('delete from city where id = 400')
    return status
  }
  let disturbing: Promise<string> | undefined
  const backfill: Backfill = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    batchRows: 400,
    async transform({ name }, { key: [id] }) {
      if (id === '300') disturbing = disturb()
      await disturbing
      return { slug: name.toLowerCase() }
    },
  })
  const result = await runBackfill(await database.connect(), backfill)
  expect(await disturbing).toBe('claimed')
  expect(result).toMatchObject({ status: 'completed', counts: { scanned: 799, written: 799 } })
  expect((await readCounted(app)).cities.filter(({ slug }) => slug === null)).toEqual([])
})

contractTest('finishes a shard whose range became shorter after its last batch', async (database) => {
  const app = await database.connect()
  await createCountedCities(app, database.name, 40)
  const backfill = countedSlug(undefined)
  await withPort(app, backfill, async (port) => {
    const { hold } = await claimAll(port)
    const transact = <T>(script: Script<T>) => port.session.run(port.scope.wrap(kept(script)))
    // Its last page had fewer keys than asked for, and ended before the end of the range; since then there are more.
    await app.query('delete from city where id > 20')
    expect(await transact(hold.fence('batch', { cursor: ['20'], add: {} }))).toBe(true)
    hold.committed()
    await app.query(`insert into city (id, name) values (24, 'City 24'), (30, 'City 30')`)
    expect(await cutAt(app, backfill, ['24'])).toBe('claimed')
    expect(await transact(hold.finish())).toBe(true)
  })
  const shards = await app.query('select status, upper_key from rowshift_checkpoint order by shard')
  expect(shards).toEqual([
    { status: 'done', upper_key: '["24"]' },
    { status: 'open', upper_key: '["40"]' },
  ])
  // The thief does its part; what came to be behind the cursor is left to a sweep.
  expect(await runBackfill(await database.connect(), backfill)).toMatchObject({ status: 'completed' })
  await expectMigratedOnce(app)
})

// Whose turn it is, again and again.
for (const turns of [
  [0, 1],
  [0, 1, 1, 0],
] as const) {
  contractTest(`ends a run whose last two shards are finished at once (${turns.join(', ')}, …)`, async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, 40)
    const backfill = countedSlug(undefined, { batchRows: 4 })
    const log: string[] = []
    await withPort(app, backfill, async ({ database: db, session, scope, prepared }) => {
      await openState(db, session, scope)
      const { run } = await startRun(db, session, scope, prepared)
      const workers = [0, 1].map(
        (i) =>
          new SteppedWorker(app, prepared, run, {
            after({ label }) {
              if (['claim-shard', 'finish-shard', 'find-shard'].includes(label)) log.push(`${label} ${i}`)
            },
          }),
      )
      const isAtEnd = async (shard: number) => {
        const [row] = await app.query(`select cursor_key, upper_key from rowshift_checkpoint where shard = ${shard}`)
        return row.cursor_key === row.upper_key
      }
      while (!log.includes('claim-shard 0')) await workers[0]!.step(0)
      // The other takes the far part of it.
      while (!log.includes('claim-shard 1')) await workers[1]!.step(0)
      for (const i of [0, 1]) while (!(await isAtEnd(i))) await workers[i]!.step(0)
      log.splice(0)
      for (const i of [0, 1]) while (!log.includes(`finish-shard ${i}`)) await workers[i]!.step(0)
      for (let n = 0; workers.some(({ isEnded }) => !isEnded); n++) await workers[turns[n % turns.length]!]!.step(0)
      expect(workers.map(({ error }) => error)).toEqual([undefined, undefined])
    })
    expect(log.slice(0, 2)).toEqual(['finish-shard 0', 'finish-shard 1'])
    const [run] = await app.query('select status from rowshift_run')
    expect(run).toEqual({ status: 'completed' })
    await expectMigratedOnce(app)
  })
}
