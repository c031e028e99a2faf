import { expect, onTestFinished } from 'vitest'
import type { MappedTable } from '../../src/adapters/database.js'
import { bulkCreate as createRows } from '../../src/backfill/bulk/bulk-create.js'
import { TcpProxy } from '../../src/testing/tcp-proxy.js'
import { codeOf, portTo } from '../support/backfills.js'
import { openBulkCities, openClient } from '../support/bulk-cities.js'
import { contractTest, contractTestOn, prismaTestOn } from '../support/databases.js'
import type { StatementHooks } from '../support/observed-database.js'

const bySlug = (action: 'skip' | 'update' | 'fail') => ({ onConflict: { key: ['slug'], do: action } }) as const

contractTest('creates rows, and returns the keys they were given in the order of the rows', async (database) => {
  const { create, stored } = await openBulkCities(database)
  const { keys, ...counts } = await create([
    { name: 'Oslo', slug: 'oslo', people: 3 },
    { name: 'Rome' },
    { name: 'Lund', slug: 'lund', people: 1 },
    { name: 'Ulm', slug: undefined },
    { name: 'Bern', slug: null, people: 2 },
  ])
  expect(counts).toEqual({ created: 5, updated: 0, skipped: 0 })
  const rows = await stored()
  expect(keys.map(({ id }) => rows[id!])).toEqual([
    'Oslo oslo 3',
    'Rome null 7',
    'Lund lund 1',
    'Ulm null 7',
    'Bern null 2',
  ])
  expect(await create([])).toEqual({ created: 0, updated: 0, skipped: 0, keys: [] })
  // A key that is given is the row's key, zero too.
  expect(
    await create([
      { id: 900, name: 'Ghent' },
      { id: 0, name: 'Nil' },
    ]),
  ).toMatchObject({ keys: [{ id: 900 }, { id: 0 }] })
  expect(await stored()).toMatchObject({ 900: 'Ghent null 7', 0: 'Nil null 7' })
})

contractTest('leaves or overwrites a row that is in the way, and returns its key', async (database) => {
  const { create, stored } = await openBulkCities(database)
  const [oslo] = (await create([{ name: 'Oslo', slug: 'oslo', people: 1 }])).keys
  const given = [
    { name: 'Lund', slug: 'lund', people: 1 },
    { name: 'Kristiania', slug: 'oslo', people: 2 },
    { name: 'Londinium', slug: 'lund', people: 2 },
    { name: 'Nowhere', slug: null, people: 2 },
    { name: 'Nowhere', slug: null, people: 2 },
  ]
  const skipped = await create(given, bySlug('skip'))
  expect(skipped).toMatchObject({ created: 3, updated: 0, skipped: 2 })
  const [lund, taken, equal, first, second] = skipped.keys
  expect([taken, equal]).toEqual([oslo, lund])
  expect(first).not.toEqual(second)
  expect(await stored()).toEqual({
    [oslo!.id!]: 'Oslo oslo 1',
    [lund!.id!]: 'Lund lund 1',
    [first!.id!]: 'Nowhere null 2',
    [second!.id!]: 'Nowhere null 2',
  })

  const updated = await create(
    [{ name: 'Ulm', slug: 'ulm' }, ...given.slice(0, 3), { name: 'Ulma', slug: 'ulm' }],
    bySlug('update'),
  )
  // Ulm, twice, and three rows for two that are there: of equal ones the last counts.
  expect(updated).toMatchObject({ created: 1, updated: 2, skipped: 2 })
  expect(updated.keys).toEqual([updated.keys[4], lund, oslo, lund, updated.keys[0]])
  expect(await stored()).toMatchObject({
    [updated.keys[0]!.id!]: 'Ulma ulm 7',
    [oslo!.id!]: 'Kristiania oslo 2',
    [lund!.id!]: 'Londinium lund 2',
  })

  // What a row does not have stays as it is, and so does the key of the one that is there.
  expect(await create([{ id: 77, slug: 'oslo', name: 'Oslo' }], bySlug('update'))).toMatchObject({
    updated: 1,
    keys: [oslo],
  })
  expect((await stored())[oslo!.id!]).toBe('Oslo oslo 2')
})

contractTest('creates all rows or none', async (database) => {
  const { create, stored } = await openBulkCities(database)
  await create([{ name: 'Oslo', slug: 'oslo' }])
  const before = await stored()
  const given = [{ name: 'Lund' }, { name: 'Bern', slug: 'bern' }, { name: 'Oslo', slug: 'oslo' }]
  await expect(create(given)).rejects.toMatchObject({
    code: 'ROW_REFUSED',
    message: expect.not.stringContaining('Bern'),
  })
  expect(await codeOf(create(given.slice(1), bySlug('fail')))).toBe('ROW_REFUSED')
  // Nobody supplies a name, and the database has no default for it.
  expect(await codeOf(create([{ name: 'Lund' }, { slug: 'x' }]))).toBe('ROW_REFUSED')
  expect(await stored()).toEqual(before)
})

contractTest('refuses rows before anything is created', async (database) => {
  const { create, stored } = await openBulkCities(database)
  const refused = (row: object, options = {}) => codeOf(create([{ name: 'Oslo', slug: 'oslo' }, row], options))
  expect(await refused({})).toBe('INVALID_VALUE')
  expect(await refused({ id: null, name: 'x' })).toBe('INVALID_VALUE')
  expect(await refused({ name: 'x' }, bySlug('skip'))).toBe('INVALID_VALUE')
  expect(await refused({ name: 'x', nmae: 'x' })).toBe('COLUMN_NOT_FOUND')
  expect(await refused({ name: 'x', length: 1 })).toBe('COLUMN_NOT_WRITABLE')
  expect(await refused({ name: 'x' }, { onConflict: { key: ['name'], do: 'skip' } })).toBe('UNIQUE_NEEDS_INDEX')
  expect(await stored()).toEqual({})
})

/** As the adapters make it, for the core alone. */
const text = {
  decode: (stored: string | null) => stored,
  encode: (value: unknown) => (value === null ? null : String(value)),
}
const mapping: MappedTable = {
  table: { schema: undefined, name: 'city' },
  columns: new Map([
    ['id', { column: 'id', ...text }],
    ['name', { column: 'title', ...text }],
    ['slug', { column: 'slug', ...text }],
  ]),
}

contractTest('sends one statement for all rows that have the same properties', async (database) => {
  const { dataSource, stored } = await openBulkCities(database)
  const sent: string[] = []
  const hooks: StatementHooks = { before: ({ label, text }) => void (label === 'insert-rows' && sent.push(text)) }
  const rows = Array.from({ length: 30 }, (_, i) => ({ name: `City ${i}` }))
  const port = portTo(dataSource, hooks)
  const result = await createRows(port, undefined, { mapping, rows, onConflict: undefined, initial: new Set() })
  const after = await stored()
  expect(result.keys.map((key) => after[Number((key as { id: string }).id)])).toEqual(
    rows.map(({ name }) => `${name} null 7`),
  )
  expect(sent).toHaveLength(1)
})

contractTest('does it again when somebody is quicker to create one of the rows', async (database) => {
  const { dataSource, create, stored } = await openBulkCities(database)
  await create([{ name: 'Oslo', slug: 'oslo' }])
  let [isThere, looks] = [false, 0]
  const hooks: StatementHooks = {
    before: ({ label }) => void (label === 'same-values' && looks++),
    // Rolled back with the first attempt.
    inject({ label }, when) {
      if (label !== 'insert-rows' || when !== 'before' || isThere) return undefined
      isThere = true
      return `insert into city (title, slug) values ('Quick', 'lund')`
    },
  }
  const rows = [
    { name: 'Christiania', slug: 'oslo' },
    { name: 'Lund', slug: 'lund' },
  ]
  const onConflict = { key: ['slug'], do: 'update' } as const
  const result = await createRows(portTo(dataSource, hooks), undefined, {
    mapping,
    rows,
    onConflict,
    initial: new Set(),
  })
  expect(result).toMatchObject({ created: 1, updated: 1 })
  expect(Object.values(await stored())).toEqual(['Christiania oslo 7', 'Lund lund 7'])
  // On MySQL the insert looks once more.
  expect(looks).toBe(database.name === 'mariadb' ? 4 : 2)
})

for (const when of ['before', 'after'] as const) {
  contractTestOn(
    ['postgres', 'mariadb'],
    `says so when its commit loses the connection ${when} it arrives, instead of creating the rows twice`,
    async (database) => {
      const { stored } = await openBulkCities(database)
      const proxy = await new TcpProxy(database.server).listen()
      onTestFinished(() => proxy.close())
      const dataSource = await database.connect({ host: '127.0.0.1', port: proxy.port })
      let cut: Promise<void> | undefined
      const hooks: StatementHooks = {
        before({ label }) {
          if (label !== 'insert-rows') return
          cut = proxy.cutAfterClientBytes((chunk) => /(^|[^a-z])commit(\0|$)/.test(chunk.toString('latin1')), when)
        },
      }
      const create = { mapping, rows: [{ name: 'Oslo' }], onConflict: undefined, initial: new Set<string>() }
      expect(await codeOf(createRows(portTo(dataSource, hooks), undefined, create))).toBe('COMMIT_UNKNOWN')
      await cut
      expect(Object.values(await stored())).toEqual(when === 'after' ? ['Oslo null 7'] : [])
    },
  )
}

prismaTestOn(
  ['sqlite', 'postgres', 'mariadb'],
  'fills in what the client would, and nothing else',
  async (database) => {
    const dataSource = await database.connect()
    const moment = { sqlite: 'datetime', postgres: 'timestamp(3)', mariadb: 'datetime(3)' }[database.name]
    await dataSource.query(
      `create table note (id varchar(36) not null primary key, tag varchar(36) not null unique, body text, changed ${moment}, v varchar(32))`,
    )
    const client = await openClient(database, dataSource)
    const { keys } = await client.note.bulkCreate([{ body: 'one' }, { body: 'two', v: '1.0.0', tag: 'mine' }])
    const uuid = (version: number) =>
      expect.stringMatching(
        new RegExp(`^[0-9a-f]{8}-[0-9a-f]{4}-${version}[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
      )
    const notes = await client.note.findMany({ orderBy: { body: 'asc' } })
    expect(notes).toEqual([
      { id: uuid(7), tag: uuid(4), body: 'one', changed: expect.any(Date), v: '3.0.0' },
      { id: uuid(7), tag: 'mine', body: 'two', changed: expect.any(Date), v: '1.0.0' },
    ])
    expect(keys).toEqual(notes.map(({ id }) => ({ id })))
    expect(Math.abs(notes[0]!.changed.getTime() - Date.now())).toBeLessThan(60_000)

    // Into the row that is there goes what was given, not what new rows start with.
    const again = [{ tag: 'mine', body: 'TWO' }]
    const result = await client.note.bulkCreate(again, { onConflict: { key: ['tag'], do: 'update' } })
    expect(result).toMatchObject({ updated: 1, keys: [keys[1]] })
    expect(await client.note.findMany({ where: { tag: 'mine' } })).toMatchObject([
      { ...keys[1], body: 'TWO', v: '1.0.0' },
    ])

    expect(await codeOf(client.token.bulkCreate([{}]))).toBe('INVALID_VALUE')
    expect(await codeOf(client.$transaction((inside) => inside.note.bulkCreate(again)))).toBe('INVALID_USAGE')
  },
)
