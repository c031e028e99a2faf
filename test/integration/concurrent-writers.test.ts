import { join } from 'node:path'
import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { controlRun } from '../../src/runs/control/run-control.js'
import { AppAccount, type AppWrite } from '../support/app-account.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { runChild } from '../support/child.js'
import { createCities } from '../support/city-table.js'
import { contractTest, type DatabaseName } from '../support/databases.js'

const writingApp = join(__dirname, 'fixtures/writing-app.ts')

const rows = 400
/** Between two ids there is room for rows of the application. */
const idStep = 4
const batchRows = 20
/** Writes of the application that each page waits for, after it was read and before it is written. */
const writesAPage = 15

contractTest(
  'loses no write of another process that writes to the same rows all the while, and writes no row twice',
  async (database) => {
    const dataSource = await database.connect()
    const account = await createCountedWrites(dataSource, database.name)

    const app = runChild(writingApp, [JSON.stringify(database), String(rows * idStep)])
    await app.line('#1 ')
    const met = new Set<string>()
    let isWriting = true
    const citySlug = defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text', touched: 'integer' },
      write: { slug: 'text', touched: 'integer' },
      where: { slug: null },
      batchRows,
      async transform(row, { key: [id] }) {
        // Rows that are read again do not wait: one of them may be locked.
        if (isWriting && !met.has(id!) && met.add(id!).size % batchRows === 1)
          await app.line(`#${app.lines.length + writesAPage} `)
        return { slug: `slug of ${row.name}`, touched: row.touched + 1 }
      },
    })
    const under = await runBackfill(dataSource, citySlug)
    expect(under.counts.conflicts).toBeGreaterThan(0)
    isWriting = false
    app.send('stop')
    expect(await app.exited, app.output()).toEqual({ code: 0, signal: null })

    // An application that never stops inserting the old way outlasts the sweeps; now it has stopped.
    if (under.status !== 'completed') {
      expect(under).toMatchObject({ status: 'unfinished', reason: 'writers-still-old' })
      await controlRun(portTo(dataSource), 'city.slug', 'resume')
    }
    const end = await runBackfill(dataSource, citySlug)
    expect(end).toMatchObject({ status: 'completed', coverage: 'every-match', counts: { failures: 0 } })

    for (const line of app.lines)
      for (const write of JSON.parse(line.slice(line.indexOf(' '))) as AppWrite[]) account.apply(write)
    const cities = await readCities(dataSource)
    expect(cities.map(({ id }) => id)).toEqual([...account.rows.keys()].sort((a, b) => a - b))
    for (const { id, touched, ...city } of cities) {
      const { name, ownSlug, visits, counted, mayBeOurs } = account.rows.get(id)!
      expect({ id, ...city }).toEqual({ id, name, slug: ownSlug ?? `slug of ${name}`, visits })
      const isMigrated = touched - 1000 * counted
      if (mayBeOurs) expect({ id, isMigrated }).toEqual({ id, isMigrated: 1 })
      else expect([0, 1], `row ${id}`).toContain(isMigrated)
    }
    const [{ n }] = await dataSource.query('select count(*) as n from city_write')
    expect(Number(n)).toBe(
      under.counts.written +
        (end.runId === under.runId ? end.counts.written - under.counts.written : end.counts.written),
    )
  },
)

/** Cities whose every migration is noted by a trigger, of rows that are deleted afterwards too. */
async function createCountedWrites(dataSource: DataSource, name: DatabaseName): Promise<AppAccount> {
  await createCities(dataSource, name, rows)
  await dataSource.query(`update city set id = -${idStep} * id`)
  await dataSource.query('update city set id = -id')
  await dataSource.query('alter table city add visits integer not null default 0')
  await dataSource.query('create table city_write (city_id integer not null)')
  for (const statement of bySql(name, noteMigrations)) await dataSource.query(statement)
  const account = new AppAccount()
  for (let id = 1; id <= rows; id++) account.insert(idStep * id, `City ${id}`)
  return account
}

/** The application adds thousands, the backfill ones. */
const noteMigrations = {
  sqlite: [
    `create trigger city_migrated after update on city when old.touched % 1000 <> new.touched % 1000
      begin insert into city_write values (new.id); end`,
  ],
  postgres: [
    `create function note_migration() returns trigger language plpgsql as
      $$ begin insert into city_write values (new.id); return null; end $$`,
    `create trigger city_migrated after update on city for each row
      when (old.touched % 1000 <> new.touched % 1000) execute function note_migration()`,
  ],
  mariadb: [
    `create trigger city_migrated after update on city for each row
      if old.touched % 1000 <> new.touched % 1000 then insert into city_write values (new.id); end if`,
  ],
}

async function readCities(dataSource: DataSource) {
  const cities: Record<string, unknown>[] = await dataSource.query(
    'select id, name, slug, touched, visits from city order by id',
  )
  return cities.map(({ id, name, slug, touched, visits }) => ({
    id: Number(id),
    name,
    slug,
    touched: Number(touched),
    visits: Number(visits),
  }))
}
