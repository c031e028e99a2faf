import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { backfill } from '../../src/adapters/typeorm/index.js'
import { defineBackfill } from '../../src/index.js'
import { runBackfill, withQueryRunner } from '../support/backfills.js'
import { countWhere, createCities } from '../support/city-table.js'
import { contractTestOn, typeormTestOn } from '../support/databases.js'

/* Constraints that are checked at the end of a transaction: a batch asks them before its commit, inside a migration's own they wait. */

const rows = 20

const citySlug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { id: 'integer' },
  write: { slug: 'text' },
  where: { slug: null },
  batchRows: 10,
  maxFailures: 1,
  transform: ({ id }) => ({ slug: `slug ${id}` }),
})

/** Every slug but the last is known. */
async function createKnownSlugs(dataSource: DataSource): Promise<void> {
  await createCities(dataSource, 'postgres', rows)
  await dataSource.query('create table known (slug text primary key)')
  await dataSource.query(`insert into known select 'slug ' || id from city where id < ${rows}`)
  await dataSource.query(
    'alter table city add foreign key (slug) references known (slug) deferrable initially deferred',
  )
}

contractTestOn(
  ['postgres'],
  'finds the row that a deferred constraint refuses at the end of its batch',
  async (database) => {
    const dataSource = await database.connect()
    await createKnownSlugs(dataSource)
    const refused: string[] = []
    const hooks = { failed: ({ label }: { label: string }) => void refused.push(label) }
    expect(await runBackfill(dataSource, citySlug, { hooks })).toMatchObject({
      status: 'completed',
      counts: { written: rows - 1, failures: 1 },
    })
    // By halves: ten rows, five, two or three, ..., one, and that one again.
    expect(new Set(refused)).toEqual(new Set(['commit']))
    expect(refused.length).toBeLessThanOrEqual(6)
    expect(await countWhere(dataSource, `slug is null and id = ${rows}`)).toBe(1)
  },
)

typeormTestOn(
  ['postgres'],
  'leaves deferred constraints to the end of a transaction of the migration',
  async (database) => {
    const dataSource = await database.connect()
    await createKnownSlugs(dataSource)
    await withQueryRunner(dataSource, async (queryRunner) => {
      await queryRunner.startTransaction()
      expect(await backfill(queryRunner, citySlug)).toMatchObject({ status: 'completed', counts: { written: rows } })
      await queryRunner.query(`insert into known values ('slug ${rows}')`)
      await queryRunner.commitTransaction()
    })
    expect(await countWhere(dataSource, 'slug is not null')).toBe(rows)
  },
)

contractTestOn(['sqlite'], 'finds the row for which SQLite refuses the commit itself', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, 'sqlite', rows)
  await dataSource.query('create table known (slug text primary key)')
  await dataSource.query(`insert into known select 'slug ' || id from city where id < ${rows}`)
  await dataSource.query('alter table city drop column slug')
  await dataSource.query('alter table city add slug text references known (slug) deferrable initially deferred')
  expect(await runBackfill(await database.connect(), citySlug)).toMatchObject({
    status: 'completed',
    counts: { written: rows - 1, failures: 1 },
  })
  expect(await countWhere(dataSource, `slug is null and id = ${rows}`)).toBe(1)
})
