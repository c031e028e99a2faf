import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import type { MappedTable } from '../../src/adapters/database.js'
import { bulkCreate } from '../../src/backfill/bulk/bulk-create.js'
import { bulkUpdate } from '../../src/backfill/bulk/bulk-update.js'
import { codeOf, portTo } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { contractTest } from '../support/databases.js'
import type { TestDatabase } from '../support/test-database.js'

/* What bulk calls remember of a table, and that they notice when it is no longer so. */

const text = {
  decode: (stored: string | null) => stored,
  encode: (value: unknown) => (value === null ? null : String(value)),
}
const mapping: MappedTable = {
  table: { schema: undefined, name: 'city' },
  columns: new Map(['id', 'slug', 'seen', 'motto'].map((name) => [name, { column: name, ...text }])),
}

async function openCities(database: TestDatabase) {
  const dataSource = await database.connect()
  await dataSource.query('create table city (id int not null primary key, slug varchar(20), seen date)')
  await dataSource.query('create unique index city_slug on city (slug)')
  const labels: string[] = []
  const port = portTo(dataSource, { before: ({ label }) => void labels.push(label) })
  return {
    dataSource,
    labels,
    create: (rows: readonly object[], key?: readonly string[]) =>
      bulkCreate(port, undefined, {
        mapping,
        rows,
        onConflict: key && { key, do: 'skip' },
        initial: new Set(),
      }),
    update: (rows: readonly object[]) =>
      bulkUpdate(port, undefined, { mapping, rows, key: undefined, missing: 'error' }),
  }
}

const stored = async (dataSource: DataSource, column: string): Promise<string[]> => {
  const rows: { readonly cell: unknown }[] = await dataSource.query(
    `select cast(${column} as char(30)) as cell from city order by id`,
  )
  return rows.map(({ cell }) => String(cell).trim())
}

const catalogue = ['read-table', 'read-columns', 'read-indexes', 'plan-page']

contractTest(
  'reads the catalogue for the first call only, and asks the others whether it is the same',
  async (database) => {
    const { labels, create, update } = await openCities(database)
    await create([{ id: 1, slug: 'oslo' }])
    expect(labels).toEqual(expect.arrayContaining(catalogue.slice(0, 3)))
    for (const again of [
      () => create([{ id: 2, slug: 'lund' }]),
      () => create([{ id: 3, slug: 'oslo' }], ['slug']),
      () => update([{ id: 2, slug: 'ulm' }]),
    ]) {
      labels.length = 0
      await again()
      expect(labels.filter((label) => catalogue.includes(label))).toEqual([])
      expect(labels.filter((label) => label === 'stamp')).toEqual(['stamp'])
    }
  },
)

contractTest('sees a column that was added between two calls', async (database) => {
  const { dataSource, create, update } = await openCities(database)
  await create([{ id: 1, slug: 'oslo' }])
  expect(await codeOf(create([{ id: 2, motto: 'none' }]))).toBe('COLUMN_NOT_FOUND')
  await dataSource.query('alter table city add motto varchar(30)')
  await create([{ id: 2, motto: 'made' }])
  await update([{ id: 1, motto: 'changed' }])
  expect(await stored(dataSource, 'motto')).toEqual(['changed', 'made'])
})

const widened = {
  // SQLite changes no type: another table takes the place of this one.
  sqlite: [
    'alter table city rename to old',
    'create table city (id int not null primary key, slug varchar(20), seen datetime)',
    'insert into city select * from old',
  ],
  postgres: ['alter table city alter seen type timestamp'],
  mariadb: ['alter table city modify seen datetime'],
}

for (const call of ['create', 'update'] as const) {
  contractTest(`${call}s what a column takes that has another type since the last call`, async (database) => {
    const { dataSource, create, update } = await openCities(database)
    await create([{ id: 1, seen: '2026-01-01' }])
    for (const statement of widened[database.name]) await dataSource.query(statement)
    // As a date it would lose its time.
    const seen = '2026-11-21 04:06:00'
    await (call === 'create' ? create([{ id: 2, seen }]) : update([{ id: 1, seen }]))
    expect((await stored(dataSource, 'seen')).at(-1)).toBe(seen)
  })
}

contractTest('misses a unique index that was dropped between two calls', async (database) => {
  const { dataSource, create } = await openCities(database)
  await create([{ id: 1, slug: 'oslo' }], ['slug'])
  await dataSource.query(
    bySql(database.name, {
      sqlite: 'drop index city_slug',
      postgres: 'drop index city_slug',
      mariadb: 'drop index city_slug on city',
    }),
  )
  expect(await codeOf(create([{ id: 2, slug: 'oslo' }], ['slug']))).toBe('UNIQUE_NEEDS_INDEX')
  expect(await stored(dataSource, 'slug')).toEqual(['oslo'])
})
