import type { DataSource } from 'typeorm'
import { databaseOf } from '../src/adapters/typeorm/database.js'
import { batchLimits } from '../src/backfill/connection/limits.js'
import { ownTransactions } from '../src/backfill/connection/transaction.js'
import { openState } from '../src/runs/open-state.js'
import { startServer } from '../test/support/servers/server-process.js'
import { type DatabaseName, TestDatabase } from '../test/support/test-database.js'

/*
 * What the triggers of `follow: true` cost the application's own writes, as docs/follow.md tells it:
 *
 *   npm run -s measure:follow
 *
 * The same statements on two tables that are alike, in turns, one of them followed: medians, and how many times as long they take.
 */

const names: readonly DatabaseName[] = ['sqlite', 'postgres', 'mariadb']
const rows = 2_000
/** Statements in a turn; turns. */
const statements = 100
const turns = 9

type Write = (table: string, i: number) => string

const one: Readonly<Record<string, Write>> = {
  'insert a row': (table, i) => `insert into ${table} (id, name, visits) values (${rows + i}, 'New ${i}', 0)`,
  'update a column that is read': (table, i) => `update ${table} set name = 'Other ${i}' where id = ${1 + (i % rows)}`,
  'update another column': (table, i) => `update ${table} set visits = ${i} where id = ${1 + (i % rows)}`,
}

const many: Readonly<Record<string, Write>> = {
  'update a column that is read, 2,000 rows at once': (table, i) =>
    `update ${table} set name = concat('Many ${i} ', id)`,
  'update another column, 2,000 rows at once': (table, i) => `update ${table} set visits = ${-i}`,
}

async function createTable(dataSource: DataSource, table: string): Promise<void> {
  await dataSource.query(`create table ${table} (id int not null primary key, name varchar(100), visits int)`)
  const values = Array.from({ length: rows }, (_, i) => `(${i + 1}, 'City ${i}', 0)`)
  await dataSource.query(`insert into ${table} (id, name, visits) values ${values.join(', ')}`)
}

async function follow(dataSource: DataSource, table: string): Promise<void> {
  const database = databaseOf(dataSource as never)
  const { dialect, stateNames } = database
  const session = await database.connect()
  const scope = ownTransactions(dialect, batchLimits)
  await openState(database, session, scope)
  const info = await session.run(dialect.introspect({ schema: undefined, name: table }))
  const followed = { names: stateNames, backfill: table, info, watched: [info.columns.get('name')!] }
  const install = dialect.follow.install(followed, batchLimits.lockTimeoutMs)
  function* body() {
    return { isKept: true, value: yield* install }
  }
  await session.run(dialect.hasTransactionalDdl ? scope.wrap(body()) : install)
  await session.release()
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

async function measure(dataSource: DataSource, what: string, write: Write, count: number): Promise<void> {
  const times = { plain: [] as number[], followed: [] as number[] }
  for (let turn = 0; turn < turns; turn++) {
    for (const table of turn % 2 ? (['followed', 'plain'] as const) : (['plain', 'followed'] as const)) {
      await dataSource.query('delete from rowshift_change')
      for (let i = 1; i <= count; i++) {
        const query = write(table, turn * count + i)
        const startedAt = performance.now()
        await dataSource.query(query)
        times[table].push((performance.now() - startedAt) * 1_000)
      }
    }
  }
  const [plain, followed] = [median(times.plain), median(times.followed)]
  const columns = [what.padEnd(50), `${plain.toFixed(0)} µs`.padStart(10), `${followed.toFixed(0)} µs`.padStart(10)]
  process.stdout.write(`  ${columns.join('')}  × ${(followed / plain).toFixed(2)}\n`)
}

async function measureOn(name: DatabaseName): Promise<void> {
  const server = name === 'sqlite' ? undefined : await startServer(name)
  if (server && 'unavailable' in server) return void process.stdout.write(`${name}: ${server.unavailable}\n`)
  const database = await TestDatabase.create(name, server && 'url' in server ? server.url : '')
  const dataSource = await database.connect()
  try {
    process.stdout.write(`${name}\n`)
    for (const table of ['plain', 'followed']) await createTable(dataSource, table)
    await follow(dataSource, 'followed')
    for (const [what, write] of Object.entries(one)) await measure(dataSource, what, write, statements)
    for (const [what, write] of Object.entries(many)) await measure(dataSource, what, write, 3)
  } finally {
    await database.drop()
    await server?.stop()
  }
}

async function main(): Promise<void> {
  for (const name of names) await measureOn(name)
}

void main()
