import { expect } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { codeOf, runBackfill } from '../support/backfills.js'
import { createCities, readCities } from '../support/city-table.js'
import { contractTest, contractTestOn, type DatabaseName } from '../support/databases.js'

const citySlug = (batchRows: number) =>
  defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    batchRows,
    transform: (row) => ({ slug: row.name.toLowerCase() }),
    unique: { slug: (slug, n) => `${slug}-${n}` },
  })

/** Row by row in key order, the first free of slug, slug-2, slug-3, ... */
function expectedSlugs(names: readonly string[], taken: Iterable<string> = []): string[] {
  const given = new Set(taken)
  return names.map((name) => {
    const base = name.toLowerCase()
    let slug = base
    for (let n = 2; given.has(slug); n++) slug = `${base}-${n}`
    given.add(slug)
    return slug
  })
}

// Names that repeat, and names that look like another one's suffix.
const names = Array.from({ length: 120 }, (_, i) => ['San José', 'oslo', 'oslo-2', `n${i}`][i % 4]!)

for (const batchRows of [1, 7, 1000]) {
  contractTest(`gives the first free value in key order, ${batchRows} rows a batch`, async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, names.length)
    for (const [i, name] of names.entries()) {
      await dataSource.query(`update city set name = '${name}' where id = ${i + 1}`)
    }
    await dataSource.query(`update city set slug = 'oslo-3' where id = 90`)
    await dataSource.query('create unique index city_slug on city (slug)')
    expect(await runBackfill(dataSource, citySlug(batchRows))).toMatchObject({
      status: 'completed',
      counts: { written: names.length - 1 },
    })
    const slugs = (await readCities(dataSource)).map((city) => city.slug)
    expect(slugs.toSpliced(89, 1)).toEqual(expectedSlugs(names.toSpliced(89, 1), ['oslo-3']))
  })
}

contractTest('asks in a number of queries that does not grow with the rows', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 600)
  // One name many times, two hundred names twice, and a long series that is there already.
  await dataSource.query(`update city set name = 'Springfield' where id <= 200`)
  await dataSource.query(`update city set name = 'Twin' where id between 401 and 410`)
  for (let id = 201; id <= 300; id++) {
    await dataSource.query(`update city set name = 'City ${id}' where id = ${id + 100}`)
  }
  await dataSource.query(`update city set slug = 'twin' where id = 501`)
  for (let n = 2; n <= 99; n++) await dataSource.query(`update city set slug = 'twin-${n}' where id = ${500 + n}`)
  await dataSource.query('create unique index city_slug on city (slug)')
  let queries = 0
  await runBackfill(dataSource, citySlug(600), {
    hooks: { before: (statement) => void (statement.label === 'taken-values' && queries++) },
  })
  expect(queries).toBeGreaterThan(0)
  expect(queries).toBeLessThan(10)
  const slugs = (await readCities(dataSource)).map((city) => city.slug)
  expect(new Set(slugs).size).toBe(600)
  expect(slugs.slice(400, 410)).toEqual(Array.from({ length: 10 }, (_, i) => `twin-${100 + i}`))
})

/** Columns to which 'Oslo' and 'OSLO' are one value. */
const caseless = {
  sqlite: { 'collated column': ['slug text collate nocase'], 'collated index': ['slug text', 'slug collate nocase'] },
  postgres: {
    citext: ['slug citext'],
    'nondeterministic collation': ['slug text collate "caseless"'],
  },
  mariadb: {
    utf8mb4_general_ci: ['slug varchar(200) character set utf8mb4 collate utf8mb4_general_ci'],
    latin1_swedish_ci: ['slug varchar(200) character set latin1 collate latin1_swedish_ci'],
  },
} as const satisfies Record<DatabaseName, Record<string, readonly [column: string, index?: string]>>

for (const name of ['sqlite', 'postgres', 'mariadb'] as const) {
  for (const [kind, [column, index = 'slug']] of Object.entries<readonly [column: string, index?: string]>(
    caseless[name],
  )) {
    contractTestOn([name], `gives values that differ under the column's collation too (${kind})`, async (database) => {
      const dataSource = await database.connect()
      if (name === 'postgres') {
        await dataSource.query('create extension citext')
        await dataSource.query(
          `create collation caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
        )
      }
      await dataSource.query(`create table city (id int not null primary key, name varchar(200) not null, ${column})`)
      const spelled = ['Oslo', 'OSLO', 'oslo', 'Oslo-2', 'Rome', 'ROME', 'Lima']
      const names = Array.from({ length: 70 }, (_, i) => spelled[i % spelled.length]!)
      await dataSource.query(
        `insert into city (id, name) values ${names.map((city, i) => `(${i + 1}, '${city}')`).join()}`,
      )
      await dataSource.query(`insert into city (id, name, slug) values (999, 'Other', 'lIMA')`)
      await dataSource.query(`create unique index city_slug on city (${index})`)
      const asSpelled = defineBackfill({
        name: 'city.slug',
        table: 'city',
        select: { name: 'text' },
        write: { slug: 'text' },
        where: { slug: null },
        transform: (row) => ({ slug: row.name }),
        unique: { slug: (slug, n) => `${slug}-${n}` },
      })
      let queries = 0
      let batches = 0
      expect(
        await runBackfill(dataSource, asSpelled, {
          hooks: {
            before: ({ label }) => {
              if (label === 'taken-values') queries++
              if (label === 'fence') batches++
            },
          },
        }),
      ).toMatchObject({ status: 'completed', counts: { written: names.length } })
      // The page was right at the first attempt (the other batch is the sweep's), and not with one question a row.
      expect(batches).toBe(2)
      expect(queries).toBeLessThan(20)
      const cities = await readCities(dataSource)
      const given = new Set(['lima'])
      for (const { name: city, slug } of cities.filter(({ id }) => id < 999)) {
        let expected = city
        for (let n = 2; given.has(expected.toLowerCase()); n++) expected = `${city}-${n}`
        given.add(expected.toLowerCase())
        expect(slug).toBe(expected)
      }
    })
  }
}

contractTest('chooses anew when an application takes a value between question and write', async (database) => {
  const app = await database.connect()
  const dataSource = await database.connect()
  await createCities(app, database.name, 10)
  await app.query(`update city set name = 'Same'`)
  await app.query('create unique index city_slug on city (slug)')
  let questions = 0
  const result = await runBackfill(dataSource, citySlug(10), {
    hooks: {
      before: ({ label }) => void (label === 'taken-values' && questions++),
      // Before the batch that was to give it begins: afterwards the application would be refused, not the batch.
      async ended() {
        if (questions !== 1) return
        questions++
        await app.query(`insert into city (id, name, slug) values (999, 'Other', 'same')`)
      },
    },
  })
  expect(questions).toBeGreaterThan(2)
  expect(result).toMatchObject({ status: 'completed', counts: { written: 10 } })
  const slugs = (await readCities(app)).map((city) => city.slug)
  expect(new Set(slugs).size).toBe(11)
})

contractTest('asks for a unique index', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 3)
  expect(await codeOf(runBackfill(dataSource, citySlug(10)))).toBe('UNIQUE_NEEDS_INDEX')
})

contractTest('says so when no value is left that the column can hold', async (database) => {
  const dataSource = await database.connect()
  await dataSource.query('create table item (id int not null primary key, slug varchar(3))')
  const ids = Array.from({ length: 11 }, (_, i) => i + 1)
  await dataSource.query(`insert into item (id) values ${ids.map((id) => `(${id})`).join()}`)
  await dataSource.query('create unique index item_slug on item (slug)')
  const short = defineBackfill({
    name: 'item.slug',
    table: 'item',
    select: { id: 'integer' },
    write: { slug: 'text' },
    where: { slug: null },
    batchRows: 9,
    transform: () => ({ slug: 'x' }),
    // 'x-10' is longer than the column.
    unique: { slug: (slug, n) => `${slug}-${n}` },
  })
  const error = await runBackfill(dataSource, short).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'UNIQUE_EXHAUSTED', message: expect.stringContaining('longer than') })
  // The first batch needed no more than 'x-9', whatever it asked about.
  const [{ n }] = await dataSource.query('select count(*) as n from item where slug is not null')
  expect(Number(n)).toBe(9)
})

contractTest('says so when the function never gives another value', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 3)
  await dataSource.query(`update city set name = 'Same'`)
  await dataSource.query('create unique index city_slug on city (slug)')
  const stuck = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    transform: (row) => ({ slug: row.name }),
    unique: { slug: (slug) => slug },
  })
  expect(await codeOf(runBackfill(dataSource, stuck))).toBe('UNIQUE_EXHAUSTED')
})
