import { describe, expect, test } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { definitionFingerprint } from '../../src/backfill/definition/definition-fingerprint.js'
import { type Backfill, defineBackfill, RowshiftError, sql } from '../../src/index.js'
import { testBackfill } from '../../src/testing/index.js'

const valid = {
  name: 'person.profile',
  table: 'person',
  select: { id: 'integer', bio: 'text?' },
  into: 'profile',
  write: { person_id: 'integer', bio: 'text' },
  transform: () => undefined,
}

const define = (options: object): Backfill => defineBackfill.insert({ ...valid, ...options } as never)

function refused(options: object): string {
  try {
    define(options)
  } catch (error) {
    if (error instanceof RowshiftError && error.code === 'INVALID_DEFINITION') return error.message
    throw error
  }
  return 'accepted'
}

describe('defineBackfill.insert', () => {
  test('keeps what is given', () => {
    const onConflict = { key: ['person_id'], do: 'skip' }
    const { work, follow, reverse, verify } = definitionOf(define({ onConflict, reverse: 'not-needed' }))
    expect(work).toMatchObject({ form: 'transform', into: { source: 'profile', onConflict }, isPartial: false })
    expect({ follow, reverse, sample: verify.sample }).toEqual({ follow: false, reverse: 'not-needed', sample: 0 })
  })

  test.each([
    ['into', { into: undefined }, /`into` must be a table name/],
    [
      'a key that is not written',
      { onConflict: { key: ['personid'], do: 'skip' } },
      /"personid".*Did you mean "person_id"/,
    ],
    ['no key', { onConflict: { key: [], do: 'skip' } }, /`onConflict.key` must be a list/],
    ['another end', { onConflict: { key: ['bio'], do: 'ignore' } }, /'skip', 'update' or 'fail'/],
    ['nothing to update', { onConflict: { key: ['bio', 'person_id'], do: 'update' } }, /use 'skip'/],
    [
      'another option',
      { onConflict: { key: ['bio'], does: 'skip' } },
      /`onConflict.does` is no option. Choose from: key, do/,
    ],
    ['a reverse', { reverse: { set: { bio: null } } }, /`reverse` must be 'not-needed'/],
    ['follow', { follow: true }, /`follow` belongs to other forms/],
    ['unique', { unique: { bio: () => '' } }, /`unique` belongs to other forms/],
    ['a condition on what is written', { where: { person_id: null } }, /where.*person_id/],
    ['a check of rows', { verify: { check: () => true } }, /verify.check/],
  ])('refuses %s', (_, options, message) => {
    expect(refused(options)).toMatch(message)
  })

  test('has another fingerprint for another table or conflict', () => {
    const fingerprint = (options: object) => definitionFingerprint(definitionOf(define(options)))
    const skip = { onConflict: { key: ['person_id'], do: 'skip' } }
    const all = [{}, { into: 'other' }, skip, { onConflict: { ...skip.onConflict, do: 'update' } }]
    expect(new Set(all.map(fingerprint)).size).toBe(all.length)
  })
})

test('testBackfill judges each row that would be created', async () => {
  const definition = defineBackfill.insert({
    name: 'person.words',
    table: 'person',
    select: { words: 'text' },
    where: sql`words <> ''`,
    into: 'word',
    write: { word: 'text' },
    transform: ({ words }) => words.split(' ').map((word) => (word === 'none' ? ({} as { word: string }) : { word })),
  })
  await testBackfill(definition, [{ row: { words: 'a b' }, expect: [{ word: 'a' }, { word: 'b' }] }])
  await expect(testBackfill(definition, [{ row: { words: 'a none' }, expect: [] }])).rejects.toThrow(
    /did not return "word"/,
  )
})
