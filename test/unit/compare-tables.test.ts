import { expect, test } from 'vitest'
import { differencesOf, type Moments } from '../../src/testing/compare-tables.js'
import type { TableContents, TableFacts } from '../../src/testing/crash-calls.js'

/* One row at four moments: as it was prepared, after the application's writes, after an uninterrupted run, after a disturbed one. */

const facts: TableFacts = {
  table: 'city',
  columns: ['name', 'slug', 'touched', 'seen_at'],
  written: ['slug', 'touched'],
  counter: 'touched',
  isCreated: false,
}

type Row = readonly [name: string, slug: string | null, touched: string, seenAt: string]

function faultsOf(rows: Readonly<Record<keyof Moments, Row | undefined>>, of: TableFacts = facts) {
  const at = (row: Row | undefined) => (row ? [{ id: '["7"]', key: '["7"]', texts: row }] : [])
  const { prepared, written, expected, actual } = rows
  const moments = { prepared: at(prepared), written: at(written), expected: at(expected), actual: at(actual) }
  return differencesOf(of, moments, new Set(['seen_at'])).map(({ fault, columns }) =>
    `${fault} ${columns.join()}`.trim(),
  )
}

const untouched: Row = ['Oslo', null, '0', 'early']
const migrated: Row = ['Oslo', 'oslo', '1', 'late']
const plain = { prepared: untouched, written: untouched, expected: migrated }

test('finds nothing where a row is as it must be, whatever is in columns to be ignored', () => {
  expect(faultsOf({ ...plain, actual: ['Oslo', 'oslo', '1', 'later'] })).toEqual([])
})

test('a row that is there in one table only is unaccounted', () => {
  expect(faultsOf({ ...plain, actual: undefined })).toEqual(['unaccounted'])
  expect(faultsOf({ prepared: untouched, written: undefined, expected: undefined, actual: migrated })).toEqual([
    'unaccounted',
  ])
})

test('a row that was passed over is unaccounted', () => {
  expect(faultsOf({ ...plain, actual: untouched })).toEqual(['unaccounted slug,touched'])
  expect(faultsOf({ ...plain, actual: untouched }, { ...facts, counter: undefined })).toEqual([
    'unaccounted slug,touched',
  ])
})

test('a row whose counter is too high was applied twice, as a number', () => {
  expect(faultsOf({ ...plain, actual: ['Oslo', 'oslo', '2', 'late'] })).toEqual(['doubleApplied touched'])
  const often = { prepared: untouched, written: untouched, expected: ['Oslo', 'oslo', '9', ''] as const }
  expect(faultsOf({ ...often, actual: ['Oslo', 'oslo', '10', ''] })).toEqual(['doubleApplied touched'])
  // Without a counter it is another value, and no more.
  expect(faultsOf({ ...plain, actual: ['Oslo', 'oslo', '2', 'late'] }, { ...facts, counter: undefined })).toEqual([
    'mismatched touched',
  ])
})

test('a value of the run that is another one is mismatched', () => {
  expect(faultsOf({ ...plain, actual: ['Oslo', 'bergen', '1', 'late'] })).toEqual(['mismatched slug'])
})

test('a write of the application is lost where the run does not write, where it leaves what is there, and in a counter', () => {
  const renamed = {
    prepared: untouched,
    written: ['Rome', null, '0', ''] as const,
    expected: ['Rome', 'rome', '1', ''] as const,
  }
  expect(faultsOf({ ...renamed, actual: ['Oslo', 'rome', '1', ''] })).toEqual(['lostWrites name'])
  const own = {
    prepared: untouched,
    written: ['Oslo', 'own', '0', ''] as const,
    expected: ['Oslo', 'own', '0', ''] as const,
  }
  expect(faultsOf({ ...own, actual: ['Oslo', 'oslo', '0', ''] })).toEqual(['lostWrites slug'])
  const counted = {
    prepared: untouched,
    written: ['Oslo', null, '1000', ''] as const,
    expected: ['Oslo', 'oslo', '1001', ''] as const,
  }
  expect(faultsOf({ ...counted, actual: ['Oslo', 'oslo', '1', ''] })).toEqual(['lostWrites touched'])
})

test('a created row that is there once more was applied twice, and one that is missing is unaccounted', () => {
  const notes: TableFacts = { ...facts, table: 'note', columns: ['words'], written: ['words'], isCreated: true }
  const row = (key: number, id: string, words: string) => ({ id, key: `["${key}"]`, texts: [words] })
  const [once, again] = [row(1, 'a1b2', 'Oslo'), row(2, 'a1b2 again 2', 'Oslo')]
  const faults = (expected: TableContents, actual: TableContents) =>
    differencesOf(notes, { prepared: [], written: [], expected, actual }, new Set())
  expect(faults([once], [row(9, 'a1b2', 'Oslo')])).toEqual([])
  expect(faults([once], [once, again])).toEqual([{ fault: 'doubleApplied', table: 'note', key: ['2'], columns: [] }])
  expect(faults([once], [])).toEqual([{ fault: 'unaccounted', table: 'note', key: ['1'], columns: [] }])
  expect(faults([once, again], [once])).toMatchObject([{ fault: 'unaccounted', key: ['2'] }])
})
