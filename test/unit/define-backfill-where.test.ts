import { describe, expect, test } from 'vitest'
import { json } from '../../src/backfill/definition/columns.js'
import { type Backfill, defineBackfill } from '../../src/backfill/definition/define-backfill.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { sql } from '../../src/dialects/sql.js'

class City {
  id!: number
  name!: string
  slug!: string
}

const declared = {
  name: 'where',
  table: 'city',
  select: {
    id: 'integer',
    big: 'bigint?',
    price: 'decimal',
    day: 'timestamp',
    flag: 'boolean',
    hash: 'bytes',
    ratio: 'double',
    settings: json(),
    status: ['NEW', 'OLD', null],
  },
  write: { slug: 'text', status: ['draft'] },
  transform: () => undefined,
}

const whereOf = (where: unknown, options: object = declared) => {
  const define = defineBackfill as unknown as (options: unknown) => Backfill
  return definitionOf(define({ ...options, where })).where
}

const day = new Date('2024-02-29')

test.each<[string, object]>([
  ['null', { slug: null }],
  ['a value', { slug: 'x' }],
  ['any of', { status: ['NEW', null] }],
  ['an old or a new value', { status: ['OLD', 'draft'] }],
  ['not', { slug: { not: 'x' } }],
  ['not null', { settings: { not: null } }],
  ['bounds', { id: { gte: 1, lt: 20 }, price: { gt: '1.50' } }],
  ['every type', { big: 1n, price: '1.50', day, flag: false, hash: new Uint8Array([1]), ratio: 0.5 }],
])('a condition keeps %s', (_, where) => {
  expect(whereOf(where)).toEqual({ condition: where, isNegated: false })
})

test('tagged SQL is kept as it is', () => {
  const where = sql`email <> lower(email)`
  expect(whereOf(where)?.condition).toBe(where)
})

test('dates and byte arrays are copied', () => {
  const hash = new Uint8Array([1])
  const when = new Date(day)
  const kept = whereOf({ hash, day: { lt: when } })
  hash[0] = 2
  when.setFullYear(1999)
  expect(kept?.condition).toEqual({ hash: new Uint8Array([1]), day: { lt: day } })
})

describe('refused:', () => {
  test.each<[string, unknown, string, string]>([
    ['a text', 'slug is null', 'where', 'must be conditions by column'],
    ['a list', [{ slug: null }], 'where', 'must be conditions by column'],
    ['no condition', {}, 'where', 'Leave it out to migrate every row'],
    ['empty SQL', sql` `, 'where', 'Leave it out to migrate every row'],
    ['an undeclared column', { slgu: null }, 'where.slgu', 'neither in `select` nor in `write`. Did you mean "slug"?'],
    ['undefined', { slug: undefined }, 'where.slug', 'is undefined. Use null for NULL'],
    ['an empty list', { slug: [] }, 'where.slug', 'which no row matches'],
    ['undefined in a list', { slug: ['a', undefined] }, 'where.slug[1]', 'is undefined'],
    ['an empty object', { slug: {} }, 'where.slug', 'Use one of not, gt, gte, lt, lte'],
    ['an unknown operator', { slug: { ne: 'x' } }, 'where.slug.ne', 'is no operator. Did you mean "not"?'],
    ['like', { slug: { contains: 'x' } }, 'where.slug.contains', 'For anything else use SQL'],
    ['not with a list', { slug: { not: ['x'] } }, 'where.slug.not', 'takes one value'],
    ['not with bounds', { id: { not: 1, gt: 0 } }, 'where.id.not', 'cannot be combined'],
    ['an order of null', { id: { gt: null } }, 'where.id.gt', 'NULL has no order'],
    ['an undefined bound', { id: { gt: undefined } }, 'where.id.gt', 'is undefined'],
    ['SQL for a value', { slug: sql`lower(name)` }, 'where.slug', 'Write the whole condition in SQL'],
    ['NaN', { ratio: Number.NaN }, 'where.ratio', 'is NaN'],
    ['an invalid date', { day: new Date('x') }, 'where.day', 'is an invalid date'],
    ['a function', { slug: () => 'x' }, 'where.slug', 'is no plain value'],
    ['a text for an integer', { id: '1' }, 'where.id', 'does not fit the declared column. It takes an integer.'],
    ['a fraction for an integer', { id: 1.5 }, 'where.id', 'It takes an integer.'],
    ['a number for a bigint', { big: 1 }, 'where.big', 'It takes a bigint, such as 1n.'],
    ['a number for a decimal', { price: 1.5 }, 'where.price', "It takes a decimal as text, such as '12.50'."],
    ['a text for a date', { day: '2024-02-29' }, 'where.day', 'It takes a Date.'],
    ['a text for a boolean', { flag: 'true' }, 'where.flag', 'It takes true or false.'],
    [
      'a value outside of the lists',
      { status: 'LIVE' },
      'where.status',
      'one of "NEW", "OLD", null, or one of "draft".',
    ],
    ['JSON', { settings: 'x' }, 'where.settings', 'JSON can be compared with null and { not: null }'],
  ])('%s', (_, where, option, message) => {
    expect(() => whereOf(where)).toThrow(
      expect.objectContaining({
        code: 'INVALID_DEFINITION',
        details: { backfill: 'where', option },
        message: expect.stringContaining(message),
      }),
    )
  })
})

describe('of an entity', () => {
  const mapped = { ...declared, table: City, select: { name: true, slug: 'text' }, write: { slug: true } }

  test('a condition may name a column that is not selected', () => {
    expect(whereOf({ id: 5 }, mapped)?.condition).toEqual({ id: 5 })
  })

  test('values are left to the mapping', () => {
    expect(whereOf({ name: 5, slug: 5 }, mapped)?.condition).toEqual({ name: 5, slug: 5 })
  })

  test('shapes are checked all the same', () => {
    expect(() => whereOf({ name: {} }, mapped)).toThrow('`where.name` is an empty object')
  })
})
