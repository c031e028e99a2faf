import type { DataSource } from 'typeorm'
import { expect, onTestFinished } from 'vitest'
import type { Health, Measure } from '../../src/dialects/health.js'
import type { Script } from '../../src/dialects/script.js'
import { openThrottles, type PaceOptions } from '../../src/runs/throttle/pace-options.js'
import type { Primary } from '../../src/runs/throttle/throttle.js'
import { codeOf, portTo, sourceOf } from '../support/backfills.js'
import { createCities } from '../support/city-table.js'
import { type AdapterName, contractTestOn, TestDatabase } from '../support/databases.js'
import { startServer } from '../support/servers/server-process.js'
import { Standby } from '../support/standby.js'

/* What the servers are asked about their load, and that what they hide counts as unknown. */

const servers = ['postgres', 'mariadb'] as const

/** Longer than vitest waits by itself. */
const patiently = { timeout: 30_000 }

async function measure(dataSource: DataSource, ask: (health: Health) => Script<Measure> | undefined): Promise<Measure> {
  const database = portTo(dataSource)
  const script = ask(database.dialect.health)
  if (!script) throw new Error('cannot be asked')
  const session = await database.connect()
  try {
    return await session.run(script)
  } finally {
    await session.release()
  }
}

/** The database as somebody with no privileges but those on its tables. */
async function asStranger(database: TestDatabase): Promise<DataSource> {
  const app = await database.connect()
  const user = `stranger_${Math.random().toString(36).slice(2, 10)}`
  const name = new URL(database.url).pathname.slice(1)
  const isPostgres = database.name === 'postgres'
  if (isPostgres) {
    await app.query(`create role ${user} login password 'secret'`)
    onTestFinished(async () => {
      const admin = await database.connect()
      await admin.query(`drop role ${user}`)
    })
  } else {
    await app.query(`create user ${user}@'%' identified by 'secret'`)
    await app.query(`grant all on ${name}.* to ${user}@'%'`)
    onTestFinished(async () => {
      const admin = await database.connect()
      await admin.query(`drop user ${user}@'%'`)
    })
  }
  return database.connect({ username: user, password: 'secret' })
}

contractTestOn([...servers], 'counts the connections that are active', async (database) => {
  const app = await database.connect()
  const ask = (health: Health) => health.activeConnections?.()
  const sleeping = app.query(database.name === 'postgres' ? 'select pg_sleep(5)' : 'select sleep(5)').catch(() => 0)
  await expect
    .poll(async () => (await measure(app, ask)) as { value: number }, patiently)
    .toMatchObject({ value: expect.toSatisfy((value: number) => value >= 1) })
  // Its end need not be awaited: the database is dropped over its head.
  void sleeping
})

contractTestOn([...servers], 'tells how old the oldest transaction is, in whatever time zone', async (database) => {
  const app = await database.connect()
  await createCities(app, database.name, 3)
  const other = app.createQueryRunner()
  await other.startTransaction()
  await other.query('update city set touched = 1')
  await new Promise((resolve) => setTimeout(resolve, 2_100))
  const age = await measure(app, (health) => health.oldestTransactionMs?.())
  await other.rollbackTransaction()
  await other.release()
  expect(age).toEqual({ value: expect.toSatisfy((ms: number) => ms >= 2_000 && ms < 60_000) })
})

contractTestOn([...servers], 'counts the statements that wait for a lock', async (database) => {
  const app = await database.connect()
  await createCities(app, database.name, 3)
  const [holder, waiter] = [app.createQueryRunner(), app.createQueryRunner()]
  await holder.startTransaction()
  await holder.query('update city set touched = 1 where id = 1')
  const waiting = waiter.query('update city set touched = 2 where id = 1')
  const ask = (health: Health) => health.lockWaits?.()
  await expect
    .poll(() => measure(app, ask), patiently)
    .toMatchObject({ value: expect.toSatisfy((value: number) => value >= 1) })
  await holder.rollbackTransaction()
  await waiting
  await holder.release()
  await waiter.release()
})

contractTestOn([...servers], 'takes what the server hides from a role for unknown', async (database) => {
  const app = await database.connect()
  const other = app.createQueryRunner()
  await other.startTransaction()
  await other.query('select 1')
  const stranger = await asStranger(database)
  const oldest = measure(stranger, (health) => health.oldestTransactionMs?.())
  if (database.name === 'mariadb') await expect(oldest).rejects.toThrow('PROCESS privilege')
  else {
    const hidden = { unknown: expect.stringMatching(/^\d+ sessions hide what they do; grant pg_read_all_stats/) }
    expect(await oldest).toEqual(hidden)
    expect(await measure(stranger, (health) => health.activeConnections?.())).toEqual(hidden)
  }
  // Once it may look, it sees.
  expect(await measure(app, (health) => health.oldestTransactionMs?.())).toMatchObject({ value: expect.any(Number) })
  await other.rollbackTransaction()
  await other.release()
})

contractTestOn(['postgres'], 'takes the lag of no replica, and of one that is lost, for unknown', async (database) => {
  const app = await database.connect()
  const ask = (health: Health) => health.replicaLagMs?.measure()
  expect(await measure(app, ask)).toEqual({ unknown: 'no replica is connected' })
  await app.query(`select pg_create_physical_replication_slot('rowshift_lost', true)`)
  const lost = await measure(app, ask).finally(() => app.query(`select pg_drop_replication_slot('rowshift_lost')`))
  expect(lost).toEqual({ unknown: '1 replication slots have no replica connected' })
})

contractTestOn(['postgres'], 'reads the lag of a replica, and holds when it is gone', async (database) => {
  const app = await database.connect()
  await app.query('create table lagging (id int)')
  const standby = await Standby.connect(database.url)
  onTestFinished(() => standby.disconnect())
  const { look } = await lookingAt(app, { maxReplicaLagMs: 500, checkEveryMs: 100 })
  const lookOnce = async (replayed: 'everything' | 'nothing') => {
    await app.query('insert into lagging values (1)')
    standby.tell(replayed)
    return look()
  }
  await expect.poll(() => lookOnce('everything'), patiently).toBeUndefined()
  await expect.poll(() => lookOnce('nothing'), patiently).toMatch(/^replication lag \d+(\.\d)?m?s > 500ms$/)
  await expect.poll(() => lookOnce('everything'), patiently).toBeUndefined()
  standby.disconnect()
  await expect.poll(look, patiently).toBe('replication lag could not be measured: no replica is connected')
})

contractTestOn(
  ['mariadb'],
  'takes the lag of a server that replicates nothing, or no more, for unknown',
  async (database) => {
    const app = await database.connect()
    const ask = (health: Health) => health.replicaLagMs?.measure()
    expect(await measure(app, ask)).toEqual({ unknown: 'the server is no replica' })
  },
)

contractTestOn(
  ['mariadb'],
  'reads the lag of a replica, and holds when it stops or is gone',
  async ({ adapter }) => {
    const primary = await started(['--log-bin=binlog', '--server-id=1'])
    const replica = await started(['--server-id=2', '--read-only=1'])
    const source = await connectTo(primary.url, adapter)
    const target = await connectTo(replica.url, adapter)
    const port = new URL(primary.url).port
    await target.query(
      `change master to master_host = '127.0.0.1', master_port = ${port}, master_user = 'root', master_password = '',
      master_use_gtid = slave_pos`,
    )
    await target.query('start slave')
    const { look, close } = await lookingAt(source, {
      maxReplicaLagMs: 1_000,
      replicas: [sourceOf(target)],
      checkEveryMs: 100,
    })
    await expect.poll(look, patiently).toBeUndefined()

    // The replica cannot apply a change to a table that somebody holds there.
    await source.query('create database lagging')
    await source.query('create table lagging.t (id int primary key)')
    await expect
      .poll(() => target.query('select count(*) as n from lagging.t').catch(() => 'none'), patiently)
      .not.toBe('none')
    const holder = target.createQueryRunner()
    await holder.query('lock tables lagging.t write')
    await source.query('insert into lagging.t values (1)')
    await expect.poll(look, patiently).toMatch(/^replication lag \d+s > 1s \(mysql.*\)$/)
    await holder.query('unlock tables')
    await holder.release()
    await expect.poll(look, patiently).toBeUndefined()

    await target.query('stop slave')
    expect(await look()).toMatch(/^replication lag could not be measured: replication is not running on it/)
    await replica.stop()
    expect(await look()).toMatch(/^replication lag could not be measured: replica 1: /)
    await close()
  },
  // It installs two servers of its own.
  180_000,
)

contractTestOn(['sqlite', 'mariadb'], 'refuses a throttle that the database cannot be asked for', async (database) => {
  const port = portTo(await database.connect())
  const code = (pace: PaceOptions) => codeOf(() => openThrottles(port, pace))
  expect(await code({ maxReplicaLagMs: 1_000 })).toBe('INVALID_CONFIG')
  const isSqlite = database.name === 'sqlite'
  for (const option of ['maxActiveConnections', 'maxTransactionMs', 'maxLockWaits'])
    expect(await code({ [option]: 5 })).toBe(isSqlite ? 'INVALID_CONFIG' : undefined)
})

async function started(args: readonly string[]) {
  const server = await startServer('mariadb', args)
  onTestFinished(() => server.stop())
  if (!('url' in server)) throw new Error(server.unavailable)
  return server
}

async function connectTo(url: string, adapter: AdapterName): Promise<DataSource> {
  const dataSource = await TestDatabase.fromJSON({ name: 'mariadb', url, adapter }).connect()
  onTestFinished(() => dataSource.destroy())
  return dataSource
}

/** What throttles say of a primary, again and again. */
async function lookingAt(dataSource: DataSource, pace: PaceOptions) {
  const database = portTo(dataSource)
  let now = 0
  const throttles = openThrottles(database, pace, { now: () => (now += 1_000), sleep: async () => undefined })
  const session = await database.connect()
  onTestFinished(() => session.release())
  const primary: Primary = { ask: (script) => session.run(script), change: (script) => session.run(script) }
  return { look: async () => (await throttles.look(primary))?.reason, close: () => throttles.close() }
}
