import { expect } from 'vitest'
import { createCities, readCities } from '../support/city-table.js'
import { CliProject, citySlugText, configTextFor } from '../support/cli-project.js'
import { contractTest, contractTestOn, type TestDatabase } from '../support/databases.js'

async function createProject(database: TestDatabase, backfill = citySlugText({ journal: true })) {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 300)
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/city-slug.ts': backfill,
  })
  return { dataSource, project }
}

contractTest(
  'rowshift undo restores what still stands, lists the rest, and says how to go on',
  async (database) => {
    const { dataSource, project } = await createProject(database)
    const before = await readCities(dataSource)
    const planned = await project.json(['plan', 'city.slug'])
    expect(planned.document).toMatchObject({ undo: 'journal', volume: { journalBytes: expect.any(Number) } })
    await project.run(['run', 'city.slug'])
    await dataSource.query(`update city set slug = 'by-hand' where id = 7`)

    const first = await project.run(['undo', 'city.slug'])
    expect(first.stdout).toMatch(/undone in part: 299 rows restored by the journal, 1 row left as they are/)
    expect(first.stdout).toMatch(/rowshift failures city\.slug#undo/)
    expect(first.code).toBe(1)
    const listed = await project.run(['failures', 'city.slug#undo'])
    expect(listed.stdout).toMatch(/CHANGED_SINCE[\s\S]* 7 [\s\S]*then rowshift undo city\.slug$/m)

    await dataSource.query(`update city set slug = 'city-7' where id = 7`)
    const { code, document } = await project.json(['undo', '1'])
    expect(document).toMatchObject({
      backfill: 'city.slug',
      run: 1,
      by: 'journal',
      result: { status: 'completed', counts: { written: 1, failures: 0 } },
    })
    expect(code).toBe(0)
    expect(await readCities(dataSource)).toEqual(before)
    const status = await project.json(['status'])
    expect(status.document).toMatchObject({ backfills: [{ backfill: 'city.slug', status: 'undone' }, {}] })
  },
  60_000,
)

contractTestOn(
  ['sqlite'],
  'rowshift undo says before it touches anything that there is no way back',
  async (database) => {
    const { dataSource, project } = await createProject(database, citySlugText())
    const planned = await project.run(['plan', 'city.slug'])
    expect(planned.stdout).toMatch(/IRREVERSIBLE/)
    await project.run(['run', 'city.slug'])
    const before = await readCities(dataSource)
    for (const target of ['city.slug', '1']) {
      const { code, stderr } = await project.run(['undo', target])
      expect(stderr).toMatch(/^IRREVERSIBLE: /)
      expect(code).toBe(1)
    }
    expect(await readCities(dataSource)).toEqual(before)
    expect((await project.run(['undo', '99'])).stderr).toMatch(/RUN_NOT_FOUND: there is no run 99/)
    const status = await project.json(['status'])
    expect(status.document).toMatchObject({ backfills: [{ status: 'completed' }] })
  },
  60_000,
)
