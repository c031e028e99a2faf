import { expect, test } from 'vitest'
import { cutPage, type TransformedPage } from '../../src/backfill/pages/cut-page.js'
import { Page } from '../../src/backfill/pages/keyset-reader.js'
import type { BoundColumn } from '../../src/backfill/prepare/binder.js'
import type { ChangeSet } from '../../src/backfill/transform/change-set.js'
import type { RowFailure } from '../../src/backfill/transform/transform.js'

/*
 * Nine keys in the order of a database that ignores case, of which: c does not match, A and E are left, b, D and g have both columns
 * written, F has one, h and I failed.
 */

const keys = ['A', 'b', 'c', 'D', 'E', 'F', 'g', 'h', 'I']
const tokens = ['a token', null]

const columns = (...names: readonly string[]) => names.map((property) => ({ property }) as BoundColumn)

const failure = (key: string): RowFailure => ({
  key: JSON.stringify([key]),
  code: 'TRANSFORM_FAILED',
  step: 'transform',
  message: `no slug for ${key}`,
})

const setOf = (written: readonly BoundColumn[], keysOfRows: readonly string[]): ChangeSet => ({
  columns: written,
  rows: keysOfRows.map((key) => [key, ...tokens, ...written.map(({ property }) => `${property} of ${key}`)]),
  originals: new Map([['slug', keysOfRows.map((key) => `original ${key}`)]]),
})

const both = columns('slug', 'name')
const one = columns('slug')

const page: TransformedPage = {
  page: Page.of(
    keys.map((key) => [key, ...tokens, key === 'c' ? 0 : 1]),
    1,
    false,
  ),
  changes: {
    sets: [setOf(both, ['b', 'D', 'g']), setOf(one, ['F'])],
    failures: [failure('h'), failure('I')],
    left: 2,
  },
}

/** What each key has become, for an easy comparison. */
function summaryOf(cut: TransformedPage | undefined) {
  return (
    cut && {
      keys: cut.page.keys.map(([key]) => key).join(''),
      rows: cut.page.rows.map(({ key: [key] }) => key).join(''),
      last: cut.page.last,
      isLast: cut.page.isLast,
      sets: cut.changes.sets.map(({ rows }) => rows.map(([key]) => key).join('')),
      failures: cut.changes.failures.map(({ message }) => message),
      left: cut.changes.left,
    }
  )
}

test('keeps of a page what is up to the end of its range, behind which there may be more', () => {
  expect(summaryOf(cutPage(page, ['h']))).toEqual({
    keys: 'AbcDEFgh',
    rows: 'AbDEFgh',
    last: ['h'],
    isLast: false,
    sets: ['bDg', 'F'],
    failures: ['no slug for h'],
    left: 2,
  })
  expect(summaryOf(cutPage(page, ['D']))).toMatchObject({
    keys: 'AbcD',
    rows: 'AbD',
    sets: ['bD'],
    failures: [],
    left: 1,
  })
})

test('keeps a page that ends with a key that does not match, or begins with one that is left', () => {
  expect(summaryOf(cutPage(page, ['c']))).toMatchObject({ keys: 'Abc', rows: 'Ab', sets: ['b'], left: 1 })
  expect(summaryOf(cutPage(page, ['A']))).toMatchObject({ keys: 'A', rows: 'A', sets: [], failures: [], left: 1 })
})

test('keeps with the rows what the transform returned for their unique columns, and the columns of each set', () => {
  const cut = cutPage(page, ['F'])!
  expect(cut.changes.sets).toEqual([
    {
      columns: both,
      rows: page.changes.sets[0]!.rows.slice(0, 2),
      originals: new Map([['slug', ['original b', 'original D']]]),
    },
    page.changes.sets[1],
  ])
})

test('leaves a page alone whose last key is the end of its range, and does not know other keys', () => {
  expect(cutPage(page, ['I'])).toEqual(page)
  // `a` is the same key as `A` to the database, which says `A` then.
  expect(cutPage(page, ['a'])).toBeUndefined()
  expect(cutPage(page, ['Z'])).toBeUndefined()
})

test('tells composite keys apart by all of their columns', () => {
  const composite: TransformedPage = {
    page: Page.of(
      [
        ['1', '1', ...tokens, 1],
        ['1', '2', ...tokens, 0],
        ['2', '1', ...tokens, 1],
      ],
      2,
      true,
    ),
    changes: {
      sets: [
        {
          columns: one,
          rows: [
            ['1', '1', ...tokens, 'x'],
            ['2', '1', ...tokens, 'y'],
          ],
          originals: new Map(),
        },
      ],
      failures: [],
      left: 0,
    },
  }
  const cut = cutPage(composite, ['1', '2'])!
  expect(cut.page.keys).toEqual([
    ['1', '1'],
    ['1', '2'],
  ])
  expect(cut.changes.sets[0]!.rows).toEqual([['1', '1', ...tokens, 'x']])
  expect(cut.changes.left).toBe(0)
})
