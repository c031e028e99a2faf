import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { requireCompleted } from '../../src/adapters/typeorm/index.js'
import { defineBackfill } from '../../src/index.js'
import { codeOf, runBackfill, withQueryRunner } from '../support/backfills.js'
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

for (const index of ['unique index', 'index'] as const) {
  contractTest(
    `chooses anew when an application takes a value between question and write (${index})`,
    async (database) => {
      const app = await database.connect()
      const dataSource = await database.connect()
      await createCities(app, database.name, 10)
      await app.query(`update city set name = 'Same'`)
      await app.query(`create ${index} city_slug on city (slug)`)
      let questions = 0
      // All rows in the last page: no other is read meanwhile, whose end would be taken for that of the question.
      const result = await runBackfill(dataSource, citySlug(11), {
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
    },
  )
}

contractTest(
  'without a unique index, a value that an application has taken as well keeps a run from completing',
  async (database) => {
    const app = await database.connect()
    const dataSource = await database.connect()
    await createCities(app, database.name, 30)
    await app.query('create index city_slug on city (slug)')
    const insert = (id: number, slug: string) =>
      app.query(`insert into city (id, name, slug) values (${id}, 'Other', '${slug}')`)
    let writes = 0
    let isInserted = false
    const result = await runBackfill(dataSource, citySlug(10), {
      hooks: {
        before: ({ label }) => void (label === 'update-rows' && writes++),
        // Of the first batch, which is committed.
        async ended() {
          if (writes < 2 || isInserted) return
          isInserted = true
          await insert(101, 'city 3')
          await insert(102, 'city 3')
        },
      },
    })
    const reason = '2 rows have a value of "slug" that another row has: keys ["101"], ["102"]'
    expect(result).toMatchObject({ status: 'failed', reason: expect.stringContaining(reason), counts: { written: 30 } })
    expect(await gate(dataSource)).toBe('GATE_SHUT')

    await app.query(`update city set slug = 'other' where id = 101`)
    await app.query('delete from city where id = 102')
    expect(await runBackfill(dataSource, citySlug(10))).toMatchObject({ status: 'completed' })
    expect(await gate(dataSource)).toBeUndefined()
    // Nothing keeps it from doing so again, until there is the index that the gate leads to.
    await insert(103, 'city 4')
    expect(await gate(dataSource)).toBe('GATE_SHUT')

    async function gate(source: DataSource) {
      return withQueryRunner(source, (queryRunner) => codeOf(requireCompleted(queryRunner, citySlug(10))))
    }
  },
)

contractTest(
  'without a unique index, each batch awaits its turn and looks once more before it writes',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 25)
    const batchesWith = async (index: string) => {
      await dataSource.query('update city set slug = null')
      await dataSource.query(`create ${index} city_slug on city (slug)`)
      const labels: string[] = []
      await runBackfill(dataSource, citySlug(10), { hooks: { before: ({ label }) => void labels.push(label) } })
      const drop = database.name === 'mariadb' ? 'drop index city_slug on city' : 'drop index city_slug'
      await dataSource.query(drop)
      const told = ['lock-run', 'fence', 'taken-values', 'update-rows']
      return labels.flatMap((label, at) =>
        label === 'update-rows'
          ? [labels.slice(labels.lastIndexOf('begin', at), at + 1).filter((one) => told.includes(one))]
          : [],
      )
    }
    const turn = ['lock-run', 'fence', 'taken-values', 'update-rows']
    expect(await batchesWith('index')).toEqual([turn, turn, turn])
    const quick = ['fence', 'update-rows']
    expect(await batchesWith('unique index')).toEqual([quick, quick, quick])
  },
)

contractTest('without any index, each look would scan a table of many rows: that is refused', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 1_200)
  expect(await codeOf(runBackfill(dataSource, citySlug(10)))).toBe('LOOK_UP_NEEDS_INDEX')
  const [{ n }] = await dataSource.query('select count(*) as n from city where slug is not null')
  expect(Number(n)).toBe(0)
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
