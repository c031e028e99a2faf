import type { DataSource, EntityManager } from 'typeorm'
import { defineBackfill, sql } from '../../src/index.js'
import type { CrashReport, crashTest, Writer } from '../../src/testing/index.js'
import { defineAll } from '../crash/app/definitions.js'
import { bySql } from './by-sql.js'
import type { TestDatabase } from './test-database.js'

/* Crash tests of the application in `test/crash/app`. */

export const crashed = defineAll({ defineBackfill, sql })

export type CrashedName = keyof typeof crashed

export interface CrashCitiesOptions {
  /** That of the compiled package. */
  readonly crashTest: typeof crashTest
  /** The application's config file. */
  readonly config: string
  readonly database: TestDatabase
  readonly kills: number
  readonly rows?: number
  readonly seed?: number | undefined
}

/** Crashes one of the application's backfills among live writers. @throws AssertionError as `crashTest` does */
export async function crashCities(which: CrashedName, options: CrashCitiesOptions): Promise<CrashReport> {
  const { database, rows = 1_500, kills, seed, config } = options
  const dataSource = await database.connect()
  // SQLite has one writer at a time.
  const streams = database.name === 'sqlite' ? 1 : 2
  const shared = {
    config,
    kills,
    env: { CRASH_DATA_SOURCE: JSON.stringify(database.dataSourceOptions()) },
    ...(seed !== undefined && { seed }),
    ...(database.name !== 'sqlite' && {
      server: { ...database.server, env: (port: number) => ({ CRASH_PORT: `${port}` }) },
    }),
  }
  const ofCities = {
    ...shared,
    counter: 'touched',
    prepare: () => refill(dataSource, 'city', rows),
    writers: streamsOf(streams, rows, (manager, n, id) => writeCity(manager, n, id, rows)),
  } as const
  switch (which) {
    case 'citySlug':
      await createCity(dataSource, database)
      return options.crashTest({ ...ofCities, backfill: crashed.citySlug })
    case 'cityPage':
      await createCity(dataSource, database)
      return options.crashTest({ ...ofCities, backfill: crashed.cityPage })
    case 'cityUnique':
      await createCity(dataSource, database)
      await dataSource.query('create unique index city_slug on city (slug)')
      // Which row has which value is a matter of who was first.
      return options.crashTest({ ...ofCities, backfill: crashed.cityUnique, ignore: ['slug'] })
    case 'stopNotes':
      await createStop(dataSource)
      await createNote(dataSource, database)
      return options.crashTest({
        ...shared,
        backfill: crashed.stopNotes,
        async prepare() {
          await dataSource.query('delete from note')
          await refill(dataSource, 'stop', rows)
        },
        writers: streamsOf(streams, rows, writeNoted),
      })
    case 'stopArchive':
      await createStop(dataSource)
      await createStop(dataSource, 'stop_archive')
      return options.crashTest({
        ...shared,
        backfill: crashed.stopArchive,
        async prepare() {
          await dataSource.query('delete from stop_archive')
          await refill(dataSource, 'stop', rows)
        },
        writers: streamsOf(streams, rows, writeMoved),
      })
    case 'personSame':
      await createPerson(dataSource)
      return options.crashTest({
        ...shared,
        backfill: crashed.personSame,
        prepare: () => refillPeople(dataSource, rows),
        writers: streamsOf(streams, rows, (manager, n, id) => writePerson(manager, n, id(0), rows)),
      })
    case 'stopVisits':
      await createStop(dataSource)
      return options.crashTest({
        ...shared,
        backfill: crashed.stopVisits,
        counter: 'visits',
        prepare: () => refill(dataSource, 'stop', rows),
        writers: streamsOf(streams, rows, writeStop),
      })
  }

  function streamsOf(
    count: number,
    most: number,
    write: (manager: EntityManager, n: number, id: (salt: number) => number) => Promise<void>,
  ): Writer[] {
    return Array.from(
      { length: count },
      (_, stream): Writer =>
        (n) =>
          dataSource.transaction((manager) => write(manager, n, (salt) => ownId(n + salt, stream, count, most))),
    )
  }
}

/** Between two ids there is room for rows of the application. */
const idStep = 4

/** One of a stream's rows, of which no other stream writes any. */
function ownId(n: number, stream: number, streams: number, rows: number): number {
  const own = Math.imul(n, 0x9e3779b1) >>> 0
  return idStep * (1 + streams * (own % Math.floor(rows / streams)) + stream)
}

/** What a definition before has left. */
async function dropAll(dataSource: DataSource, tables: readonly string[]): Promise<void> {
  for (const table of tables) await dataSource.query(`drop table if exists ${table}`)
}

async function createCity(dataSource: DataSource, { name }: TestDatabase): Promise<void> {
  const text = bySql(name, { sqlite: 'text', postgres: 'text', mariadb: 'varchar(200)' })
  await dropAll(dataSource, ['city'])
  await dataSource.query(
    `create table city (id bigint not null primary key, name ${text} not null, slug ${text}, touched integer not null default 0, visits integer not null default 0)`,
  )
}

async function createStop(dataSource: DataSource, table = 'stop'): Promise<void> {
  await dropAll(dataSource, table === 'stop' ? ['note', 'stop_archive', 'stop'] : [table])
  await dataSource.query(
    `create table ${table} (id bigint not null primary key, name varchar(20) not null, visits integer not null default 0)`,
  )
}

async function createPerson(dataSource: DataSource): Promise<void> {
  await dropAll(dataSource, ['purchase', 'person'])
  await dataSource.query(
    'create table person (id bigint not null primary key, email varchar(20) not null, visits integer not null default 0)',
  )
  await dataSource.query('create index person_email on person (email, id)')
  await dataSource.query(
    'create table purchase (id bigint not null primary key, person_id bigint not null, visits integer not null default 0, foreign key (person_id) references person (id))',
  )
  await dataSource.query('create index purchase_person on purchase (person_id)')
}

async function createNote(dataSource: DataSource, { name }: TestDatabase): Promise<void> {
  const key = bySql(name, {
    sqlite: 'integer primary key autoincrement',
    postgres: 'bigint generated always as identity primary key',
    mariadb: 'bigint primary key auto_increment',
  })
  await dataSource.query(`create table note (id ${key}, stop_id bigint not null, words varchar(40) not null)`)
  await dataSource.query('create index note_of_stop on note (stop_id)')
}

async function refill(dataSource: DataSource, table: string, rows: number): Promise<void> {
  await dataSource.query(`delete from ${table}`)
  for (let first = 1; first <= rows; first += 500) {
    const ids = Array.from({ length: Math.min(500, rows - first + 1) }, (_, i) => idStep * (first + i))
    await dataSource.query(
      `insert into ${table} (id, name) values ${ids.map((id) => `(${id}, 'Place ${id}')`).join(', ')}`,
    )
  }
}

/** People of whom four are the same, a quarter of the table from each other, and a purchase of each. */
async function refillPeople(dataSource: DataSource, rows: number): Promise<void> {
  await dataSource.query('delete from purchase')
  await dataSource.query('delete from person')
  for (let first = 1; first <= rows; first += 500) {
    const ids = Array.from({ length: Math.min(500, rows - first + 1) }, (_, i) => idStep * (first + i))
    await dataSource.query(
      `insert into person (id, email) values ${ids.map((id) => `(${id}, '${emailOf(id, rows)}')`).join(', ')}`,
    )
  }
  await dataSource.query('insert into purchase (id, person_id) select id, id from person')
}

const emailOf = (id: number, rows: number) => `p${(id / idStep) % (rows / 4)}@x`

async function writeStop(manager: EntityManager, n: number, id: (salt: number) => number): Promise<void> {
  const where = `where id = ${id(0)}`
  if (n % 10 === 0) await manager.query(`delete from stop ${where}`)
  else if (n % 2 === 0) await manager.query(`update stop set name = 'New ${n}' ${where}`)
  else await manager.query(`update stop set visits = visits + 1000 ${where}`)
}

/** Writes of code that takes one who is the same where a person is gone, and of old code that still adds such people. */
async function writePerson(manager: EntityManager, n: number, id: number, rows: number): Promise<void> {
  const email = emailOf(id, rows)
  switch (n % 5) {
    case 0:
      await manager.query(`delete from purchase where id = ${id}`)
      break
    case 1:
      await manager.query(`update person set visits = visits + 1 where id = ${id}`)
      break
    case 2:
      await manager.query(`update purchase set visits = visits + 1 where id = ${id}`)
      break
    case 3:
      await manager.query(`delete from purchase where id = ${id + 1}`)
      await manager.query(
        `insert into purchase (id, person_id) values (${id + 1}, coalesce((select id from person where id = ${id}), (select min(id) from person where email = '${email}')))`,
      )
      break
    default: {
      const there = await manager.query(`select id from person where id = ${id + 2}`)
      if (there.length === 0) await manager.query(`insert into person (id, email) values (${id + 2}, '${email}')`)
    }
  }
}

/** Writes of code that finds a stop wherever it is by now. */
async function writeMoved(manager: EntityManager, n: number, id: (salt: number) => number): Promise<void> {
  const stop = id(0)
  for (const table of ['stop', 'stop_archive']) {
    if (n % 10 === 0) await manager.query(`delete from ${table} where id = ${stop}`)
    else if (n % 2 === 0) await manager.query(`update ${table} set name = 'New ${n}' where id = ${stop}`)
    else await manager.query(`update ${table} set visits = visits + 1 where id = ${stop}`)
  }
}

/** Writes of code that keeps the notes of a stop true, whether they are there already or not. */
async function writeNoted(manager: EntityManager, n: number, id: (salt: number) => number): Promise<void> {
  const stop = id(0)
  if (n % 10 === 0) {
    await manager.query(`delete from stop where id = ${stop}`)
    await manager.query(`delete from note where stop_id = ${stop}`)
  } else if (n % 2 === 0) {
    await manager.query(`update stop set name = 'New ${n}' where id = ${stop}`)
    await manager.query(
      `update note set words = case when words like '%, again' then 'New ${n}, again' else 'New ${n}' end where stop_id = ${stop}`,
    )
  } else await manager.query(`update stop set visits = visits + 1000 where id = ${stop}`)
}

/** Writes of code that knows both columns, and some of code that does not: rows it inserts wait for the backfill. */
async function writeCity(
  manager: EntityManager,
  n: number,
  idAt: (salt: number) => number,
  rows: number,
): Promise<void> {
  const [id, other] = [idAt(0), idAt(rows)]
  const rename = (row: number, name: string) =>
    manager.query(
      `update city set slug = case when slug is null then null else 'slug of ${name}' end, name = '${name}' where id = ${row}`,
    )
  const insert = async (row: number, name: string) => {
    await manager.query(`delete from city where id = ${row}`)
    await manager.query(`insert into city (id, name) values (${row}, '${name}')`)
  }
  switch (n % 10) {
    case 0:
    case 1:
      await rename(id, `New ${n}`)
      break
    case 2:
      // As if it had been migrated: the counter says so too.
      await manager.query(`update city set slug = 'own ${n}', touched = 500 where id = ${id}`)
      break
    case 3:
    case 4:
      await manager.query(`update city set visits = visits + 1 where id = ${id}`)
      break
    case 5:
      await manager.query(`update city set touched = touched + 1000 where id = ${id}`)
      break
    case 6:
      // Two rows in one transaction, in no order that anybody else keeps to.
      await manager.query(`update city set visits = visits + 1 where id = ${id}`)
      await rename(other, `Two ${n}`)
      break
    case 7:
      await manager.query(`delete from city where id = ${id}`)
      break
    case 8:
      // Another row under the same key.
      await insert(id, `Again ${n}`)
      break
    default:
      // Ahead of the cursors or behind them.
      await insert(id + 1 + (n % 3), `Old code ${n}`)
  }
}
