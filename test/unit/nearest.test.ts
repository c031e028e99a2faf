import fc from 'fast-check'
import { expect, test } from 'vitest'
import { didYouMean, nearest } from '../../src/backfill/definition/nearest.js'

const columns = ['slug', 'name', 'first_name', 'id']

test.each([
  ['slgu', 'slug'],
  ['slugs', 'slug'],
  ['SLUG', 'slug'],
  ['frist_nmae', 'first_name'],
  ['nme', 'name'],
  ['colour', undefined],
  ['xy', undefined],
  ['', undefined],
])('%s was meant to be %s', (word, meant) => {
  expect(nearest(word, columns)).toBe(meant)
})

test('a synonym comes first, if it is a candidate', () => {
  const synonyms = { nam: 'id', toString: 'id' }
  expect(nearest('nam', columns, synonyms)).toBe('id')
  expect(nearest('NAM', columns, synonyms)).toBe('id')
  expect(nearest('nam', ['name'], synonyms)).toBe('name')
  expect(nearest('constructor', columns, {})).toBeUndefined()
})

test('without a guess all are offered', () => {
  expect(didYouMean('slgu', columns)).toBe('Did you mean "slug"?')
  expect(didYouMean('colour', columns)).toBe('Choose from: slug, name, first_name, id.')
})

test('one slip in a word is always forgiven', () => {
  const word = fc.string({ unit: fc.constantFrom(...'abcdef_'), minLength: 4, maxLength: 12 })
  fc.assert(
    fc.property(word, fc.nat(), fc.constantFrom('drop', 'add', 'swap'), (meant, at, slip) => {
      const i = at % (meant.length - 1)
      const [before, after] = [meant.slice(0, i), meant.slice(i)]
      const typed = {
        drop: before + after.slice(1),
        add: `${before}x${after}`,
        swap: before + after[1] + after[0] + after.slice(2),
      }[slip]
      expect(nearest(typed, ['zzzzzzzzzzzzzzzzzzzzzzzzzzz', meant])).toBe(meant)
    }),
  )
})
