import { describe, expect, test } from 'vitest'
import { noVerify } from '../../src/backfill/definition/check-verify.js'
import { json } from '../../src/backfill/definition/columns.js'
import { type Backfill, defineBackfill } from '../../src/backfill/definition/define-backfill.js'
import { type BackfillDefinition, definitionOf, isBackfill } from '../../src/backfill/definition/definition.js'
import { sql } from '../../src/dialects/sql.js'

class City {
  id!: number
  name!: string
  slug!: string
}

const transform = () => undefined
const valid = { name: 'city.slug', table: 'city', select: { name: 'text' }, write: { slug: 'text' }, transform }
const validSql = { name: 'city.slug', table: 'city', set: { slug: sql`lower(name)` } }

// Options as JavaScript passes them, past the compiler.
const define = defineBackfill as unknown as (options: unknown) => Backfill
const defineSql = defineBackfill.sql as unknown as (options: unknown) => Backfill

const refusal = (option: string, message: string, code = 'INVALID_DEFINITION') =>
  expect.objectContaining({
    code,
    details: expect.objectContaining({ option }),
    message: expect.stringContaining(message),
  })

describe('a definition', () => {
  test('fills in what is left out', () => {
    expect(definitionOf(define(valid))).toEqual({
      name: 'city.slug',
      source: 'city',
      where: undefined,
      reverse: undefined,
      journal: undefined,
      follow: false,
      revision: undefined,
      batchRows: undefined,
      delayMs: 0,
      maxFailures: undefined,
      verify: { sample: 500, check: undefined, recomputes: false, before: new Map(), after: new Map() },
      when: { skip: new Map(), postpone: new Map() },
      after: [],
      work: {
        form: 'transform',
        select: new Map([['name', { kind: 'text', isNullable: false }]]),
        write: new Map([['slug', { kind: 'text', isNullable: false }]]),
        transform: { per: 'row', call: transform },
        steps: [],
        unique: new Map(),
        validate: undefined,
        into: undefined,
        isPartial: false,
      },
    } satisfies BackfillDefinition)
  })

  test('keeps what is given', () => {
    const unique = { slug: (slug: unknown, n: number) => `${slug}-${n}` }
    const check = () => true
    const reverse = () => ({})
    const definition = definitionOf(
      define({
        ...valid,
        table: City,
        select: { name: true, tags: json() },
        write: { slug: ['a', 'b', null] },
        where: { slug: null, id: { gt: 5 } },
        unique,
        reverse,
        follow: true,
        verify: { sample: 0, check },
        revision: 3,
        batchRows: 100_000,
        delayMs: 20,
      }),
    )
    expect(definition).toEqual({
      name: 'city.slug',
      source: City,
      where: { condition: { slug: null, id: { gt: 5 } }, isNegated: false },
      reverse,
      follow: true,
      revision: 3,
      batchRows: 100_000,
      delayMs: 20,
      verify: { ...noVerify, check },
      when: { skip: new Map(), postpone: new Map() },
      after: [],
      work: {
        form: 'transform',
        select: new Map<string, unknown>([
          ['name', 'mapped'],
          ['tags', { kind: 'json', isNullable: false }],
        ]),
        write: new Map([['slug', { kind: 'text', isNullable: true, allowed: ['a', 'b', null] }]]),
        transform: { per: 'row', call: transform },
        steps: [],
        unique: new Map([['slug', unique.slug]]),
        isPartial: false,
      },
    })
  })

  test('in SQL keeps expressions and constants, and asks about no sample', () => {
    const slug = sql`lower(name)`
    const reverse = { set: { slug: null } }
    const { work, ...rest } = definitionOf(defineSql({ ...validSql, set: { slug, rank: 3 }, reverse }))
    expect(work).toEqual({
      form: 'sql',
      set: new Map<string, unknown>([
        ['slug', slug],
        ['rank', 3],
      ]),
    })
    expect(rest.reverse).toEqual({ set: new Map([['slug', null]]) })
    expect(rest.verify).toEqual(noVerify)
  })

  test('takes an option that is undefined for one left out', () => {
    const backfill = define({ ...valid, where: undefined, unique: { slug: undefined }, batchRows: undefined })
    expect(definitionOf(backfill)).toEqual(definitionOf(define(valid)))
  })

  test('shows its kind and its name, and nothing that could be called', () => {
    const backfill = define(valid)
    expect(Object.entries(backfill)).toEqual([
      ['kind', 'backfill'],
      ['name', 'city.slug'],
    ])
    expect(JSON.stringify(backfill)).toBe('{"kind":"backfill","name":"city.slug"}')
    expect(Object.values(Object.getOwnPropertyDescriptors(backfill)).some((member) => member.writable)).toBe(false)
  })

  test('cannot be changed, not even through the options it came from', () => {
    const day = new Date('2024-02-29')
    const options = {
      ...valid,
      select: { name: 'text', day: 'timestamp' } as Record<string, string>,
      where: { slug: null, name: ['a', 'b'], day: { lt: day } } as Record<string, unknown>,
      verify: { sample: 5 },
    }
    const backfill = define(options)
    const definition = definitionOf(backfill)
    options.name = 'other'
    options.select.name = 'integer'
    options.where.slug = 'x'
    ;(options.where.name as string[]).push('c')
    day.setFullYear(1999)
    options.verify.sample = 7

    expect(definition.name).toBe('city.slug')
    expect(definition.verify.sample).toBe(5)
    expect(definition.where?.condition).toEqual({
      slug: null,
      name: ['a', 'b'],
      day: { lt: new Date('2024-02-29') },
    })
    expect(definition.work).toMatchObject({
      select: new Map([
        ['name', { kind: 'text' }],
        ['day', { kind: 'timestamp' }],
      ]),
    })
    const condition = definition.where!.condition as Record<string, object>
    for (const owned of [
      backfill,
      definition,
      definition.where,
      condition,
      condition.name,
      condition.day,
      definition.verify,
      definition.work,
    ]) {
      expect(Object.isFrozen(owned)).toBe(true)
    }
  })
})

describe('another copy of rowshift', () => {
  test('reads a definition by its registered symbol', () => {
    const backfill = define(valid)
    expect(Reflect.get(backfill, Symbol.for('rowshift.definition'))).toBe(definitionOf(backfill))
    const foreign = Object.defineProperty({}, Symbol.for('rowshift.definition'), { value: { name: 'foreign' } })
    expect(isBackfill(foreign)).toBe(true)
    expect(definitionOf(foreign as Backfill).name).toBe('foreign')
  })
})

describe('what is no definition is named', () => {
  test.each([
    ['nothing', undefined, 'found undefined. Two files that import each other'],
    ['null', null, 'found null.'],
    ['a name', 'city.slug', 'found the text "city.slug". Pass the definition itself'],
    ['a class', City, 'found the function "City". Pass what defineBackfill() returned'],
    ['a list', [define(valid)], 'found a list.'],
    ['a number', 7, 'found a number.'],
    ['a promise', Promise.resolve(define(valid)), 'found a promise. Await it first.'],
    ['a copy', { ...define(valid) }, 'found a copy of backfill "city.slug". A copy has no definition'],
    ['options', valid, 'found an object named "city.slug". Pass it through defineBackfill() first.'],
    ['a module', { citySlug: define(valid) }, 'found an object with citySlug.'],
  ])('%s', (_, value, message) => {
    expect(isBackfill(value)).toBe(false)
    expect(() => definitionOf(value as Backfill)).toThrow(
      expect.objectContaining({ code: 'INVALID_DEFINITION', message: expect.stringContaining(message) }),
    )
  })
})

describe('options are refused with the option and the remedy', () => {
  test.each<[string, object, string, string]>([
    ['no name', { name: undefined }, 'name', 'a backfill without a name: `name` must be a text'],
    ['an empty name', { name: ' ' }, 'name', 'must be a text'],
    ['a long name', { name: 'x'.repeat(191) }, 'name', 'has 191 characters; 190 are allowed'],
    ['a line break in the name', { name: 'a\nb' }, 'name', 'has a control character'],
    ['half a character in the name', { name: 'a\ud800b' }, 'name', 'has a control character'],
    ['a space after the name', { name: 'city ' }, 'name', 'begins or ends with a space'],
    ['the name of an undo', { name: 'city#undo' }, 'name', 'ends in #undo'],

    ['no table', { table: undefined }, 'table', 'must be a table name, an entity class or a model'],
    ['a table that is no name', { table: 'my city' }, 'table', '`table` is "my city", which is no table name'],
    ['a number for a table', { table: 7 }, 'table', 'must be a table name'],

    ['no select', { select: undefined }, 'select', "must be columns with their types: { name: 'text' }"],
    ['a list for select', { select: ['name'] }, 'select', 'must be columns with their types'],
    ['an empty select', { select: {} }, 'select', 'names no column'],
    ['an empty write', { write: {} }, 'write', 'names no column'],
    ['no write', { write: undefined }, 'write', 'must be columns'],
    ['a column without a name', { write: { '': 'text' } }, 'write', 'empty name'],
    [
      'an unknown type',
      { select: { id: 'int' } },
      'select.id',
      'is "int", which is no column type. Did you mean "integer"?',
    ],
    ['an unknown type', { write: { slug: 'string?' } }, 'write.slug', 'Did you mean "text"?'],
    [
      'true for a named table',
      { select: { id: true } },
      'select.id',
      "only an entity or model knows its columns. Declare the type: 'text'",
    ],

    ['no transform', { transform: undefined }, 'transform', 'must be a function of the row'],
    ['a transform that is data', { transform: { slug: 'x' } }, 'transform', 'must be a function of the row'],
    ['a body for an object', { transform: () => {} }, 'transform', 'returns nothing, so no row would change'],
    ['a reverse that returns nothing', { reverse: () => {} }, 'reverse', 'Braces after => are a body'],
    ['follow that is no boolean', { follow: 'yes' }, 'follow', 'must be true or false'],
    ['set and transform', { set: { slug: 'x' } }, 'set', 'belongs to defineBackfill.sql()'],

    ['batchSize', { batchSize: 100 }, 'batchSize', 'is no option. Did you mean "batchRows"?'],
    ['tranform', { tranform: transform }, 'tranform', 'is no option. Did you mean "transform"?'],
    ['filter', { filter: {} }, 'filter', 'Did you mean "where"?'],
    ['down', { down: transform }, 'down', 'Did you mean "reverse"?'],
    ['an unheard-of option', { colour: 'red' }, 'colour', 'is no option. Choose from: name, table, where'],

    ['batchRows 0', { batchRows: 0 }, 'batchRows', 'must be an integer from 1 to 100000; leave it out and it is found'],
    ['batchRows 100001', { batchRows: 100_001 }, 'batchRows', 'must be an integer from 1 to 100000'],
    ['batchRows 1.5', { batchRows: 1.5 }, 'batchRows', 'must be an integer'],
    ['batchRows as text', { batchRows: '100' }, 'batchRows', 'must be an integer'],
    ['delayMs -1', { delayMs: -1 }, 'delayMs', 'must be an integer from 0'],
    ['delayMs NaN', { delayMs: Number.NaN }, 'delayMs', 'must be an integer from 0'],
    [
      'steps of something else',
      { steps: [{ from: '1.0.0', to: '2.0.0' }] },
      'steps',
      'must be what `path` of your versions',
    ],
    ['revision 0', { revision: 0 }, 'revision', 'must be an integer from 1'],
    ['revision as text', { revision: '2' }, 'revision', 'must be an integer from 1'],

    ['verify: true', { verify: true }, 'verify', 'must be { sample, check, recompute, before, after }'],
    ['sample -1', { verify: { sample: -1 } }, 'verify.sample', 'must be an integer from 0; the default is 500'],
    ['recompute as text', { verify: { recompute: 'yes' } }, 'verify.recompute', 'must be true or false'],
    ['after as SQL', { verify: { after: sql`select 1` } }, 'verify.after', 'must be assertions by what they say'],
    ['after as data', { verify: { after: { sums: 5 } } }, 'verify.after["sums"]', 'must be SQL that selects'],
    ['before as empty SQL', { verify: { before: { sums: sql`` } } }, 'verify.before["sums"]', 'is empty SQL'],
    ['check as data', { verify: { check: true } }, 'verify.check', 'must be a function of the row'],
    ['samples', { verify: { samples: 5 } }, 'verify.samples', 'is no option. Did you mean "sample"?'],

    ['unique as a list', { unique: ['slug'] }, 'unique', 'must be functions by column'],
    [
      'unique of a column not written',
      { unique: { slgu: transform } },
      'unique.slgu',
      'not written. Did you mean "slug"?',
    ],
    ['unique that is no function', { unique: { slug: true } }, 'unique.slug', 'must be a function (value, n)'],

    ['reverse: true', { reverse: true }, 'reverse', "must be 'not-needed', { set: { column: value } }, or (row) =>"],
    ['a misspelt reverse', { reverse: 'notneeded' }, 'reverse', "must be 'not-needed'"],
    ['reverse that sets nothing', { reverse: { set: {} } }, 'reverse.set', 'names no column'],
    ['reverse with more than set', { reverse: { set: { slug: null }, where: {} } }, 'reverse.where', 'Only `set` is'],
    ['reverse that sets undefined', { reverse: { set: { slug: undefined } } }, 'reverse.set.slug', 'Use null for NULL'],
  ])('%s', (_, options, option, message) => {
    expect(() => define({ ...valid, ...options })).toThrow(refusal(option, message))
  })

  test.each<[string, object, string, string]>([
    ['transform', { transform }, 'transform', 'belongs to defineBackfill()'],
    ['select', { select: { name: 'text' } }, 'select', 'belongs to defineBackfill()'],
    ['verify.sample', { verify: { sample: 5 } }, 'verify.sample', 'belongs to defineBackfill()'],
    ['verify.post', { verify: { post: {} } }, 'verify.post', 'is no option. Did you mean "after"?'],
    ['follow', { follow: true }, 'follow', 'belongs to defineBackfill()'],
    ['no set', { set: undefined }, 'set', 'must be values by column: { slug: sql`lower(name)` }'],
    ['an empty set', { set: {} }, 'set', 'names no column'],
    ['SQL for set', { set: sql`slug = 'x'` }, 'set', 'must be values by column'],
    ['an undefined value', { set: { slug: undefined } }, 'set.slug', 'is undefined. Use null for NULL'],
    ['NaN', { set: { rank: Number.NaN } }, 'set.rank', 'is NaN, which is no value'],
    ['a function', { set: { slug: () => 'x' } }, 'set.slug', 'is no plain value'],
    ['an object', { set: { slug: { a: 1 } } }, 'set.slug', 'is no plain value'],
    ['a function as reverse', { reverse: transform }, 'reverse', 'cannot be a function here'],
    ['sets', { sets: {} }, 'sets', 'is no option. Did you mean "set"?'],
  ])('in SQL: %s', (_, options, option, message) => {
    expect(() => defineSql({ ...validSql, ...options })).toThrow(refusal(option, message))
  })

  test.each([undefined, null, 'city.slug', [valid], transform])('%s instead of options', (options) => {
    expect(() => define(options)).toThrow('a backfill is defined by one object')
    expect(() => defineSql(options)).toThrow('a backfill is defined by one object')
  })

  test('the message names the definition', () => {
    expect(() => define({ ...valid, batchSize: 1 })).toThrow(
      'INVALID_DEFINITION: backfill "city.slug": `batchSize` is no option. Did you mean "batchRows"?',
    )
  })

  test('a name of 190 characters is taken', () => {
    expect(define({ ...valid, name: 'x'.repeat(190) }).name).toHaveLength(190)
  })
})

describe('a column that is read and written', () => {
  const inPlace = { ...valid, select: { id: 'integer', email: 'text' }, write: { email: 'text' } }

  test('needs a where', () => {
    expect(() => define(inPlace)).toThrow(
      refusal(
        'where',
        '"email" is read and written: nothing would tell a migrated row from a new one',
        'IN_PLACE_NEEDS_WHERE',
      ),
    )
  })

  test('is refused where changes are followed, with a condition or without', () => {
    for (const where of [undefined, { email: { not: null } }]) {
      expect(() => define({ ...inPlace, where, follow: true })).toThrow(
        refusal('follow', 'its own writes would look like changes', 'FOLLOW_IN_PLACE'),
      )
    }
  })

  test('is taken with one', () => {
    expect(define({ ...inPlace, where: sql`email <> lower(email)` }).name).toBe('city.slug')
    expect(define({ ...inPlace, where: { email: { not: null } } }).name).toBe('city.slug')
  })
})
