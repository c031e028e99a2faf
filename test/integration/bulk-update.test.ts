import { type DataSource, EntitySchema } from 'typeorm'
import { expect, onTestFinished } from 'vitest'
import type { PrismaClientLike } from '../../src/adapters/prisma/driver-adapter.js'
import { rowshift } from '../../src/adapters/prisma/index.js'
import { bulkUpdate } from '../../src/adapters/typeorm/index.js'
import { type BulkUpdateResult, bulkUpdate as updateRows } from '../../src/backfill/bulk/bulk-update.js'
import { codeOf, portTo } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { contractTest, type TestDatabase, typeormTest } from '../support/databases.js'
import { clientsOf } from '../support/prisma/generated-client.js'
import { adapterFor } from '../support/prisma/prisma-beside.js'

interface Visit {
  country: string
  place: number
  code: string
  label: string | null
  visits: number
  at: Date | null
}

const VisitSchema = new EntitySchema<Visit>({
  name: 'Visit',
  tableName: 'visit',
  columns: {
    country: { type: 'varchar', length: 2, primary: true },
    place: { type: 'int', primary: true },
    code: { type: 'varchar', length: 20, unique: true },
    label: { type: 'varchar', length: 20, name: 'title', nullable: true },
    visits: { type: 'int', default: 0 },
    at: { type: 'datetime', nullable: true },
  },
})

/** Rows `no/1` to `no/5`, coded a to e. */
async function visits(database: TestDatabase): Promise<DataSource> {
  const at = VisitSchema.options.columns.at!
  at.type = bySql(database.name, { sqlite: 'datetime', postgres: 'timestamptz', mariadb: 'datetime' } as const)
  const dataSource = await database.connect({ entities: [VisitSchema], synchronize: true })
  const rows = [...'abcde'].map((code, i) => ({ country: 'no', place: i + 1, code, label: code, visits: 0, at: null }))
  await dataSource.getRepository(VisitSchema).insert(rows)
  return dataSource
}

const clients = clientsOf(`
model Visit {
  country String
  place   Int
  code    String    @unique
  label   String?   @map("title")
  visits  Int       @default(0)
  at      DateTime?

  @@id([country, place])
  @@map("visit")
}
`)

interface Options {
  readonly key?: readonly (keyof Visit)[]
  readonly missing?: 'error' | 'skip'
}

/** By structure, because it is generated while the test runs. */
interface Client extends PrismaClientLike {
  $extends(extension: object): {
    readonly visit: { bulkUpdate(rows: readonly Partial<Visit>[], options?: Options): Promise<BulkUpdateResult> }
  }
}

/** What an application calls: TypeORM's of a repository, Prisma's of a model. */
async function updaterOf(database: TestDatabase, dataSource: DataSource) {
  if (database.adapter === 'typeorm') {
    const repository = dataSource.getRepository(VisitSchema)
    return (rows: readonly Partial<Visit>[], options?: Options) => bulkUpdate(repository, rows, options)
  }
  const { PrismaClient, registry } = await clients(database.name)
  const client = new PrismaClient({ adapter: await adapterFor(dataSource) }) as Client
  onTestFinished(() => client.$disconnect())
  const { visit } = client.$extends(rowshift({ registry }))
  return (rows: readonly Partial<Visit>[], options?: Options) => visit.bulkUpdate(rows, options)
}

async function open(database: TestDatabase) {
  const dataSource = await visits(database)
  return { dataSource, update: await updaterOf(database, dataSource) }
}

const labels = async (dataSource: DataSource) =>
  (await dataSource.getRepository(VisitSchema).find({ order: { place: 'ASC' } })).map(({ label }) => label).join()

contractTest('updates rows with different values each, by a composite key', async (database) => {
  const { dataSource, update } = await open(database)
  const at = new Date('2026-11-21T04:06:00Z')
  const result = await update([
    { country: 'no', place: 1, label: 'Oslo', visits: 3 },
    { country: 'no', place: 3, label: null, visits: 4 },
    { country: 'no', place: 4, at, label: undefined },
  ])
  expect(result).toEqual({ updated: 3, missing: [] })
  expect(await dataSource.getRepository(VisitSchema).find({ order: { place: 'ASC' } })).toMatchObject([
    { label: 'Oslo', visits: 3, at: null },
    { label: 'b', visits: 0, at: null },
    { label: null, visits: 4, at: null },
    { label: 'd', visits: 0, at },
    { label: 'e', visits: 0, at: null },
  ])
})

contractTest(
  'writes nothing when a row to be updated is missing, or the others when told to skip it',
  async (database) => {
    const { dataSource, update } = await open(database)
    const rows = [
      { country: 'no', place: 1, label: 'x' },
      { country: 'se', place: 1, label: 'x' },
      // The value it has already: found all the same.
      { country: 'no', place: 2, label: 'b' },
    ]
    await expect(update(rows)).rejects.toMatchObject({
      code: 'ROW_NOT_FOUND',
      details: { missing: [1] },
    })
    expect(await labels(dataSource)).toBe('a,b,c,d,e')
    expect(await update(rows, { missing: 'skip' })).toEqual({ updated: 2, missing: [1] })
    expect(await labels(dataSource)).toBe('x,b,c,d,e')
  },
)

contractTest('finds the rows of a bulk update by another unique index', async (database) => {
  const { dataSource, update } = await open(database)
  expect(
    await update(
      [
        { code: 'e', label: 'E' },
        { code: 'b', label: 'B' },
      ],
      { key: ['code'] },
    ),
  ).toEqual({ updated: 2, missing: [] })
  expect(await labels(dataSource)).toBe('a,B,c,d,E')
  expect(await codeOf(update([{ label: 'a', visits: 1 }], { key: ['label'] }))).toBe('KEY_NOT_UNIQUE')
})

typeormTest('takes a bulk update into the transaction of the manager', async (database) => {
  const dataSource = await visits(database)
  const rolledBack = dataSource.transaction(async (manager) => {
    const repository = manager.getRepository(VisitSchema)
    await repository.insert({ country: 'se', place: 1, code: 'z' })
    await bulkUpdate(repository, [
      { country: 'se', place: 1, label: 'Lund' },
      { country: 'no', place: 1, label: 'Oslo' },
    ])
    expect(await repository.findOneBy({ country: 'se' })).toMatchObject({ label: 'Lund' })
    // Its own failure leaves the transaction as it was.
    expect(
      await codeOf(
        bulkUpdate(repository, [
          { country: 'no', place: 2, label: 'x' },
          { country: 'no', place: 99, label: 'x' },
        ]),
      ),
    ).toBe('ROW_NOT_FOUND')
    expect(await repository.findOneBy({ country: 'no', place: 2 })).toMatchObject({ label: 'b' })
    throw new Error('rolled back')
  })
  await expect(rolledBack).rejects.toThrow('rolled back')
  expect(await labels(dataSource)).toBe('a,b,c,d,e')
})

contractTest('refuses rows of a bulk update before anything is written', async (database) => {
  const { dataSource, update } = await open(database)
  const first = { country: 'no', place: 1, label: 'x' }
  const refused = (row: object, options = {}) => codeOf(update([first, row as Partial<Visit>], options))
  expect(await refused({ country: 'no', label: 'x' })).toBe('INVALID_VALUE')
  expect(await refused(first)).toBe('INVALID_VALUE')
  expect(await refused({ country: 'no', place: 2 })).toBe('INVALID_VALUE')
  expect(await refused({ country: 'no', place: 2, lable: 'x' })).toBe('COLUMN_NOT_FOUND')
  // The database refuses the second row, and the first is not kept.
  expect(await refused({ country: 'no', place: 2, label: 'x', code: 'a' })).toBe('ROW_REFUSED')
  expect(await labels(dataSource)).toBe('a,b,c,d,e')
})

contractTest('sends one statement for all rows that set the same columns', async (database) => {
  const dataSource = await visits(database)
  const sent: string[] = []
  const port = portTo(dataSource, { before: ({ label, text }) => void (label === 'update-rows' && sent.push(text)) })
  const text = {
    decode: (stored: string | null) => stored,
    encode: (value: unknown) => (value === null ? null : String(value)),
  }
  const columns = new Map([
    ['country', { column: 'country', ...text }],
    ['place', { column: 'place', ...text }],
    ['name', { column: 'title', ...text }],
  ])
  const rows = [1, 2, 3, 4].map((place) => ({ country: 'no', place, name: `Place ${place}` }))
  const mapping = { table: { schema: undefined, name: 'visit' }, columns }
  const result = await updateRows(port, undefined, { mapping, rows, key: undefined, missing: 'error' })
  expect(result).toEqual({ updated: 4, missing: [] })
  expect(await labels(dataSource)).toBe('Place 1,Place 2,Place 3,Place 4,e')
  expect(sent.length).toBe(1)
})
