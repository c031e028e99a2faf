import { expect, test } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { defineBackfill, sql } from '../../src/index.js'

const fillSlug = {
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  transform: ({ name }: { name: string }) => ({ slug: name }),
} as const

const define = (options: object) => definitionOf(defineBackfill({ ...fillSlug, ...options } as typeof fillSlug))
const first = defineBackfill(fillSlug)

test('keeps conditions by their reasons, and the names of what comes first', () => {
  const isNight = () => true
  const imports = sql`select 1 from import`
  expect(
    define({ when: { skip: { 'no import': imports }, postpone: { night: isNight } }, after: [first, first] }),
  ).toMatchObject({
    when: { skip: new Map([['no import', imports]]), postpone: new Map([['night', isNight]]) },
    after: ['city.slug'],
  })
})

test.each([
  [{ when: sql`select 1` }, /`when` must be/],
  [{ when: { skipped: {} } }, /`when\.skipped` is no option.*skip/],
  [{ when: { skip: sql`select 1` } }, /`when\.skip` must be conditions by the reason/],
  [{ when: { skip: { ' ': sql`select 1` } } }, /without a reason/],
  [{ when: { skip: { never: sql` ` } } }, /is empty SQL/],
  [{ when: { postpone: { soon: true } } }, /SQL that finds a row, or a function/],
  [{ after: first }, /`after` must be a list/],
  [{ after: ['city.slug'] }, /what defineBackfill\(\) returned/],
  [{ after: [undefined] }, /import each other/],
  [{ skipIf: {} }, /skipIf.*when/],
  [{ dependsOn: [] }, /dependsOn.*after/],
])('refuses %j', (options, message) => {
  expect(() => define(options)).toThrow(message)
})
