import { expect } from 'vitest'
import { countWhere, createCities } from '../support/city-table.js'
import { CliProject, citySlugText, configTextFor } from '../support/cli-project.js'
import { contractTest, type TestDatabase } from '../support/databases.js'

const rows = 300

/** A run that is stopped after its second batch, and a deploy of other functions. */
async function createInterrupted(database: TestDatabase) {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/city-slug.ts': citySlugText({ waitAt: 150 }),
  })
  const running = project.start(['run', 'city.slug'])
  await running.line('waiting')
  running.signal('SIGINT')
  await expect.poll(() => running.errors, { timeout: 30_000 }).toContain('finishing this batch…')
  await project.write({ go: '' })
  await running.exited
  await project.write({ 'backfills/city-slug.ts': citySlugText({ failAt: [-1] }) })
  return { dataSource, project }
}

for (const command of [['run', 'city.slug'], ['work']]) {
  contractTest(`rowshift ${command[0]} goes on with other code only when it is told to`, async (database) => {
    const { dataSource, project } = await createInterrupted(database)
    expect(await countWhere(dataSource, 'slug is null')).toBe(100)
    const refused = await project.json(command)
    expect(refused.code).not.toBe(0)
    expect(JSON.stringify(refused.document)).toContain('DEFINITION_CHANGED')
    expect(await countWhere(dataSource, 'slug is null')).toBe(100)

    expect(await project.json([...command, '--accept-changed'])).toMatchObject({ code: 0 })
    expect(await countWhere(dataSource, 'slug is null')).toBe(0)
  })
}

contractTest('rowshift run --fake marks a run as completed, and status says so', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/city-slug.ts': citySlugText(),
  })
  expect(await project.json(['run', 'city.slug', '--fake'])).toMatchObject({
    code: 0,
    document: { backfill: 'city.slug', status: 'completed', isFaked: true },
  })
  expect(await countWhere(dataSource, 'slug is null')).toBe(rows)
  expect((await project.json(['status'])).document).toMatchObject({
    backfills: [{ backfill: 'city.slug', status: 'completed', reason: { code: 'FAKED' } }],
  })
  expect((await project.run(['status'])).stdout).toContain('FAKED: marked as completed by hand')
  expect((await project.run(['run', 'city.slug', '--fake', '--dry-run'])).code).toBe(2)
})
