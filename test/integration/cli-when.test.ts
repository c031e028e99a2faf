import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { createCities } from '../support/city-table.js'
import { CliProject, configTextFor } from '../support/cli-project.js'
import { contractTest, contractTestOn } from '../support/databases.js'
import { runRowshift } from '../support/rowshift-command.js'

const definitions = `
import { defineBackfill, sql } from 'rowshift'
const form = { table: 'city', where: { touched: 0 }, set: { touched: 1 } }
export const small = defineBackfill.sql({
  ...form, name: 'city.small', when: { skip: { 'there are few cities': sql\`select 1 from city where id < 100\` } },
})
export const held = defineBackfill.sql({
  ...form, name: 'city.held', when: { postpone: { 'an import is running': () => true } },
})
export const last = defineBackfill.sql({ ...form, name: 'city.last', after: [held] })
`

contractTestOn(['sqlite'], 'commands tell why a run was skipped or has to wait', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 3)
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/cities.ts': definitions,
  })
  expect(await project.json(['run', 'city.small'])).toMatchObject({
    code: 0,
    document: { status: 'completed', skippedBecause: 'there are few cities', counts: { written: 0 } },
  })
  expect((await project.run(['run', 'city.small'])).stdout).toContain('skipped: there are few cities')
  expect(await project.json(['run', 'city.held'])).toMatchObject({
    code: 3,
    document: { error: { code: 'POSTPONED', details: { reason: 'an import is running' } } },
  })
  expect(await project.json(['run', 'city.last'])).toMatchObject({
    code: 3,
    document: { error: { code: 'POSTPONED' } },
  })

  const status = await project.json(['status'])
  expect(status).toMatchObject({ code: 3 })
  const reasons = (
    status.document as { backfills: { backfill: string; status: string; reason: object }[] }
  ).backfills.map(({ backfill, status, reason }) => ({ backfill, status, reason }))
  expect(reasons).toEqual([
    { backfill: 'city.held', status: 'postponed', reason: { code: 'POSTPONED', message: 'an import is running' } },
    {
      backfill: 'city.last',
      status: 'postponed',
      reason: { code: 'POSTPONED', message: '"city.held", which it comes after, is postponed' },
    },
    { backfill: 'city.small', status: 'completed', reason: { code: 'SKIPPED', message: 'there are few cities' } },
  ])
  const text = (await project.run(['status'])).stdout
  expect(text).toContain('SKIPPED: there are few cities')
  expect(text).toContain('POSTPONED: an import is running')

  // Workers end with what is left, as they do of every run that is not done.
  const work = await project.json(['work'])
  expect(work).toMatchObject({ code: 3 })
})

contractTest('rowshift plan tells what a backfill waits for, and what would become of it now', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 3)
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/cities.ts': definitions
      .replace('() => true', '() => existsSync("import")')
      .replace('import { defineBackfill', "import { existsSync } from 'node:fs'\nimport { defineBackfill"),
  })
  const command = (...args: string[]) => runRowshift(project.folder, args)
  const planned = async (name: string) => {
    const { after, when, now } = JSON.parse((await command('plan', name, '--json')).out)
    return { after, when, now }
  }
  expect(await planned('city.small')).toEqual({
    after: [],
    when: { skip: ['there are few cities'], postpone: [] },
    now: { outcome: 'skipped', reason: 'there are few cities' },
  })
  // There are no state tables yet, and a plan makes none.
  const waiting = '"city.held", which it comes after, was never run'
  expect(await planned('city.last')).toEqual({
    after: ['city.held'],
    when: { skip: [], postpone: [] },
    now: { outcome: 'postponed', reason: waiting },
  })
  await expect(dataSource.query('select * from rowshift_run')).rejects.toThrow(/rowshift_run/)
  expect((await command('plan', 'city.last')).out).toMatch(
    new RegExp(` {2}after +city\\.held\\n {2}now +would wait: ${waiting}`),
  )
  await project.write({ import: '' })
  const held = await command('plan', 'city.held')
  expect(held.out).toMatch(/ {2}waits if +an import is running\n {2}now +would wait: an import is running/)
  await rm(join(project.folder, 'import'))
  expect((await planned('city.held')).now).toEqual({ outcome: 'begun', reason: null })
  expect((await command('run', 'city.held')).code).toBe(0)
  expect((await planned('city.last')).now).toEqual({ outcome: 'begun', reason: null })
})

const sequenceText = `
import { defineBackfill, sequence, sql } from 'rowshift'
const form = { table: 'city', where: { touched: 0 }, set: { touched: 1 } }
const second = defineBackfill.sql({ name: 'city.second', table: 'city', where: { touched: 1 }, set: { touched: 2 } })
export const first = defineBackfill.sql({ ...form, name: 'city.first' })
export const cities = sequence('city@2.0.0', [first, second])
`

contractTestOn(['sqlite'], 'rowshift run runs a sequence by its name, one after another', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 3)
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/cities.ts': sequenceText,
  })
  expect(await project.json(['run', 'city.second'])).toMatchObject({
    code: 3,
    document: { error: { code: 'POSTPONED' } },
  })
  expect(await project.json(['run', 'city@2.0.0', '--dry-run'])).toMatchObject({
    code: 2,
    document: { error: { code: 'UNKNOWN_BACKFILL', details: { backfills: ['city.first', 'city.second'] } } },
  })
  expect(await project.json(['run', 'city@2.0.0'])).toMatchObject({
    code: 0,
    document: {
      sequence: 'city@2.0.0',
      status: 'completed',
      runs: [
        { backfill: 'city.first', counts: { written: 3 } },
        { backfill: 'city.second', counts: { written: 3 } },
      ],
    },
  })
  expect((await project.run(['run', 'city@2.0.0'])).stdout).toMatch(
    /city\.first · run \d+[\s\S]*city\.second · run \d+[\s\S]*city@2\.0\.0 · completed: 2 backfills/,
  )
})
