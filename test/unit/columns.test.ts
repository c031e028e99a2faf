import { expect, test } from 'vitest'
import { type Column, columnProblem, json, parseColumn } from '../../src/backfill/definition/columns.js'

test.each<[string, Column, object]>([
  ['a word', 'integer', { kind: 'integer', isNullable: false }],
  ['a nullable word', 'timestamp?', { kind: 'timestamp', isNullable: true }],
  ['a list of values', ['draft', 'live'], { kind: 'text', isNullable: false, allowed: ['draft', 'live'] }],
  ['a list with null', ['NEW', null], { kind: 'text', isNullable: true, allowed: ['NEW', null] }],
  ['json()', json<{ a: 1 }>(), { kind: 'json', isNullable: false }],
  ['json.nullable()', json.nullable<{ a: 1 }>(), { kind: 'json', isNullable: true }],
  ["'json', whose null is JSON's", 'json', { kind: 'json', isNullable: false }],
  ["'json?', whose null is SQL's", 'json?', { kind: 'json', isNullable: true }],
])('%s is read', (_, column, parsed) => {
  expect(parseColumn(column)).toEqual(parsed)
})

test('a list of values is copied, so that a later change of it changes nothing', () => {
  const list = ['draft']
  const parsed = parseColumn(list)
  list.push('live')
  expect(parsed.allowed).toEqual(['draft'])
  expect(Object.isFrozen(parsed.allowed)).toBe(true)
})

test.each([
  ['int', 'Did you mean "integer"?'],
  ['string', 'Did you mean "text"?'],
  ['varchar?', 'Did you mean "text"?'],
  ['jsonb', 'Did you mean "json"?'],
  ['Date', 'Did you mean "date"?'],
  ['timestmap', 'Did you mean "timestamp"?'],
  ['bigInt', 'Did you mean "bigint"?'],
  ['constructor', 'Choose from: integer, bigint'],
  ['other', 'Choose from: integer, bigint'],
])('%s is no column type: %s', (word, remedy) => {
  expect(columnProblem(word)).toContain(`is "${word}", which is no column type. ${remedy}`)
})

test.each([
  ['an empty list', [], 'without a value'],
  ['a list of null', [null], 'without a value'],
  ['a list of numbers', ['1', 2], 'something else than texts'],
  ['a value named twice', ['a', 'a'], 'names a value twice'],
  ['undefined', undefined, 'is no column type'],
  ['false', false, 'is no column type'],
  ['a function', String, 'is no column type'],
  ['an object', { type: 'text' }, 'is no column type'],
])('%s is refused', (_, column, problem) => {
  expect(columnProblem(column)).toContain(problem)
  expect(() => parseColumn(column as Column)).toThrow(expect.objectContaining({ code: 'INVALID_DEFINITION' }))
})
