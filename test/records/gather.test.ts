import { expect, test } from 'vitest'
import { carry, pick, pickWhole } from '../../src/schema-version/gather.js'

const row = { id: 1, name: 'Ada', old: 'x', note: undefined }

test('straight code gives what the loop gives, and nothing where a field is missing', () => {
  const fields = ['id', 'name', 'a "b"\n\\', 'constructor2']
  const changes = { name: 'Eve', 'a "b"\n\\': 0, constructor2: false }
  expect(pickWhole(fields)!(row, changes)).toEqual(pick(fields)(row, changes))
  expect(pickWhole(fields)!(row, changes)).toEqual({ id: 1, ...changes })
  expect(pickWhole(['id', 'none'])!(row, {})).toBe(undefined)
  expect(pick(['id', 'none'])(row, {})).toEqual({ id: 1 })
})

test('a step that says undefined takes a value away', () => {
  expect(pickWhole(['id'])!(row, { id: undefined })).toBe(undefined)
  expect(pick(['id', 'name'])(row, { id: undefined })).toEqual({ name: 'Ada' })
})

test('what only one version knows is dropped, the rest is carried', () => {
  expect(carry(['old'])(row, { id: 2 })).toEqual({ id: 2, name: 'Ada', note: undefined })
})

test('a field named __proto__ is left to the loop', () => {
  expect(pickWhole(['__proto__'])).toBe(undefined)
})
