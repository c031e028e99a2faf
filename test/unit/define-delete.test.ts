import { describe, expect, test } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { definitionFingerprint } from '../../src/backfill/definition/definition-fingerprint.js'
import { type Backfill, defineBackfill, RowshiftError, sql } from '../../src/index.js'

const valid = { name: 'visit.old', table: 'visit', where: { closed: true } }

const define = (options: object): Backfill => defineBackfill.delete({ ...valid, ...options } as never)

function refused(options: object): string {
  try {
    define(options)
  } catch (error) {
    if (error instanceof RowshiftError && error.code === 'INVALID_DEFINITION') return error.message
    throw error
  }
  return 'accepted'
}

describe('defineBackfill.delete', () => {
  test('keeps what is given, and a journal of what is archived', () => {
    const { work, journal } = definitionOf(define({ archive: { into: 'visit_archive' }, cascade: ['note'] }))
    expect(work).toEqual({ form: 'delete', archive: { source: 'visit_archive' }, cascade: ['note'] })
    expect(journal?.keepDays).toBe(30)
    expect(definitionOf(define({})).journal).toBeUndefined()
    expect(definitionOf(define({ archive: { into: 'visit_archive' }, journal: false })).journal).toBeUndefined()
  })

  test.each([
    ['no condition', { where: undefined }, /`where` is missing.*TRUNCATE/],
    ['an empty condition', { where: {} }, /`where` has no condition/],
    ['a transform', { transform: () => undefined }, /`transform` belongs to other forms/],
    ['a reverse', { reverse: { set: {} } }, /`reverse` must be 'not-needed'/],
    ['an archive without a table', { archive: 'visit_archive' }, /`archive` must say where the rows go/],
    ['another option of the archive', { archive: { into: 'a', columns: [] } }, /`archive.columns` is no option/],
    ['one table for a list', { cascade: 'note' }, /`cascade` must be a list/],
    ['what is no table', { cascade: ['a b'] }, /`cascade` is "a b", which is no table name/],
  ])('refuses %s', (_, options, message) => {
    expect(refused(options)).toMatch(message)
  })

  test('has another fingerprint for other rows or another archive', () => {
    const fingerprint = (options: object) => definitionFingerprint(definitionOf(define(options)))
    const archive = { archive: { into: 'visit_archive' } }
    const all = [{}, { where: sql`closed` }, archive, { archive: { into: 'other' } }, { journal: true }]
    expect(new Set(all.map(fingerprint)).size).toBe(all.length)
    expect(fingerprint({ cascade: ['note'] })).toBe(fingerprint({}))
  })
})
