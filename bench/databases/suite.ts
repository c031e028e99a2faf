import { setTimeout as sleep } from 'node:timers/promises'
import { TcpProxy } from '../../src/testing/tcp-proxy.js'
import { startServer } from '../../test/support/servers/server-process.js'
import { type DatabaseName, TestDatabase } from '../../test/support/test-database.js'
import type { Arena, Peer } from './arena.js'
import { createTemplate } from './city-table.js'
import { contest, fresh, type Score } from './contest.js'
import { members, places } from './courses.js'
import { type Felt, openNeighbour } from './neighbours.js'
import { bulkCreated, typeormInserted, typeormSaved } from './peers/bulk-create.js'
import { django, hasDjango } from './peers/django.js'
import { driverLoop } from './peers/driver-loop.js'
import { deleteUsing, insertSelect, rowshiftDedupe, rowshiftInsert } from './peers/forms.js'
import { prismaCreateMany, prismaTransaction, prismaUpdate } from './peers/prisma.js'
import { knex, kysely } from './peers/query-builders.js'
import { rangedSql, singleUpdate } from './peers/ranged-sql.js'
import { rowshift, rowshiftPrisma, rowshiftSql } from './peers/rowshift.js'
import { typeormSave, typeormUpdate } from './peers/typeorm.js'
import type { StartedProcess } from './processes.js'
import { lastTenth, type Outcome, startWorker, work } from './workers.js'

/** How much is done. */
export interface Extent {
  /** Rows of the table. */
  readonly rows: number
  /** Rows for those that would need minutes: their rates are compared. */
  readonly fewRows: number
  /** Rows of the long run: its last tenth, its memory. */
  readonly manyRows: number
  readonly rounds: number
  /** Rows a batch, for every peer that works in batches. */
  readonly batchRows: number
  /** How long the application is watched with nothing beside it. */
  readonly aloneMs: number
}

/** Ratios of rates: 1 = as fast, 30 = thirty times as fast. */
export interface Figures {
  readonly vsRangedSql: number
  readonly vsDriverLoop: number
  readonly vsTypeormSave: number
  readonly vsPrisma: number
  /** Absent where Django is not installed. */
  readonly vsDjango?: number
  readonly pushdownVsRangedSql: number
  readonly throughPrisma: number
  /** Rows of another table, one of each. */
  readonly insertVsSql: number
  /** Of two rows that are the same, one goes. */
  readonly dedupeVsSql: number
  readonly bulkCreateVsSave: number
  readonly bulkCreateVsInsert: number
  readonly bulkCreateVsPrisma: number
  /** Two workers against one. */
  readonly twoWorkers: number
  /** The last tenth of a long run against its first. */
  readonly lastTenth: number
  /** Peak memory of a long run, less that of one of 100,000 rows. */
  readonly rssGrowthMiB: number
  /** With 2 ms each way to the server, against none. Absent on SQLite, which is in the process. */
  readonly far?: number
  /** The 99th percentile of an application's point updates during the run at its default pace, against none. */
  readonly p99Ratio: number
  readonly neighbours: {
    readonly alone: Felt
    readonly rowshift: Felt
    readonly rangedSql: Felt
    readonly oneUpdate: Felt
  }
  readonly peers: readonly Score[]
  /** Those of rows that are created, and of rows that go. */
  readonly forms: readonly Score[]
}

const shortRows = 100_000

const round = (value: number) => Math.round(value * 100) / 100

/** Everything that is measured on one database. @throws if its server cannot be started, or a peer leaves a wrong row. */
export async function measureDatabase(
  name: DatabaseName,
  { rows, fewRows, manyRows, rounds, batchRows, aloneMs }: Extent,
  tell: (what: string) => void,
): Promise<Figures> {
  const [server, ...pair] = await Promise.all([
    name === 'sqlite' ? undefined : startServer(name, serverOptions[name]),
    startWorker(),
    startWorker(),
  ])
  if (server && 'unavailable' in server) throw new Error(`${name}: ${server.unavailable}`)
  const database = await TestDatabase.create(name, server ? server.url : '')
  const single = pair.slice(0, 1)
  try {
    const dataSource = await database.connect()
    await createTemplate(dataSource, name, Math.max(rows, manyRows))
    const arena: Arena = { database, dataSource, rows, batchRows }
    const few: Arena = { ...arena, rows: fewRows }

    tell('against the limit')
    const fast = await contest(arena, [rangedSql, rowshift, driverLoop, rowshiftSql, rowshiftPrisma], rounds)
    const once = await contest(arena, [singleUpdate], 1)
    tell('against mappers and builders')
    const slow = await contest(
      few,
      [typeormSave, typeormUpdate, prismaUpdate, prismaTransaction, kysely, knex, ...(hasDjango(name) ? [django] : [])],
      1,
    )

    tell('rows that are created, and rows that go')
    const created = await contest(arena, [insertSelect, rowshiftInsert], 1, places)
    const gone = await contest(arena, [deleteUsing, rowshiftDedupe], rounds, members)
    const several: Arena = { ...arena, rows: 10 * fewRows }
    const bulk = await contest(several, [bulkCreated, typeormSaved, typeormInserted, prismaCreateMany], 1, places)

    const peers = [...fast, ...once, ...slow]
    const forms = [...created, ...gone, ...bulk]
    const rateOf = (peer: Peer) => [...peers, ...forms].find((score) => score.peer === peer.name)!.rowsPerSecond
    const ours = rateOf(rowshift)

    tell('one worker and two')
    const one = await inFresh(arena, () => work(arena, single, { batchRows }))
    const two = await inFresh(arena, () => work(arena, pair, { batchRows }))

    tell('a long run')
    const longRun = await alone({ ...arena, rows: manyRows })
    const shortRun = await alone({ ...arena, rows: Math.min(shortRows, manyRows / 2) })

    tell('far away')
    const far = name === 'sqlite' ? undefined : await farAway(arena, single)

    tell('beside an application')
    const neighbours = await beside(arena, single, aloneMs)

    return {
      vsRangedSql: round(ours / rateOf(rangedSql)),
      vsDriverLoop: round(ours / rateOf(driverLoop)),
      vsTypeormSave: round(ours / rateOf(typeormSave)),
      vsPrisma: round(ours / Math.max(rateOf(prismaUpdate), rateOf(prismaTransaction))),
      ...(hasDjango(name) && { vsDjango: round(ours / rateOf(django)) }),
      pushdownVsRangedSql: round(rateOf(rowshiftSql) / rateOf(rangedSql)),
      throughPrisma: round(rateOf(rowshiftPrisma) / ours),
      insertVsSql: round(rateOf(rowshiftInsert) / rateOf(insertSelect)),
      dedupeVsSql: round(rateOf(rowshiftDedupe) / rateOf(deleteUsing)),
      bulkCreateVsSave: round(rateOf(bulkCreated) / rateOf(typeormSaved)),
      bulkCreateVsInsert: round(rateOf(bulkCreated) / rateOf(typeormInserted)),
      bulkCreateVsPrisma: round(rateOf(bulkCreated) / rateOf(prismaCreateMany)),
      twoWorkers: round(one.seconds / two.seconds),
      lastTenth: round(lastTenth(longRun, manyRows)),
      rssGrowthMiB: Math.round((longRun.workers[0]!.peakBytes - shortRun.workers[0]!.peakBytes) / 2 ** 20),
      ...(far !== undefined && { far: round(far) }),
      p99Ratio: round(neighbours.rowshift.p99 / neighbours.alone.p99),
      neighbours,
      peers,
      forms,
    }
  } finally {
    for (const worker of pair) await worker.close()
    await database.drop()
    await server?.stop()
  }
}

/** A table of this size fits into memory, as the part of a table that is worked on does anywhere. */
const serverOptions: Readonly<Record<'postgres' | 'mariadb', readonly string[]>> = {
  postgres: [],
  mariadb: ['--innodb-buffer-pool-size=1G', '--innodb-log-file-size=512M'],
}

async function inFresh<T>(arena: Arena, task: () => Promise<T>): Promise<T> {
  await fresh(arena)
  return task()
}

/** By a process that has done nothing before: its memory is measured. */
async function alone(arena: Arena): Promise<Outcome> {
  const worker = await startWorker()
  return inFresh(arena, () => work(arena, [worker], { batchRows: arena.batchRows })).finally(() => worker.close())
}

/** What an application feels of each. */
async function beside(
  arena: Arena,
  workers: readonly StartedProcess[],
  aloneMs: number,
): Promise<Figures['neighbours']> {
  await fresh(arena)
  const neighbour = await openNeighbour(arena)
  const feel = (work: () => Promise<unknown>) => inFresh(arena, () => neighbour.feel(work))
  const feelPeer = async (peer: Peer) => {
    await fresh(arena)
    const { run, close } = await peer.prepare(arena)
    return neighbour.feel(run).finally(() => close?.())
  }
  try {
    return {
      alone: await feel(() => sleep(aloneMs)),
      rowshift: await feel(() => work(arena, workers, {})),
      rangedSql: await feelPeer(rangedSql),
      oneUpdate: await feelPeer(singleUpdate),
    }
  } finally {
    await neighbour.close()
  }
}

/** The rate through a proxy that holds what it passes on for 2 ms each way, against the rate through one that does not. */
async function farAway(arena: Arena, workers: readonly StartedProcess[]): Promise<number> {
  const proxy = await new TcpProxy(arena.database.server).listen()
  const way = { host: '127.0.0.1', port: proxy.port }
  try {
    const near = await inFresh(arena, () => work(arena, workers, { batchRows: arena.batchRows, way }))
    proxy.delayMs = 2
    const far = await inFresh(arena, () => work(arena, workers, { batchRows: arena.batchRows, way }))
    return near.seconds / far.seconds
  } finally {
    await proxy.close()
  }
}
