import { expect } from 'vitest'
import * as typeorm from '../../src/adapters/typeorm/index.js'
import { defineBackfill, sql } from '../../src/index.js'
import { readStatus } from '../../src/runs/read-status.js'
import { codeOf, portTo, runBackfill, withQueryRunner } from '../support/backfills.js'
import { contractTestOn, type TestDatabase, typeormTestOn } from '../support/databases.js'

/* A data source that names its schema: a tenant's. Tables of the same names are in `public`, where the search path leads. */

const schema = `It's "one"`
const quoted = `"It's ""one"""`

/** Country codes in the schema, by a look-up in another table: in `public` that one has other codes. */
const code = defineBackfill({
  name: 'city.code',
  table: 'city',
  select: { country: 'text' },
  write: { code: 'text' },
  where: sql`code is null and exists (select 1 from country where country.name = city.country)`,
  when: { skip: { 'there are no countries': sql`select 1 where not exists (select 1 from country)` } },
  verify: { after: { 'every city has a code': sql`select 1 from city where code is null` } },
  transform: ({ country }) => ({ code: country.slice(0, 2) }),
})

const codeBySql = defineBackfill.sql({
  name: 'city.code-by-sql',
  table: 'city',
  where: { code: null },
  set: { code: sql`(select country.code from country where country.name = city.country)` },
})

async function createTables(database: TestDatabase) {
  const own = await database.connect()
  await own.query(`create schema ${quoted}`)
  for (const [place, codes] of [
    [quoted, 'NO'],
    ['public', 'XX'],
  ]) {
    await own.query(`create table ${place}.city (id integer primary key, country text, code text)`)
    await own.query(`insert into ${place}.city values (1, 'Norway'), (2, 'Norway')`)
    await own.query(`create table ${place}.country (name text, code text)`)
    // Of the look-up of the second definition.
    await own.query(`insert into ${place}.country values ('Norway', '${codes}')`)
  }
  await own.query('delete from public.country')
  const codesOf = async (place: string) =>
    (await own.query(`select code from ${place}.city order by id`)).map((row: { code: string | null }) => row.code)
  return { own, tenant: await database.connect({ schema }), codesOf }
}

contractTestOn(
  ['postgres'],
  'tables without a schema, and those in SQL, are those of the schema that the data source names',
  async (database) => {
    const { own, tenant, codesOf } = await createTables(database)
    expect(await runBackfill(tenant, code)).toMatchObject({ status: 'completed', counts: { written: 2 } })
    expect(await codesOf(quoted)).toEqual(['No', 'No'])
    expect(await codesOf('public')).toEqual([null, null])
    await own.query(`update ${quoted}.city set code = null`)
    expect(await runBackfill(tenant, codeBySql)).toMatchObject({ status: 'completed', counts: { written: 2 } })
    expect(await codesOf(quoted)).toEqual(['NO', 'NO'])
    expect(await codesOf('public')).toEqual([null, null])
    expect((await readStatus(portTo(tenant))).map(({ run }) => run.name)).toEqual(['city.code', 'city.code-by-sql'])
    expect(await readStatus(portTo(own))).toEqual([])
  },
)

contractTestOn(
  ['postgres'],
  'a table that the schema of the data source lacks is not found, whatever is on the search path',
  async (database) => {
    const { own, tenant, codesOf } = await createTables(database)
    await own.query(`drop table ${quoted}.city`)
    expect(await codeOf(runBackfill(tenant, codeBySql))).toBe('TABLE_NOT_FOUND')
    expect(await codesOf('public')).toEqual([null, null])
  },
)

typeormTestOn(
  ['postgres'],
  "a migration's transaction has the schema of the data source for rowshift's calls only",
  async (database) => {
    const { tenant, codesOf } = await createTables(database)
    await withQueryRunner(tenant, async (queryRunner) => {
      await queryRunner.startTransaction()
      const pathOf = async () => (await queryRunner.query('show search_path'))[0].search_path as string
      const before = await pathOf()
      await typeorm.backfill(queryRunner, code)
      expect(await pathOf()).toBe(before)
      await queryRunner.commitTransaction()
    })
    expect(await codesOf(quoted)).toEqual(['No', 'No'])
    expect(await codesOf('public')).toEqual([null, null])
  },
)
