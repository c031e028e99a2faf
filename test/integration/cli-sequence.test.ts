import { expect } from 'vitest'
import { countWhere, createCities } from '../support/city-table.js'
import { CliProject, configTextFor } from '../support/cli-project.js'
import { contractTest, type TestDatabase } from '../support/databases.js'
import { runRowshift } from '../support/rowshift-command.js'

/* Commands that are given the name of a sequence. */

const definitions = (reverse: string) => `
import { existsSync } from 'node:fs'
import { defineBackfill, sequence, sql } from 'rowshift'
export const first = defineBackfill({
  name: 'city.first', table: 'city', select: { name: 'text' }, write: { slug: 'text' }, where: { slug: null }, maxFailures: 0, ${reverse}
  transform({ name }) {
    if (existsSync('bad') && name === 'City 2') throw new Error('no slug for it')
    return { slug: name }
  },
})
const second = defineBackfill.sql({
  name: 'city.second', table: 'city', where: { touched: 0 }, set: { touched: sql\`length(name)\` }, reverse: { set: { touched: 0 } },
})
export const cities = sequence('city@2.0.0', [first, second])
`

async function createProject(database: TestDatabase, reverse = 'reverse: { set: { slug: null } },') {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 3)
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/cities.ts': definitions(reverse),
  })
  const command = async (...args: string[]) => {
    const { code, out } = await runRowshift(project.folder, [...args, '--json'])
    return { code, document: JSON.parse(out) }
  }
  return { dataSource, project, command }
}

const both = (one: object, another: object = one) => ({ sequence: 'city@2.0.0', backfills: [one, another] })

contractTest('plan, verify and failures are about every backfill of a sequence, in its order', async (database) => {
  const { project, command } = await createProject(database)
  expect(await command('plan', 'city@2.0.0')).toMatchObject({
    code: 0,
    document: both({ backfill: 'city.first', after: [] }, { backfill: 'city.second', after: ['city.first'] }),
  })
  expect(await command('verify', 'city@2.0.0')).toMatchObject({
    code: 1,
    document: both({ backfill: 'city.first', remaining: 3 }, { backfill: 'city.second', remaining: 3 }),
  })
  await project.write({ bad: '' })
  expect(await command('run', 'city@2.0.0')).toMatchObject({ code: 1 })
  expect(await command('failures', 'city@2.0.0')).toMatchObject({
    code: 0,
    document: both({ backfill: 'city.first', total: 1 }, { backfill: 'city.second', total: 0 }),
  })
})

contractTest('a sequence is undone from its end, what was never run is left out', async (database) => {
  const { dataSource, command } = await createProject(database)
  expect(await command('undo', 'city@2.0.0')).toMatchObject({ code: 0, document: { backfills: [] } })
  expect(await command('run', 'city.first')).toMatchObject({ code: 0 })
  expect(await command('undo', 'city@2.0.0')).toMatchObject({
    code: 0,
    document: { sequence: 'city@2.0.0', backfills: [{ backfill: 'city.first' }] },
  })
  expect(await command('run', 'city@2.0.0')).toMatchObject({ code: 0 })
  expect(await countWhere(dataSource, 'slug is null or touched = 0')).toBe(0)
  expect(await command('undo', 'city@2.0.0')).toMatchObject({
    code: 0,
    document: both({ backfill: 'city.second' }, { backfill: 'city.first' }),
  })
  expect(await countWhere(dataSource, 'slug is null and touched = 0')).toBe(3)
})

contractTest('a sequence of which one backfill has no way back is undone not at all', async (database) => {
  const { dataSource, command } = await createProject(database, '')
  expect(await command('run', 'city@2.0.0')).toMatchObject({ code: 0 })
  expect(await command('undo', 'city@2.0.0')).toMatchObject({
    code: 1,
    document: { error: { code: 'IRREVERSIBLE', details: { backfill: 'city.first' } } },
  })
  expect(await countWhere(dataSource, 'slug is null or touched = 0')).toBe(0)
})

contractTest('pause, resume and cancel change every run of a sequence that they can', async (database) => {
  const { project, command } = await createProject(database)
  expect(await command('pause', 'city@2.0.0')).toMatchObject({
    code: 1,
    document: { error: { code: 'RUN_NOT_FOUND' } },
  })
  await project.write({ bad: '' })
  expect(await command('run', 'city@2.0.0')).toMatchObject({ code: 1 })
  const changed = (status: string, ...names: string[]) => ({
    code: 0,
    document: { sequence: 'city@2.0.0', backfills: names.map((backfill) => ({ backfill, status })) },
  })
  // The second has no run yet.
  expect(await command('pause', 'city@2.0.0')).toMatchObject(changed('paused', 'city.first'))
  expect(await command('run', 'city.second')).toMatchObject({ code: 3 })
  // The first is paused already.
  expect(await command('pause', 'city@2.0.0')).toMatchObject(changed('paused', 'city.second'))
  expect(await command('pause', 'city@2.0.0')).toMatchObject({
    code: 1,
    document: { error: { code: 'RUN_TRANSITION' } },
  })
  const both = ['city.first', 'city.second']
  expect(await command('resume', 'city@2.0.0')).toMatchObject(changed('scheduled', ...both))
  expect(await command('cancel', 'city@2.0.0')).toMatchObject(changed('cancelled', ...both))
})

contractTest(
  'replay tries the failures of a sequence again; what is about one backfill names those there are',
  async (database) => {
    const { project, command } = await createProject(database)
    await project.write({ bad: '' })
    expect(await command('run', 'city@2.0.0')).toMatchObject({ code: 1 })
    expect(await command('replay', 'city@2.0.0')).toMatchObject({
      code: 1,
      document: { replayed: [{ backfill: 'city.first', remaining: 1 }] },
    })
    for (const args of [
      ['set', 'delay-ms=1'],
      ['run', '--dry-run'],
      ['run', '--fake'],
    ]) {
      const [name = '', ...rest] = args
      expect(await command(name, 'city@2.0.0', ...rest)).toMatchObject({
        code: 2,
        document: { error: { code: 'UNKNOWN_BACKFILL', details: { backfills: ['city.first', 'city.second'] } } },
      })
    }
    expect(await command('run', 'city@2.0.1')).toMatchObject({
      code: 2,
      document: { error: { message: expect.stringContaining('Did you mean "city@2.0.0"?') } },
    })
  },
)
