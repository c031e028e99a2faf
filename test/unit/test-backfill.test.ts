import { AssertionError } from 'node:assert'
import { expect, test } from 'vitest'
import { defineBackfill, sql } from '../../src/index.js'
import { testBackfill } from '../../src/testing/index.js'
import { codeOf } from '../support/backfills.js'

const citySlug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  transform: async (row, { key }) => {
    if (row.name === '') throw new Error('a city without a name')
    if (row.name === 'Nowhere') return undefined
    return { slug: `${row.name.toLowerCase()}-${key.join('.')}` }
  },
})

async function failureOf(call: Promise<void>): Promise<AssertionError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof AssertionError) return error
  throw new Error(`expected an AssertionError, found ${String(error)}`)
}

test('testBackfill passes when every case is as expected', async () => {
  await testBackfill(citySlug, [
    { row: { name: 'Oslo' }, expect: { slug: 'oslo-1' } },
    { row: { name: 'Oslo' }, key: ['7', 'no'], expect: { slug: 'oslo-7.no' } },
    { row: { name: 'Nowhere' }, expect: undefined },
  ])
})

test('testBackfill tells every case that differs, with values that a test runner can show', async () => {
  const error = await failureOf(
    testBackfill(citySlug, [
      { row: { name: 'Oslo' }, expect: { slug: 'bergen-1' } },
      { row: { name: 'Rome' }, expect: { slug: 'rome-1' } },
      { row: { name: '' }, expect: undefined },
      { row: { name: 'Nowhere' }, expect: { slug: 'nowhere-1' } },
    ]),
  )
  expect(error.message.split('\n')).toEqual([
    'transform of backfill "city.slug":',
    `  case 1 of 4, { name: 'Oslo' }: expected { slug: 'bergen-1' }, it returned { slug: 'oslo-1' }`,
    expect.stringMatching(/^ {2}case 3 of 4, { name: '' }: it threw Error: a city without a name/),
    ...Array.from({ length: error.message.split('\n').length - 4 }, () => expect.any(String)),
    `  case 4 of 4, { name: 'Nowhere' }: expected { slug: 'nowhere-1' }, it returned undefined`,
  ])
  expect(error.expected).toEqual([{ slug: 'bergen-1' }, { slug: 'rome-1' }, undefined, { slug: 'nowhere-1' }])
  expect(error.actual).toMatchObject([{ slug: 'oslo-1' }, { slug: 'rome-1' }, expect.any(Error), undefined])
})

for (const [what, returned, fault] of [
  ['a column that is not declared', { slug: 'oslo', name: 'Oslo' }, 'it returned "name", not declared in `write`'],
  ['too few columns', {}, 'it did not return "slug", declared in `write`'],
  ['no object', 'oslo', `it returned 'oslo': neither new values nor undefined`],
] as const) {
  test(`testBackfill refuses ${what}, as a run does, even where it is expected`, async () => {
    const backfill = defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      where: { slug: null },
      transform: () => returned as never,
    })
    const error = await failureOf(testBackfill(backfill, [{ row: { name: 'Oslo' }, expect: returned as never }]))
    expect(error.message).toContain(fault)
  })
}

test('testBackfill fails without a case, and refuses a definition that has no transform', async () => {
  expect((await failureOf(testBackfill(citySlug, []))).message).toContain('no cases')
  const inSql = defineBackfill.sql({ name: 'city.slug', table: 'city', set: { slug: 'x' } })
  expect(await codeOf(testBackfill(inSql, []))).toBe('INVALID_DEFINITION')
})

const cityCountry = defineBackfill.page({
  name: 'city.country',
  table: 'city',
  select: { code: 'text' },
  write: { country_id: 'integer' },
  where: { country_id: null },
  transform: async (rows, { query, keys }) => {
    const found = await query({ id: 'integer', code: 'text' }, sql`select id, code from country`)
    const ids = new Map(found.map(({ id, code }) => [code, id]))
    const entries = rows.map(({ code }, i) => ({ country_id: ids.get(code) ?? Number(keys[i]![0]) }))
    return entries.filter(({ country_id }) => country_id !== 99)
  },
})

test('testBackfill gives a page all cases at once, and answers what it asks', async () => {
  let asked = 0
  const surroundings = {
    query: () => {
      asked++
      return [{ id: 7, code: 'no' }]
    },
  }
  const cases = [
    { row: { code: 'no' }, expect: { country_id: 7 } },
    { row: { code: 'se' }, key: ['42'], expect: { country_id: 42 } },
  ]
  await testBackfill(cityCountry, cases, surroundings)
  expect(asked).toBe(1)
  const wrong = await failureOf(testBackfill(cityCountry, [cases[0]!, { ...cases[1]!, key: ['5'] }], surroundings))
  expect(wrong.message).toMatch(/case 2 of 2.*expected \{ country_id: 42 \}, it returned \{ country_id: 5 \}/)
  const short = await failureOf(testBackfill(cityCountry, [cases[0]!, { ...cases[1]!, key: ['99'] }], surroundings))
  expect(short.message).toContain('returned 1 entries for 2 rows')
  expect((await failureOf(testBackfill(cityCountry, cases))).message).toMatch(/case 1 of 2.*third argument/)
})
