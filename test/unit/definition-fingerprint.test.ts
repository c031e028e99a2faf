import { describe, expect, test } from 'vitest'
import { type Backfill, defineBackfill } from '../../src/backfill/definition/define-backfill.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { definitionFingerprint, transformFingerprint } from '../../src/backfill/definition/definition-fingerprint.js'
import { reverseOf } from '../../src/backfill/definition/reverse-of.js'
import { sql } from '../../src/dialects/sql.js'
import { defineVersions } from '../../src/schema-version/define-versions.js'

class City {
  id!: number
}

const base = {
  name: 'city.slug',
  table: 'city',
  select: { id: 'integer', name: 'text' } as object,
  write: { slug: 'text', status: ['draft', 'live'] } as object,
  where: { slug: null, id: { gte: 1, lt: 5 } } as object,
  transform: (row: { name: string }) => ({ slug: row.name }) as unknown,
}
const define = defineBackfill as unknown as (options: unknown) => Backfill
const defineSql = defineBackfill.sql as unknown as (options: unknown) => Backfill
const fingerprint = (options: object) => definitionFingerprint(definitionOf(define({ ...base, ...options })))
const sqlFingerprint = (options: object) =>
  definitionFingerprint(definitionOf(defineSql({ name: 'x', table: 'city', set: { slug: 'x' }, ...options })))

const original = fingerprint({})

test('is a hash in hexadecimal', () => {
  expect(original).toMatch(/^[0-9a-f]{64}$/)
})

test('is the same in every process: a stored run is recognised by it', () => {
  expect(sqlFingerprint({})).toBe('c2522a20e6f1a2e471c34e87537091c978e2415a917991cb7b0c1bad510cd725')
})

describe('is the same for', () => {
  test.each<[string, object]>([
    ['columns in another order', { select: { name: 'text', id: 'integer' } }],
    ['conditions in another order', { where: { id: { lt: 5, gte: 1 }, slug: null } }],
    ['allowed values in another order', { write: { status: ['live', 'draft'], slug: 'text' } }],
    ['the table in quotes', { table: '"city"' }],
    ['another function', { transform: () => ({ slug: 'x' }) }],
    ['another pace', { batchRows: 1, delayMs: 5 }],
    ['another verification', { verify: { sample: 1, check: () => true } }],
    ['a way back', { reverse: 'not-needed' }],
  ])('%s', (_, options) => {
    expect(fingerprint(options)).toBe(original)
  })
})

describe('differs for', () => {
  test.each<[string, object]>([
    ['another name', { name: 'city.slug2' }],
    ['another table', { table: 'town' }],
    ['another schema', { table: 'public.city' }],
    ['an entity', { table: City }],
    ['another revision', { revision: 2 }],
    ['another column read', { select: { id: 'integer', name: 'text', code: 'text' } }],
    ['another type', { select: { id: 'double', name: 'text' } }],
    ['a nullable type', { select: { id: 'integer', name: 'text?' } }],
    ['a column fewer', { write: { slug: 'text' } }],
    ['other allowed values', { write: { slug: 'text', status: ['draft'] } }],
    ['no condition', { where: undefined }],
    ['another condition', { where: { slug: null, id: { gte: 1, lte: 5 } } }],
    ['a condition in SQL', { where: sql`slug is null` }],
    ['uniqueness', { unique: { slug: (slug: string, n: number) => slug + n } }],
  ])('%s', (_, options) => {
    expect(fingerprint(options)).not.toBe(original)
  })

  test('each of these conditions', () => {
    const id = (where: object) => fingerprint({ select: { id: 'integer', big: 'bigint', day: 'timestamp' }, where })
    const conditions: object[] = [
      { id: 1 },
      { big: 1n },
      { id: [1] },
      { id: { not: 1 } },
      { id: null },
      { id: [null] },
      { day: new Date(0) },
      { day: new Date(1) },
      sql`id = ${1}`,
      sql`id = ${2}`,
      sql`id = ${1n}`,
      sql`id = ${'1'}`,
    ]
    expect(new Set(conditions.map(id)).size).toBe(conditions.length)
  })

  test('each of these sets', () => {
    const sets = [
      { slug: null },
      { slug: 'null' },
      { slug: 1 },
      { slug: '1' },
      { slug: 1n },
      { slug: sql`1` },
      { rank: 1 },
    ]
    expect(new Set(sets.map((set) => sqlFingerprint({ set }))).size).toBe(sets.length)
  })

  test('what takes it back', () => {
    const definition = definitionOf(define({ ...base, reverse: () => ({}) }))
    const back = reverseOf(definition)
    expect(back).not.toBe('not-needed')
    if (back !== 'not-needed') expect(definitionFingerprint(back)).not.toBe(definitionFingerprint(definition))
  })
})

test('the name of a class says nothing, because builds shorten it', () => {
  expect(fingerprint({ table: class A {} })).toBe(fingerprint({ table: class B {} }))
})

describe('the text of the functions', () => {
  const text = (options: object) => transformFingerprint(definitionOf(define({ ...base, ...options })))

  test('is hashed, uniqueness included', () => {
    expect(text({})).toMatch(/^[0-9a-f]{64}$/)
    expect(text({})).toBe(text({ batchRows: 5 }))
    expect(text({ transform: () => ({ slug: 'x' }) })).not.toBe(text({}))
    expect(text({ unique: { slug: (slug: string, n: number) => slug + n } })).not.toBe(text({}))
  })

  test('is hashed with those of the steps it takes', () => {
    const steps = (upgrade: (row: { name: string }) => { slug: string }) =>
      defineVersions('City')
        .version('1.0.0', { name: 'text' })
        .version('2.0.0', { slug: 'text' }, { upgrade })
        .path('1.0.0', '2.0.0')
    const taken = text({ steps: steps((row) => ({ slug: row.name })) })
    expect(taken).not.toBe(text({}))
    expect(text({ steps: steps((row) => ({ slug: row.name })) })).toBe(taken)
    expect(text({ steps: steps((row) => ({ slug: row.name.trim() })) })).not.toBe(taken)
    expect(fingerprint({ steps: steps((row) => ({ slug: row.name })) })).toBe(original)
  })

  test('is that of its tokens: neither comments nor formatting count', () => {
    const written = (body: string) => text({ transform: new Function(`return ${body}`)() })
    const plain = written(`(row) => { const a = [1, 2]; return { slug: row.name + 'x' } }`)
    expect(
      written(`(row) => {
        // What it is for.
        const a = [
          1, /* two */
          2,
        ]
        return { slug: row.name + "x", };
      }`),
    ).toBe(plain)
    expect(written(`(row) => { const a = [1, 2]; return { slug: row.name + ' x' } }`)).not.toBe(plain)
    expect(written(`(row) => { const a = [1, 2]; return { slug: row.name - 'x' } }`)).not.toBe(plain)
    expect(written('(row) => ({ slug: (row.a + row.b) * row.c })')).not.toBe(
      written('(row) => ({ slug: row.a + row.b * row.c })'),
    )
  })

  test('is told of methods and of functions without a text', () => {
    const method = {
      transform(row: { name: string }) {
        return { slug: row.name }
      },
    }
    expect(text(method)).toMatch(/^[0-9a-f]{64}$/)
    expect(text({ transform: method.transform.bind(undefined) })).toMatch(/^[0-9a-f]{64}$/)
  })

  test('does not exist in SQL', () => {
    expect(
      transformFingerprint(definitionOf(defineSql({ name: 'x', table: 'city', set: { slug: 'x' } }))),
    ).toBeUndefined()
  })
})
