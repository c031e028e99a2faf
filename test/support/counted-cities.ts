import type { DataSource } from 'typeorm'
import { defineBackfill, sql } from '../../src/index.js'
import { bySql } from './by-sql.js'
import { createCities } from './city-table.js'
import type { DatabaseName } from './test-database.js'

/*
 * Cities whose every migration is counted twice over: by the transform, in `touched`, and by a trigger, in `city_write`, so that
 * a row that is migrated again shows even where its values would be the same.
 */

export async function createCountedCities(dataSource: DataSource, name: DatabaseName, rows: number): Promise<void> {
  await createCities(dataSource, name, rows)
  await dataSource.query('create table city_write (city_id integer not null)')
  for (const statement of bySql(name, countMigrations)) await dataSource.query(statement)
}

const countMigrations = {
  sqlite: [
    `create trigger city_migrated after update on city when old.slug is null and new.slug is not null
      begin insert into city_write values (new.id); end`,
  ],
  postgres: [
    `create function count_migration() returns trigger language plpgsql as
      $$ begin insert into city_write values (new.id); return null; end $$`,
    `create trigger city_migrated after update on city for each row
      when (old.slug is null and new.slug is not null) execute function count_migration()`,
  ],
  mariadb: [
    `create trigger city_migrated after update on city for each row
      if old.slug is null and new.slug is not null then insert into city_write values (new.id); end if`,
  ],
}

/**
 * Rows that the application renames between their read and their write: the first in each of the batches but the first. Of a batch that
 * is tried again with fewer rows, the first is among them; the rest would be read anew, with its new name, and be no conflict.
 */
const isRenamed = (id: number) => id > 10 && id % 10 === 1

const renamed = (name: string) => name.replace('City', 'Town')

export interface CountedSlugOptions {
  readonly batchRows?: number
  readonly maxFailures?: number
  /** Sees each key before its row is transformed. */
  readonly onRow?: (id: number) => void
  /** What the transform waits for. */
  readonly during?: () => Promise<unknown> | undefined
}

/**
 * Fills `slug` and counts in `touched`. With `app`, some rows are renamed through it while they are being transformed,
 * which makes them conflicts; as a renamed row is not renamed again, the rows end the same however often the run is interrupted.
 */
export function countedSlug(app: DataSource | undefined, options: CountedSlugOptions = {}) {
  return defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text', touched: 'integer' },
    write: { slug: 'text', touched: 'integer' },
    where: { slug: null },
    batchRows: options.batchRows ?? 10,
    ...(options.maxFailures === undefined ? {} : { maxFailures: options.maxFailures }),
    // Bound, because a bound function has the same text from whichever compiler: two of them are at work here.
    transform: migrate.bind(undefined, app, options),
  })
}

async function migrate(
  app: DataSource | undefined,
  options: CountedSlugOptions,
  row: { readonly name: string; readonly touched: number },
  { key: [id] }: { readonly key: readonly string[] },
) {
  options.onRow?.(Number(id))
  await options.during?.()
  if (app && isRenamed(Number(id)) && row.name !== renamed(row.name))
    await app.query(`update city set name = '${renamed(row.name)}' where id = ${id}`)
  return { slug: row.name.toLowerCase(), touched: row.touched + 1 }
}

/**
 * The same for a page at once, by a function that lets nothing else in its process have a turn, heartbeats included: 60 ms a row.
 */
export const blockingSlug = (onPage: (rows: number) => void) =>
  defineBackfill.page({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text', touched: 'integer' },
    write: { slug: 'text', touched: 'integer' },
    where: { slug: null },
    batchRows: 20,
    transform: blockForPage.bind(undefined, onPage),
  })

async function blockForPage(
  onPage: (rows: number) => void,
  rows: readonly { readonly name: string; readonly touched: number }[],
) {
  onPage(rows.length)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60 * rows.length)
  return rows.map((row) => ({ slug: row.name.toLowerCase(), touched: row.touched + 1 }))
}

/** From now on the database refuses to fill the slugs of these cities. */
export async function refuseCities(dataSource: DataSource, name: DatabaseName, ids: readonly number[]): Promise<void> {
  const isRefused = `new.slug is not null and new.id in (${ids.join(', ')})`
  const statements = bySql(name, {
    sqlite: [`create trigger refuse before update on city when ${isRefused} begin select raise(abort, 'refused'); end`],
    postgres: [
      `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$`,
      `create trigger refuse before update on city for each row when (${isRefused}) execute function refuse()`,
    ],
    mariadb: [
      `create trigger refuse before update on city for each row
        if ${isRefused} then signal sqlstate '45000' set message_text = 'refused'; end if`,
    ],
  })
  for (const statement of statements) await dataSource.query(statement)
}

export async function refuseNone(dataSource: DataSource, name: DatabaseName): Promise<void> {
  await dataSource.query(name === 'postgres' ? 'drop trigger refuse on city' : 'drop trigger refuse')
}

/** Nothing but the checkpoint tells which rows it has passed. */
export const countVisits = defineBackfill.sql({
  name: 'city.visits',
  table: 'city',
  set: { touched: sql`touched + 1` },
  batchRows: 10,
})

/** The same cities, filled and counted by the database. */
export const countedSlugInSql = defineBackfill.sql({
  name: 'city.slug',
  table: 'city',
  where: { slug: null },
  set: { slug: sql`lower(name)`, touched: sql`touched + 1` },
  batchRows: 10,
  maxFailures: 5,
})

/** All that must be the same after an uninterrupted run. */
export async function readCounted(dataSource: DataSource) {
  const cities: Record<string, unknown>[] = await dataSource.query(
    'select id, name, slug, touched from city order by id',
  )
  const writes: { city_id: unknown }[] = await dataSource.query('select city_id from city_write order by city_id')
  return {
    cities: cities.map(({ id, name, slug, touched }) => ({ id: Number(id), name, slug, touched: Number(touched) })),
    writes: writes.map((row) => Number(row.city_id)),
  }
}

/** The checkpoint's counters and the rows they speak of. Throws when the state tables are not there. */
export async function readCheckpoint(dataSource: DataSource) {
  const [shard] = await dataSource.query('select cursor_key, scanned, written, epoch from rowshift_checkpoint')
  const failures: { row_key: string; state: string }[] = await dataSource.query(
    'select row_key, state from rowshift_failure order by row_key',
  )
  const keyOf = (text: string | null | undefined) => (text == null ? undefined : Number(JSON.parse(text)[0]))
  return {
    cursor: keyOf(shard?.cursor_key),
    scanned: Number(shard?.scanned ?? 0),
    written: Number(shard?.written ?? 0),
    epoch: Number(shard?.epoch ?? 0),
    conflicts: failures.filter(({ state }) => state === 'conflict').map(({ row_key }) => keyOf(row_key)!),
  }
}

/** Ends the lease of a worker that is known to be dead, as time would. */
export async function expireLease(dataSource: DataSource): Promise<void> {
  await dataSource.query(`update rowshift_checkpoint set lease_until = '2000-01-01 00:00:00' where claim is not null`)
}
