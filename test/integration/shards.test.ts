import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { batchLimits } from '../../src/backfill/limits.js'
import { prepareBackfill } from '../../src/backfill/prepare-backfill.js'
import { keep, ownTransactions, reading } from '../../src/backfill/transaction.js'
import type { Key, KeyRange } from '../../src/dialects/dialect.js'
import { type Backfill, defineBackfill, sql } from '../../src/index.js'
import { middleKey, type SplitLimits } from '../../src/runs/middle-key.js'
import { type Cut, stealShard } from '../../src/runs/steal.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countedSlug, createCountedCities, readCounted } from '../support/counted-cities.js'
import { type DatabaseName, testEachDatabase } from '../support/databases.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'

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

for (const [kind, keysFor] of Object.entries(keysOf)) {
  testEachDatabase(`cuts a range of ${kind} again and again, and every key stays in one part`, async (database) => {
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

  testEachDatabase(`shares ${kind} among four workers, each row once`, async (database) => {
    const dataSource = await database.connect()
    const items = keysFor(database.name)
    await createItems(dataSource, items)
    const workers = await Promise.all(numbers(4, String).map(() => database.connect()))
    const results = await Promise.all(workers.map((worker) => runBackfill(worker, visits)))
    for (const result of results)
      expect(result).toMatchObject({ status: 'completed', counts: { scanned: 400, written: 400 } })
    const rows: { visits: unknown }[] = await dataSource.query('select visits from item')
    expect(rows.map((row) => Number(row.visits))).toEqual(Array(400).fill(1))
    const shards: unknown[] = await dataSource.query('select shard from rowshift_checkpoint')
    expect(shards.length).toBeGreaterThanOrEqual(2)
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
  testEachDatabase(`writes rows beyond ${middle} once when they are taken from a page in hand`, async (database) => {
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

testEachDatabase('refuses a cut at or behind the cursor, and at the end of the range', async (database) => {
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
