import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineVersions } from '../../src/index.js'
import {
  byLiteral,
  cast,
  fallback,
  filter,
  list,
  lower,
  map,
  nested,
  pipe,
  rename,
  replace,
  trim,
  upper,
  validate,
  values,
} from '../../src/transformers/index.js'
import { codeOf } from '../support/backfills.js'

describe('a transformer', () => {
  test('renames a field, maps its value, and leaves the others and the row that it was given', () => {
    const row = Object.freeze({ id: 1, name: 'Ada', age: null as number | null })
    expect(rename('name', 'title')(row)).toEqual({ id: 1, title: 'Ada', age: null })
    expect(map('name', (name: string) => name.length)(row)).toEqual({ id: 1, name: 3, age: null })
    expect(map('age', (age: number) => age + 1)(row).age).toBe(null)
    expect(rename('nick', 'alias')({ id: 1 } as { id: number; nick?: string })).toEqual({ id: 1 })
  })

  test('changes texts, and no empty ones', () => {
    const row = { a: '  Ada ', b: null as string | null, c: undefined as string | undefined }
    expect(pipe(row, trim('a', 'b', 'c'), upper('a', 'b'))).toEqual({ a: 'ADA', b: null, c: undefined })
    expect(lower('a')({ a: 'ADA' })).toEqual({ a: 'ada' })
    expect(replace('phone', /[^0-9]/g, '')({ phone: '+1 (2) 3' })).toEqual({ phone: '123' })
  })

  test('falls back only where nothing is there', () => {
    const filled = pipe({ a: null as string | null, b: false, c: 0, d: '' }, fallback('a', 'x'), fallback('b', true))
    expect(pipe(filled, fallback('c', 1), fallback('d', 'y'), fallback('e', 'z'))).toEqual({
      a: 'x',
      b: false,
      c: 0,
      d: '',
      e: 'z',
    })
  })

  test.each([
    ['number', '12.5', 12.5],
    ['number', '12 cm', undefined],
    ['number', ' ', undefined],
    ['integer', '12', 12],
    ['integer', '12.5', undefined],
    ['bigint', '9007199254740993', 9007199254740993n],
    ['boolean', 'No', false],
    ['boolean', 1, true],
    ['boolean', 'perhaps', undefined],
    ['date', '2026-01-02T00:00:00Z', new Date('2026-01-02T00:00:00Z')],
    ['date', 'soon', undefined],
    ['string', 5, '5'],
    ['string', { a: 1 }, '{"a":1}'],
  ] as const)('casts to %s: %j', (type, value, expected) => {
    const row = { value: value as unknown }
    if (expected === undefined) {
      expect(() => cast('value', type)(row)).toThrow(`that cannot be read as ${type}`)
      expect(cast('value', type, { otherwise: null })(row)).toEqual({ value: null })
    } else expect(cast('value', type)(row)).toEqual({ value: expected })
  })

  test('casts nothing where nothing is, and tells no contents', () => {
    expect(cast('a', 'integer')({ a: null })).toEqual({ a: null })
    expect(() => cast('a', 'integer')({ a: 'secret' })).toThrow('"a" holds a string that cannot be read as integer')
  })

  test('validates in the middle, by a condition or a schema whose output goes on', async () => {
    const clean = (row: { name: string; age: string }) =>
      pipe(
        row,
        trim('name'),
        cast('age', 'integer'),
        validate(({ age }) => age >= 0, 'age is negative'),
        validate(z.object({ name: z.string().min(1), age: z.number().transform((age) => age * 2) })),
      )
    expect(clean({ name: ' Ada ', age: '4' })).toEqual({ name: 'Ada', age: 8 })
    expect(() => clean({ name: 'Ada', age: '-4' })).toThrow('a record is not valid: age is negative')
    expect(() => clean({ name: ' ', age: '4' })).toThrow('a record is not valid: name (zod)')
    const slow = z.object({ name: z.string().refine(async () => true) })
    expect(await codeOf(() => validate(slow)({ name: 'Ada' }))).toBe('VALIDATION_UNAVAILABLE')
  })
})

test('a filter leaves a record out of many, which is no failure', async () => {
  const adults = defineVersions('Person')
    .version('1.0.0', { name: 'text', age: 'integer' })
    .version(
      '2.0.0',
      { name: 'text', age: 'integer', adult: 'boolean' },
      {
        upgrade: (row) =>
          pipe(
            row,
            filter(({ age }) => age >= 18),
            fallback('adult', true),
          ),
      },
    )
  const rows = [
    { name: 'Ada', age: 36 },
    { name: 'Kid', age: 6 },
  ]
  const { records, report, failures } = adults.convertAll(rows, { from: '1.0.0', onError: 'collect' })
  expect(records).toEqual([{ name: 'Ada', age: 36, adult: true }])
  expect(failures).toEqual([])
  expect(report).toMatchObject({ records: 2, converted: 1, filtered: 1, failed: 0 })
  expect(await codeOf(() => adults.convert(rows[1]!, { from: '1.0.0' }))).toBe('RECORD_FILTERED')
})

describe('records within records', () => {
  const address = defineVersions('Address')
    .version('1.0.0', { street: 'text', zip: 'integer' })
    .version(
      '2.0.0',
      { street: 'text', zip: 'text' },
      { upgrade: ({ zip }) => ({ zip: String(zip).padStart(5, '0') }) },
    )

  const peopleWith = <A extends z.ZodType>(one: A) =>
    z.object({ home: one.nullable(), others: z.array(one), byName: z.record(z.string(), one) })
  const person = defineVersions('Person')
    .version('1.0.0', peopleWith(z.object({ street: z.string(), zip: z.number() })))
    .version('2.0.0', peopleWith(z.object({ street: z.string(), zip: z.string() })), {
      upgrade(row) {
        const upgraded = nested(address, '1.0.0', '2.0.0')
        return pipe(row, map('home', upgraded), map('others', list(upgraded)), map('byName', values(upgraded)))
      },
    })

  test('are taken along: one, none, in lists, in maps', () => {
    const home = { street: 'Main', zip: 42 }
    const row = { home, others: [home, home], byName: { work: home } }
    const upgraded = { street: 'Main', zip: '00042' }
    expect(person.convert(row, { from: '1.0.0' })).toEqual({
      home: upgraded,
      others: [upgraded, upgraded],
      byName: { work: upgraded },
    })
    expect(person.convert({ ...row, home: null }, { from: '1.0.0' }).home).toBe(null)
    expect(values(nested(address, '1.0.0', '2.0.0'))(new Map([[1, home]]))).toEqual(new Map([[1, upgraded]]))
  })

  test('are told apart by a literal', async () => {
    const card = defineVersions('Card')
      .version('1.0.0', { kind: ['card'], number: 'text' })
      .version('2.0.0', { kind: ['card'], last4: 'text' }, { upgrade: ({ number }) => ({ last4: number.slice(-4) }) })
    const pay = byLiteral('kind', {
      card: nested(card, '1.0.0', '2.0.0'),
      cash: (cash: { kind: 'cash'; amount: number }) => ({ ...cash, currency: 'EUR' }),
    })
    const payments = list(pay)([
      { kind: 'card', number: '4111222233334444' },
      { kind: 'cash', amount: 5 },
    ])
    expect(payments).toEqual([
      { kind: 'card', last4: '4444' },
      { kind: 'cash', amount: 5, currency: 'EUR' },
    ])
    expect(await codeOf(() => pay({ kind: 'toString' } as never))).toBe('RECORD_INVALID')
  })

  test('of their own kind go through the same step, until they hold themselves', async () => {
    interface Tree {
      name: string
      children: Tree[]
    }
    interface TitledTree {
      title: string
      children: TitledTree[]
    }
    const tree = defineVersions('Tree')
      .version('1.0.0', z.object({ name: z.string(), children: z.array(z.any()) }) as unknown as z.ZodType<Tree, Tree>)
      .version(
        '2.0.0',
        z.object({ title: z.string(), children: z.array(z.any()) }) as unknown as z.ZodType<TitledTree, TitledTree>,
        { upgrade: (row, self) => pipe(row, rename('name', 'title'), map('children', list(self))) },
      )
    const options = { from: '1.0.0', as: 'plain' } as const
    const leaf = { name: 'leaf', children: [] }
    expect(tree.convert({ name: 'root', children: [leaf] }, options)).toEqual({
      title: 'root',
      children: [{ title: 'leaf', children: [] }],
    })
    const circle: Tree = { name: 'circle', children: [] }
    circle.children.push(circle)
    expect(await codeOf(() => tree.convert(circle, options))).toBe('RECORD_TOO_DEEP')
    // The depth is counted anew for the next record.
    expect(tree.convert(leaf, options)).toEqual({ title: 'leaf', children: [] })
  })
})
