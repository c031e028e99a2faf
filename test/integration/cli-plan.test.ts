import { expect } from 'vitest'
import { createCities, readCities } from '../support/city-table.js'
import { CliProject, citySlugText, configTextFor } from '../support/cli-project.js'
import { contractTest, contractTestOn, type TestDatabase } from '../support/databases.js'
import { runRowshift } from '../support/rowshift-command.js'

async function createProject(database: TestDatabase, backfill = citySlugText()) {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 300)
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/city-slug.ts': backfill,
  })
  return { dataSource, project }
}

contractTest('rowshift plan shows contents of rows only where they are asked for', async (database) => {
  const { dataSource, project } = await createProject(database)
  const { code, document } = await project.json(['plan', 'city.slug'])
  expect(code).toBe(0)
  expect(document).toMatchObject({ rows: { matching: 300 }, tried: { rows: 20, changed: 20, failures: [] } })
  expect(JSON.stringify(document)).not.toContain('City 1')

  const plain = await project.run(['plan', 'city.slug'])
  expect(plain.stdout).toMatch(/300 of 300 match, counted/)
  expect(plain.stdout).toMatch(/each page is an index range/)
  expect(plain.stdout).not.toContain('City 1')

  const asked = await project.run(['plan', 'city.slug', '--sample', '2'])
  expect(asked.stdout).toMatch(/^ {2}1 +name 'City 1' +slug null -> 'city-1'$/m)
  expect(asked.stdout).toMatch(/^ {2}2 +name 'City 2' /m)
  expect(asked.stdout).not.toContain('City 3')
  expect((await readCities(dataSource)).every(({ slug }) => slug === null)).toBe(true)
  await expect(dataSource.query('select * from rowshift_run')).rejects.toThrow(/rowshift_run/)
})

contractTestOn(
  ['sqlite'],
  'rowshift plan without a name plans every backfill, and fails if a tried row would',
  async (database) => {
    const { project } = await createProject(database, citySlugText({ failAt: [7] }))
    await project.write({ 'backfills/other.ts': citySlugText({ name: 'city.other' }) })
    const { code, document } = await project.json(['plan'])
    expect(code).toBe(1)
    expect(document).toMatchObject({
      plans: [
        { backfill: 'city.slug', tried: { failures: [{ key: ['7'], code: 'TRANSFORM_FAILED' }] } },
        { backfill: 'city.other', tried: { failures: [] } },
      ],
    })
  },
)

contractTest('rowshift run --dry-run tells what a batch would write, and writes nothing', async (database) => {
  const { dataSource, project } = await createProject(database, citySlugText({ failAt: [7] }))
  const { code, document } = await project.json(['run', 'city.slug', '--dry-run'])
  expect(code).toBe(1)
  expect(document).toMatchObject({
    dryRun: true,
    scanned: 100,
    written: 99,
    failures: [{ key: ['7'], code: 'TRANSFORM_FAILED' }],
  })
  await project.write({ 'backfills/city-slug.ts': citySlugText() })
  const mended = await project.run(['run', 'city.slug', '--dry-run'])
  expect(mended.stdout).toMatch(/100 rows of 100 keys would be written/)
  expect(mended.code).toBe(0)
  expect((await readCities(dataSource)).every(({ slug }) => slug === null)).toBe(true)
  await expect(dataSource.query('select * from rowshift_run')).rejects.toThrow(/rowshift_run/)
})

const profileText = `
import { defineBackfill } from 'rowshift'
export const profiles = defineBackfill.insert({
  name: 'city.profile', table: 'city', select: { id: 'integer', name: 'text' },
  into: 'profile', write: { city_id: 'integer', label: 'text' },
  transform: (row) => row.id === 2 ? undefined : [{ city_id: row.id, label: row.name }],
})
`

contractTestOn(['sqlite'], 'rowshift plan tells which rows of another table would be created', async (database) => {
  const { dataSource, project } = await createProject(database, profileText)
  await dataSource.query('create table profile (id integer primary key, city_id integer, label text)')
  const plain = await project.run(['plan', 'city.profile'])
  expect(plain.stdout).toMatch(
    /^ {2}creates +city_id integer, label text +in profile {2}no index, trigger or foreign key/m,
  )
  expect(plain.stdout).toMatch(/20 rows tried: 19 would have others created/)
  expect(plain.stdout).not.toContain('City 1')
  const asked = await project.run(['plan', 'city.profile', '--sample', '2'])
  expect(asked.stdout).toMatch(/^ {2}1 .*\+ city_id '1', label 'City 1'$/m)
  expect(asked.stdout).toMatch(/^ {2}2 +id '2' +name 'City 2'$/m)
  expect((await project.json(['plan', 'city.profile'])).document).toMatchObject({
    into: 'profile',
    tried: { changed: 19 },
  })
  expect(await dataSource.query('select * from profile')).toEqual([])
})

const duplicatesText = `import { defineBackfill } from 'rowshift'

export const sameCities = defineBackfill.dedupe({
  name: 'city.same', table: 'city', by: ['name'], keep: { first: 'touched' },
})
`

contractTest('rowshift plan lists groups of duplicates and what would go, up to a number', async (database) => {
  const { dataSource, project } = await createProject(database, duplicatesText)
  await dataSource.query(`create index city_name on city (name)`)
  // 25 groups: one of 13 rows, each other of two.
  await dataSource.query(`update city set name = 'City 1' where id <= 13`)
  await dataSource.query(
    `update city set name = concat('Twin of ', id % 100) where id % 100 between 20 and 43 and id > 100`,
  )
  const { code, out, err } = await runRowshift(project.folder, ['plan', 'city.same'])
  expect(err).toBe('')
  expect(code).toBe(0)
  expect(out).toContain('25 groups with 36 rows besides the one that stays')
  expect(out).toMatch(/\n {4}1 stays, (?:\d+, ){10}and 2 more would go\n {4}120 stays, 220 would go\n/)
  expect(out.match(/ stays, /g)).toHaveLength(20)
  expect(out).toContain('and 5 more groups')
  expect(out).not.toContain('Twin')
  const { duplicates } = JSON.parse((await runRowshift(project.folder, ['plan', 'city.same', '--json'])).out)
  expect(duplicates).toMatchObject({ groups: 25, others: 36, isWhole: true })
  expect(duplicates.first).toHaveLength(20)
})
