import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineVersions, field } from '../../src/index.js'
import { testUpgrade } from '../../src/testing/index.js'
import { user } from './users.js'

const ada = {
  from: '1.0.0',
  to: '2.0.0',
  record: { name: 'Ada Lovelace' },
  expect: { firstName: 'Ada', lastName: 'Lovelace' },
} as const

test('passes when every case comes out as expected, valid, and back again', async () => {
  await testUpgrade(user, [ada, { ...ada, roundTrip: true }])
})

test('tells all cases that fail: another result, an invalid one, a way that does not lead back', async () => {
  const cases = [
    { ...ada, expect: { firstName: 'Ada', lastName: '' } },
    { from: '1.0.0', to: '2.0.0', record: { name: '' }, expect: { firstName: '', lastName: '' } },
    {
      from: '1.0.0',
      to: '2.0.0',
      record: { name: 'Ada  ' },
      expect: { firstName: 'Ada', lastName: ' ' },
      roundTrip: true,
    },
    { from: '3.0.0', to: '1.0.0', record: {}, expect: {} },
  ] as never[]
  const error = (await testUpgrade(user, cases).catch((thrown: unknown) => thrown)) as Error
  expect(error.name).toBe('AssertionError')
  expect(error.message).toContain('case 1 of 4, 1.0.0 to 2.0.0')
  expect(error.message).toContain('is not valid: firstName: firstName should not be empty')
  expect(error.message).toContain("comes back as { name: 'Ada' }")
  expect(error.message).toContain('no steps lead from 3.0.0 to 1.0.0')
})

test('finds by records of its own what the cases left out', async () => {
  const broken = (await testUpgrade(user, [], { fc, seed: 1 }).catch((thrown: unknown) => thrown)) as Error
  // A name that begins with a blank has no first name.
  expect(broken.message).toContain('Counterexample')
  expect((broken.cause as Error).message).toContain('firstName')

  const shop = defineVersions('Shop')
    .version('1.0.0', {
      id: 'integer',
      price: 'decimal',
      at: 'timestamp',
      kind: ['a', 'b'],
      n: 'bigint',
      note: 'text?',
    })
    .version(
      '2.0.0',
      {
        id: 'integer',
        price: 'decimal',
        at: 'timestamp',
        kind: ['a', 'b'],
        n: 'bigint',
        note: field('text', { fallback: '' }),
      },
      { upgrade: (row) => ({ note: row.note ?? '' }), downgrade: () => ({}) },
    )
  await testUpgrade(shop, [], { fc, runs: 30 })
  const people = defineVersions('P')
    .version(
      '1.0.0',
      z.object({ email: z.email(), tags: z.array(z.string()), age: z.number().int().min(0).optional() }),
    )
    .version('2.0.0', z.object({ email: z.string(), tags: z.array(z.string()).min(1), age: z.number().min(0) }), {
      upgrade: (row) => ({ age: row.age ?? 0, tags: [...row.tags, 'migrated'] }),
    })
  await testUpgrade(people, [], { fc, runs: 30 })
})

test('is not passed by nothing', async () => {
  await expect(testUpgrade(user, [])).rejects.toThrow('was given no cases')
})
