import { describe, expect, test } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { definitionFingerprint } from '../../src/backfill/definition/definition-fingerprint.js'
import { type Backfill, defineBackfill, RowshiftError, sql } from '../../src/index.js'

const valid = { name: 'person.same', table: 'person', by: ['email'], keep: { first: 'created_at' } }

const define = (options: object): Backfill => defineBackfill.dedupe({ ...valid, ...options } as never)

function refused(options: object): string {
  try {
    define(options)
  } catch (error) {
    if (error instanceof RowshiftError && error.code === 'INVALID_DEFINITION') return error.message
    throw error
  }
  return 'accepted'
}

describe('defineBackfill.dedupe', () => {
  test('keeps what is given', () => {
    const repoint = { order: 'person_id', message: ['from_id', 'to_id'], seat: [['hall', 'place']] }
    const { work } = definitionOf(define({ keep: [{ last: 'seen_at' }, { first: 'id' }], repoint }))
    expect(work).toEqual({
      form: 'dedupe',
      by: ['email'],
      keep: [
        { column: 'seen_at', end: 'last' },
        { column: 'id', end: 'first' },
      ],
      repoint: [
        { table: 'order', columns: ['person_id'] },
        { table: 'message', columns: ['from_id'] },
        { table: 'message', columns: ['to_id'] },
        { table: 'seat', columns: ['hall', 'place'] },
      ],
      mark: undefined,
    })
    expect(definitionOf(define({ others: { mark: { gone: true } } })).work).toMatchObject({
      mark: new Map([['gone', true]]),
    })
  })

  test.each([
    ['nothing to compare by', { by: [] }, /`by` must say what makes rows the same/],
    ['an expression without the tag', { by: 'lower(email)' }, /`by` must say/],
    ['empty SQL', { by: sql`` }, /`by` is empty SQL/],
    ['no survivor', { keep: undefined }, /`keep` must say which row survives/],
    ['two ends', { keep: { first: 'a', last: 'b' } }, /`keep` must say which row survives/],
    ['an empty order', { keep: [] }, /`keep` is empty/],
    ['a list of tables', { repoint: ['order'] }, /`repoint` must be columns by table/],
    ['a table without columns', { repoint: { order: [] } }, /`repoint.order` names no column/],
    ['another end of the others', { others: 'keep' }, /`others` must be 'delete', or/],
    ['a mark of SQL', { others: { mark: { gone: sql`now()` } } }, /`others.mark.gone` is SQL/],
    ['an empty mark', { others: { mark: {} } }, /`others.mark` must be values/],
    ['a reverse', { reverse: { set: {} } }, /`reverse` must be 'not-needed'/],
    ['an archive', { archive: { into: 'a' } }, /`archive` belongs to other forms/],
  ])('refuses %s', (_, options, message) => {
    expect(refused(options)).toMatch(message)
  })

  test('has another fingerprint for other rows, another order, other references and another end', () => {
    const fingerprint = (options: object) => definitionFingerprint(definitionOf(define(options)))
    const all = [
      {},
      { by: ['name'] },
      { by: sql`lower(email)` },
      { keep: { last: 'created_at' } },
      { repoint: { order: 'person_id' } },
      { others: { mark: { gone: true } } },
      { where: { gone: false } },
    ]
    expect(new Set(all.map(fingerprint)).size).toBe(all.length)
  })
})
