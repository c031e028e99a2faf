import fc from 'fast-check'
import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { ownConnections } from '../../src/backfill/connection/connections.js'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import { ownTransactions, reading } from '../../src/backfill/connection/transaction.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { type PreparedBackfill, prepareBackfill } from '../../src/backfill/prepare/prepare-backfill.js'
import type { RunRow } from '../../src/dialects/state-statements.js'
import { RowshiftError } from '../../src/errors/rowshift-error.js'
import { type Backfill, defineBackfill } from '../../src/index.js'
import { type ControlAction, controlRun } from '../../src/runs/control/run-control.js'
import { openState } from '../../src/runs/open-state.js'
import { startRun } from '../../src/runs/start-run.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countedSlug, createCountedCities, expireLease, readCounted } from '../support/counted-cities.js'
import { contractTest } from '../support/databases.js'
import { SteppedWorker } from '../support/stepped-worker.js'
import type { DatabaseName, TestDatabase } from '../support/test-database.js'

/*
 * Three workers, an operator and an application at one run, in an order that fast-check chooses: claims, pages, commits, takeovers,
 * crashes between any two steps, leases that run out, pauses, and rows that appear, change and go. Whatever the order, each row
 * ends migrated from the name it had, once for each time it needed it, and the counters tell the truth.
 */

const workers = 3
const firstRows = 24

const citySlug = countedSlug(undefined, { batchRows: 4 })

/** Without `where` nothing but the checkpoint tells which rows are done. */
const cityVisits = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  batchRows: 4,
  transform: (row, { key }) => ({ slug: `${row.name} ${key}` }),
})

/** What must be true of the table, as the application knows it. */
interface Model {
  /** Names from which a city's slug may have been made: those since it last needed one. */
  readonly cities: Map<number, { readonly names: string[] }>
  nextId: number
}

/** The database, and who is at work on it. */
class System {
  readonly workers: (SteppedWorker | undefined)[] = Array.from({ length: workers })

  private constructor(
    readonly database: TestDatabase,
    readonly app: DataSource,
    readonly prepared: PreparedBackfill,
    readonly run: RunRow,
    readonly definition: Backfill,
  ) {}

  static async start(database: TestDatabase, definition: Backfill): Promise<System> {
    const app = await database.connect()
    await createCountedCities(app, database.name, firstRows)
    const port = portTo(app)
    const connections = ownConnections(port)
    const scope = ownTransactions(port.dialect, batchLimits)
    try {
      const session = await connections.writer()
      await openState(port, session, scope)
      const prepared = await session.run(reading(port.dialect, scope, prepareBackfill(port, definitionOf(definition))))
      const { run } = await startRun(port, session, scope, prepared)
      return new System(database, app, prepared, run, definition)
    } finally {
      await connections.release()
    }
  }

  async control(action: ControlAction): Promise<void> {
    await controlRun(portTo(this.app), 'city.slug', action)
  }

  async step(i: number, choice: number): Promise<void> {
    this.workers[i] ??= new SteppedWorker(this.app, this.prepared, this.run)
    await this.workers[i].step(choice)
    const worker = this.workers[i]
    if (!worker.isEnded) return
    if (worker.error) throw worker.error
    this.workers[i] = undefined
  }

  async kill(i: number): Promise<void> {
    await this.workers[i]?.kill()
    this.workers[i] = undefined
  }

  async status(): Promise<string> {
    const [row] = await this.app.query(`select status from rowshift_run where id = ${this.run.id}`)
    return row.status
  }

  /** At every moment: each key belongs to one shard, and no cursor is outside its shard. */
  async checkShards(): Promise<void> {
    const rows: Record<'lower_key' | 'upper_key' | 'cursor_key', string | null>[] = await this.app.query(
      `select lower_key, upper_key, cursor_key from rowshift_checkpoint where run_id = ${this.run.id}`,
    )
    const idOf = (key: string | null, otherwise: number) => (key === null ? otherwise : Number(JSON.parse(key)[0]))
    const shards = rows
      .map((row) => ({
        lower: idOf(row.lower_key, Number.NEGATIVE_INFINITY),
        upper: idOf(row.upper_key, Number.POSITIVE_INFINITY),
        cursor: row.cursor_key === null ? undefined : idOf(row.cursor_key, 0),
      }))
      .sort((a, b) => a.lower - b.lower)
    for (const [i, { lower, upper, cursor }] of shards.entries()) {
      expect(lower).toBe(i === 0 ? Number.NEGATIVE_INFINITY : shards[i - 1]!.upper)
      if (cursor !== undefined) expect(lower < cursor && cursor <= upper).toBe(true)
    }
  }
}

type Command = fc.AsyncCommand<Model, System>

const command = (
  name: string,
  run: (model: Model, system: System) => Promise<void>,
  check: (model: Readonly<Model>) => boolean = () => true,
): Command => ({ check, run, toString: () => name })

const stepOf = (i: number, choice: number, times: number) =>
  command(`worker ${i} takes ${times} steps (${choice})`, async (_, system) => {
    for (let n = 0; n < times; n++) await system.step(i, choice)
    await system.checkShards()
  })

const killOf = (i: number) => command(`worker ${i} is killed`, (_, system) => system.kill(i))

const leaseEnds = command('the leases run out', (_, system) => expireLease(system.app))

const controlOf = (action: ControlAction) =>
  command(`the operator tries to ${action}`, async (_, system) => {
    await system.control(action).catch((error: unknown) => {
      // An edge that the transition table does not have, or a run that is over.
      if (error instanceof RowshiftError && ['RUN_TRANSITION', 'RUN_NOT_FOUND'].includes(error.code)) return
      throw error
    })
  })

const idAt = (model: Model, choice: number) => [...model.cities.keys()][choice % Math.max(1, model.cities.size)]

/** A city near the cursors, which somebody may be at work on. */
const renameOf = (choice: number) =>
  command(`the application renames the next city but ${choice}`, async (model, { app }) => {
    const open: { id: unknown }[] = await app.query('select id from city where slug is null order by id limit 12')
    const id = open.length > 0 ? Number(open[choice % open.length]!.id) : idAt(model, choice)
    const city = id === undefined ? undefined : model.cities.get(id)
    if (!city) return
    const name = `Town ${id}.${city.names.length}`
    await app.query(`update city set name = '${name}' where id = ${id}`)
    // A slug that is there stays; the next one can come from the new name only.
    if (open.length > 0) city.names.splice(0)
    city.names.push(name)
  })

const clearOf = (choice: number) =>
  command(`the application clears the slug of city #${choice}`, async (model, { app }) => {
    const id = idAt(model, choice)
    if (id === undefined) return
    await app.query(`update city set slug = null where id = ${id}`)
    const city = model.cities.get(id)!
    city.names.splice(0, city.names.length - 1)
  })

const insertion = command('the application adds a city', async (model, { app }) => {
  const id = model.nextId++
  await app.query(`insert into city (id, name) values (${id}, 'City ${id}')`)
  model.cities.set(id, { names: [`City ${id}`] })
})

const deletionOf = (choice: number) =>
  command(`the application deletes city #${choice}`, async (model, { app }) => {
    const id = idAt(model, choice)
    if (id === undefined) return
    await app.query(`delete from city where id = ${id}`)
    model.cities.delete(id)
  })

const worker = fc.nat(workers - 1)
const anyCity = fc.nat(1000)

const steps = fc
  .tuple(worker, fc.nat(1), fc.integer({ min: 1, max: 6 }))
  .map(([i, choice, times]) => stepOf(i, choice, times))

const orderOf = (...more: readonly fc.Arbitrary<Command>[]) =>
  fc.commands(
    [
      steps,
      steps,
      steps,
      worker.map(killOf),
      fc.constant(leaseEnds),
      fc.constantFrom<ControlAction>('pause', 'resume').map(controlOf),
      fc.nat(11).map(renameOf),
      fc.constant(insertion),
      anyCity.map(deletionOf),
      ...more,
    ],
    { maxCommands: 60, size: 'max' },
  )

/** Everybody still at work dies, and one worker does what is left. */
async function finish(system: System): Promise<void> {
  for (let i = 0; i < workers; i++) await system.kill(i)
  // To run it once more would visit every key once more.
  if (system.definition === cityVisits && (await system.status()) === 'completed') return
  await expireLease(system.app)
  for (let attempt = 0; attempt < 3; attempt++) {
    if ((await system.status()) === 'paused') await system.control('resume')
    const result = await runBackfill(system.app, system.definition)
    if (result.status === 'completed') return
  }
  expect(await system.status()).toBe('completed')
}

async function checkEnd(model: Model, { app }: System): Promise<void> {
  const { cities, writes } = await readCounted(app)
  expect(cities.map(({ id }) => id)).toEqual([...model.cities.keys()].sort((a, b) => a - b))
  for (const { id, name, slug, touched } of cities) {
    const { names } = model.cities.get(id)!
    expect(name).toBe(names.at(-1))
    expect(names.map((possible) => possible.toLowerCase())).toContain(slug)
    // One write for each time that the transform was at work on it, and none besides.
    expect(writes.filter((written) => written === id)).toHaveLength(touched)
  }
  expect(await countWritten(app)).toBe(writes.length)
}

async function countWritten(app: DataSource): Promise<number> {
  const [{ n }] = await app.query('select sum(written) as n from rowshift_checkpoint')
  return Number(n)
}

/** Counts the writes of every slug, whatever it was before. */
const countVisits = {
  sqlite: [
    `create trigger city_visited after update on city when new.slug is not old.slug
      begin insert into city_visit values (new.id); end`,
  ],
  postgres: [
    `create function count_visit() returns trigger language plpgsql as
      $$ begin insert into city_visit values (new.id); return null; end $$`,
    `create trigger city_visited after update on city for each row
      when (new.slug is distinct from old.slug) execute function count_visit()`,
  ],
  mariadb: [
    `create trigger city_visited after update on city for each row
      if not new.slug <=> old.slug then insert into city_visit values (new.id); end if`,
  ],
}

async function createVisits({ app, database }: System): Promise<void> {
  await app.query('create table city_visit (city_id integer not null)')
  for (const statement of bySql(database.name, countVisits)) await app.query(statement)
}

/** Each city that was there at the start was visited once, and those that came later not at all. */
async function checkVisits(model: Model, { app }: System): Promise<void> {
  const visits: { city_id: unknown }[] = await app.query('select city_id from city_visit')
  const visited = visits.map((row) => Number(row.city_id)).sort((a, b) => a - b)
  expect(new Set(visited).size).toBe(visited.length)
  const { cities } = await readCounted(app)
  for (const { id, name, slug } of cities) {
    const { names } = model.cities.get(id)!
    expect(name).toBe(names.at(-1))
    const possible = names.map((before) => `${before} ${id}`)
    expect(id <= firstRows ? possible : [null]).toContain(slug)
  }
  expect(await countWritten(app)).toBe(visited.length)
}

/** Servers answer in milliseconds, SQLite in microseconds. */
const sequences: Readonly<Record<DatabaseName, number>> = { sqlite: 40, postgres: 10, mariadb: 10 }

interface Property {
  readonly definition: Backfill
  readonly commands: ReturnType<typeof orderOf>
  readonly prepare?: (system: System) => Promise<void>
  readonly check: (model: Model, system: System) => Promise<void>
}

function testInAnyOrder(title: string, { definition, commands, prepare, check }: Property): void {
  contractTest(
    title,
    async (_, target) => {
      const property = fc.asyncProperty(commands, async (sequence) => {
        const database = await target.createDatabase()
        try {
          const system = await System.start(database, definition)
          await prepare?.(system)
          const cities = Array.from({ length: firstRows }, (__, i) => i + 1)
          const model: Model = {
            cities: new Map(cities.map((id) => [id, { names: [`City ${id}`] }])),
            nextId: firstRows + 1,
          }
          await fc.asyncModelRun(() => ({ model, real: system }), sequence)
          await finish(system)
          await check(model, system)
        } finally {
          await database.drop()
        }
      })
      await fc.assert(property, { numRuns: sequences[target.name], endOnFailure: true })
    },
    300_000,
  )
}

testInAnyOrder('migrates every row once and tells the truth, whatever comes between claims, pages and commits', {
  definition: citySlug,
  commands: orderOf(anyCity.map(clearOf)),
  check: checkEnd,
})

testInAnyOrder('visits every key once without a where, whatever comes between claims, pages and commits', {
  definition: cityVisits,
  commands: orderOf(),
  prepare: createVisits,
  check: checkVisits,
})
