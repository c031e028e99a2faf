import { expect, test } from 'vitest'
import { collectBackfills } from '../../src/backfill/definition/collect-backfills.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { type Backfill, defineBackfill, sequence } from '../../src/index.js'

const define = (name: string, after: readonly Backfill[] = []) =>
  defineBackfill.sql({ name, table: 'city', where: { slug: null }, set: { slug: 'x' }, after })

const a = define('a')
const b = define('b')
const c = define('c', [a])
const afterOf = (backfill: Backfill) => definitionOf(backfill).after

test('each comes after the one before it, and after what it says itself', () => {
  const made = sequence('abc', [a, b, c])
  expect(made).toMatchObject({ kind: 'sequence', name: 'abc' })
  expect(made.backfills.map(afterOf)).toEqual([[], ['a'], ['a', 'b']])
  // The definitions themselves are as they were.
  expect(afterOf(b)).toEqual([])
  expect(JSON.stringify(made)).not.toContain('slug')
})

test('collected with its members it keeps its order, whatever comes first', () => {
  const found = collectBackfills([c, b, a, sequence('ba', [b, a])])
  expect([...found.keys()]).toEqual(['b', 'a', 'c'])
  expect(found.get('a')?.after).toEqual(['b'])
})

test('refuses what waits for itself', () => {
  const circle = { code: 'DEPENDENCY_CIRCLE' }
  expect(() => sequence('ca', [c, a])).toThrow(expect.objectContaining(circle))
  expect(() => sequence('ca', [c, a])).toThrow(/"c" comes after "a" comes after "c"/)
  const both = () => collectBackfills([sequence('ab', [a, b]), sequence('ba', [b, a])])
  expect(both).toThrow(expect.objectContaining({ ...circle, details: { backfills: ['b', 'a'] } }))
})

test.each([
  ['no member', () => sequence('none', [] as never), /must be a list/],
  ['a member twice', () => sequence('aa', [a, a]), /names "a" twice/],
  ['no name', () => sequence('', [a]), /a sequence without a name: `name` must be a text/],
  [
    'another sequence',
    () => sequence('nested', [sequence('ab', [a, b]) as never]),
    /expected a backfill, found an object named "ab"/,
  ],
])('refuses %s', (_, make, message) => {
  expect(make).toThrow(message)
})
