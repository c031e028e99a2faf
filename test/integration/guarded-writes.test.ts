import { expect } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { runBackfill } from '../support/backfills.js'
import { countWhere, createCities, readCities } from '../support/city-table.js'
import { contractTest } from '../support/databases.js'

const slugOf = (name: string) => name.toLowerCase().replace(' ', '-')

contractTest('leaves a value alone that the application wrote between read and write', async (database) => {
  const app = await database.connect()
  const dataSource = await database.connect()
  await createCities(app, database.name, 5)
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
      async transform(row) {
        // The name stays as it was read: only the written column tells.
        if (row.name === 'City 3') await app.query(`update city set slug = 'the-users-own' where id = 3`)
        return { slug: slugOf(row.name) }
      },
    }),
  )
  expect(result).toMatchObject({ status: 'completed', counts: { written: 4, skipped: 1, conflicts: 0 } })
  expect((await readCities(app)).map((city) => city.slug)).toEqual([
    'city-1',
    'city-2',
    'the-users-own',
    'city-4',
    'city-5',
  ])
})

contractTest('reads a row again that changed between read and write', async (database) => {
  const app = await database.connect()
  const dataSource = await database.connect()
  await createCities(app, database.name, 5)
  let isRenamed = false
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
      async transform(row) {
        if (row.name === 'City 3' && !isRenamed) {
          isRenamed = true
          await app.query(`update city set name = 'Oslo 3' where id = 3`)
        }
        return { slug: slugOf(row.name) }
      },
    }),
  )
  expect(result).toMatchObject({ status: 'completed', counts: { written: 5, conflicts: 1, failures: 0 } })
  expect((await readCities(app))[2]).toEqual({ id: 3, name: 'Oslo 3', slug: 'oslo-3' })
})

contractTest('passes over a row that is deleted between read and write', async (database) => {
  const app = await database.connect()
  const dataSource = await database.connect()
  await createCities(app, database.name, 5)
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
      async transform(row) {
        if (row.name === 'City 2') await app.query('delete from city where id = 2')
        return { slug: slugOf(row.name) }
      },
    }),
  )
  expect(result).toMatchObject({ status: 'completed', counts: { written: 4, skipped: 1, conflicts: 0 } })
  expect(await countWhere(app, 'slug is null')).toBe(0)
})

for (const moment of ['before', 'after'] as const) {
  const title = `passes over a changed row that is deleted ${moment} it is read again`
  contractTest(title, async (database) => {
    const app = await database.connect()
    const dataSource = await database.connect()
    await createCities(app, database.name, 5)
    let readings = 0
    const result = await runBackfill(
      dataSource,
      defineBackfill({
        name: 'city.slug',
        table: 'city',
        select: { id: 'integer', name: 'text' },
        write: { slug: 'text' },
        where: { slug: null },
        async transform(row) {
          if (row.id === 3) {
            readings++
            const change =
              readings === 1 ? `update city set name = 'Oslo 3' where id = 3` : 'delete from city where id = 3'
            await app.query(change)
          }
          return { slug: slugOf(row.name) }
        },
      }),
      {
        hooks: {
          inject({ label }, when) {
            const isNoted = label === 'put-failures' && when === 'after'
            return isNoted && moment === 'before' ? 'delete from city where id = 3' : undefined
          },
        },
      },
    )
    expect(readings).toBe(moment === 'before' ? 1 : 2)
    expect(result).toMatchObject({
      status: 'completed',
      counts: { written: 4, skipped: 1, conflicts: 1, failures: 0 },
    })
    expect(await app.query('select * from rowshift_failure')).toEqual([])
    expect(await countWhere(app, 'slug is null')).toBe(0)
  })
}

contractTest('migrates a row whose other columns change all the time', async (database) => {
  const app = await database.connect()
  const dataSource = await database.connect()
  await createCities(app, database.name, 200)
  let isDone = false
  const bump = async () => {
    for (; !isDone; ) {
      await app.query('update city set touched = touched + 1 where id = 100')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const bumping = bump()
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
      batchRows: 10,
      async transform(row) {
        await new Promise((resolve) => setTimeout(resolve, 1))
        return { slug: slugOf(row.name) }
      },
    }),
  )
  isDone = true
  await bumping
  expect(result).toMatchObject({ status: 'completed', counts: { written: 200, conflicts: 0 } })
  expect(await countWhere(app, 'touched > 0')).toBe(1)
})

contractTest('locks a row that keeps changing for its last attempt', async (database) => {
  const app = await database.connect()
  const dataSource = await database.connect()
  await createCities(app, database.name, 3)
  let version = 0
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
      async transform(row) {
        // SQLite locks no single row, so there the application has to come to an end.
        if (row.name.startsWith('City 2') && (database.name !== 'sqlite' || version < 9)) {
          // Does not wait for the answer of the last one: the row is locked against it.
          const write = app.query(`update city set name = 'City 2 v${++version}' where id = 2`).catch(() => undefined)
          await Promise.race([write, new Promise((resolve) => setTimeout(resolve, 300))])
        }
        return { slug: slugOf(row.name) }
      },
    }),
  )
  expect(result).toMatchObject({ status: 'completed', counts: { written: 3, conflicts: 1, failures: 0 } })
  expect(version).toBeGreaterThan(3)
  expect(await countWhere(app, 'slug is null')).toBe(0)
})

contractTest('leaves rows and columns alone whose values stay the same', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  await dataSource.query(`update city set slug = 'done' where id <= 5`)
  // In process a batch repeats one prepared statement, elsewhere it is sent once.
  const written = new Set<string>()
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      name: 'city.all',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text', touched: 'integer' },
      transform: () => ({ slug: 'done', touched: 0 }),
    }),
    {
      hooks: {
        before(statement) {
          if (statement.label === 'update-rows') written.add(statement.text)
        },
      },
    },
  )
  expect(result).toMatchObject({ status: 'completed', coverage: 'keys-once', counts: { written: 5, unchanged: 5 } })
  // One statement for the one set of columns that changed, and `touched` is not among them.
  expect(written.size).toBe(1)
  expect(/\bset\b(.*?)\b(?:from|where)\b/is.exec([...written][0]!)?.[1]).toMatch(/^(?!.*touched).*slug/s)
})

contractTest('writes a statement for each set of columns that changed', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 30)
  await dataSource.query(`update city set touched = 7 where id <= 10`)
  await dataSource.query(`update city set slug = 'x' where id > 20`)
  const statements = new Set<string>()
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      name: 'city.all',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text', touched: 'integer' },
      transform: () => ({ slug: 'x', touched: 7 }),
    }),
    { hooks: { before: (statement) => void (statement.label === 'update-rows' && statements.add(statement.text)) } },
  )
  expect(result).toMatchObject({ status: 'completed', counts: { written: 30 } })
  expect(statements.size).toBe(3)
  expect(await countWhere(dataSource, `slug = 'x' and touched = 7`)).toBe(30)
})

contractTest('sends no token of a column that `where` says is null', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 5)
  const seen: unknown[] = []
  const widths = new Set<number>()
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text', slug: 'text?' },
      write: { slug: 'text?' },
      where: { slug: null },
      journal: true,
      transform(row) {
        seen.push(row.slug)
        return { slug: slugOf(row.name) }
      },
    }),
    {
      hooks: {
        before({ label, parameters }) {
          if (label !== 'update-rows') return
          widths.add(database.name === 'mariadb' ? JSON.parse(String(parameters[0]))[0].length : parameters.length)
        },
      },
    },
  )
  expect(result).toMatchObject({ status: 'completed', counts: { written: 5 } })
  expect(new Set(seen)).toEqual(new Set([null]))
  // The key, the name as it was read, and the new slug.
  expect([...widths]).toEqual([3])
  const images: object[] = await dataSource.query('select before_image from rowshift_journal')
  expect(images).toEqual(Array(5).fill({ before_image: '[null]' }))
})
