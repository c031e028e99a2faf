import { AssertionError } from 'node:assert'
import { expect, test } from 'vitest'
import { defineBackfill } from '../../src/index.js'
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
