import { describe, expect, test } from 'vitest'
import { noVerify } from '../../src/backfill/definition/check-verify.js'
import { type Backfill, defineBackfill } from '../../src/backfill/definition/define-backfill.js'
import { type BackfillDefinition, definitionOf } from '../../src/backfill/definition/definition.js'
import { reverseOf } from '../../src/backfill/definition/reverse-of.js'
import { sql } from '../../src/dialects/sql.js'

const define = defineBackfill as unknown as (options: unknown) => Backfill
const base = {
  name: 'post.status',
  table: 'post',
  select: { status: ['NEW', 'OLD'], title: 'text' },
  write: { status: ['draft', 'archived'], slug: 'text', kind: ['a'], settings: 'json' },
  where: { status: ['NEW', 'OLD'] },
  transform: () => undefined,
  unique: { slug: String },
  verify: { sample: 7, check: () => true },
  revision: 4,
  batchRows: 50,
  delayMs: 3,
}
const back = (options: object) => reverseOf(definitionOf(define({ ...base, ...options }))) as BackfillDefinition

describe('a function', () => {
  const reverse = () => ({})

  test('sees the row after the change, and may write any of its columns', () => {
    expect(back({ reverse })).toEqual({
      name: 'post.status#undo',
      source: 'post',
      where: { condition: { status: ['NEW', 'OLD'] }, isNegated: true },
      reverse: undefined,
      follow: false,
      revision: 4,
      batchRows: 50,
      delayMs: 3,
      maxFailures: { rows: 0 },
      verify: noVerify,
      when: { skip: new Map(), postpone: new Map() },
      after: [],
      work: {
        form: 'transform',
        select: new Map<string, object>([
          ['status', { kind: 'text', isNullable: false, allowed: ['draft', 'archived'] }],
          ['title', { kind: 'text', isNullable: false }],
          ['slug', { kind: 'text', isNullable: false }],
          ['kind', { kind: 'text', isNullable: false, allowed: ['a'] }],
          ['settings', { kind: 'json', isNullable: false }],
        ]),
        write: new Map<string, object>([
          ['status', { kind: 'text', isNullable: false, allowed: ['NEW', 'OLD'] }],
          ['slug', { kind: 'text', isNullable: true }],
          ['kind', { kind: 'text', isNullable: true, allowed: ['a', null] }],
          ['settings', { kind: 'json', isNullable: true }],
          ['title', { kind: 'text', isNullable: false }],
        ]),
        transform: { per: 'row', call: reverse },
        steps: [],
        unique: new Map(),
        isPartial: true,
      },
    })
  })

  test('leaves columns of an entity to its mapping', () => {
    class Post {}
    const select = { title: true }
    const definition = back({
      table: Post,
      select,
      write: { slug: true },
      unique: undefined,
      where: { slug: null },
      reverse,
    })
    expect(definition.work).toMatchObject({
      select: new Map([
        ['title', 'mapped'],
        ['slug', 'mapped'],
      ]),
      write: new Map([
        ['slug', 'mapped'],
        ['title', 'mapped'],
      ]),
    })
  })

  test('takes every row when the change took every row', () => {
    const definition = back({ select: { title: 'text' }, where: undefined, reverse })
    expect(definition.where).toBeUndefined()
  })
})

test('{ set } becomes SQL over the rows that were migrated', () => {
  const title = sql`upper(title)`
  const where = sql`status in ('NEW', 'OLD')`
  expect(back({ where, reverse: { set: { slug: null, title } } })).toMatchObject({
    name: 'post.status#undo',
    where: { condition: where, isNegated: true },
    work: {
      form: 'sql',
      set: new Map<string, unknown>([
        ['slug', null],
        ['title', title],
      ]),
    },
  })
})

test("'not-needed' leaves nothing to do", () => {
  expect(back({ reverse: 'not-needed' })).toBe('not-needed')
})

test('without reverse it says how to write one', () => {
  expect(() => back({})).toThrow(
    expect.objectContaining({
      code: 'IRREVERSIBLE',
      message: expect.stringContaining('backfill "post.status" has no `reverse`'),
    }),
  )
})

test('taking back cannot be taken back', () => {
  expect(() => reverseOf(back({ reverse: () => ({}) }))).toThrow(expect.objectContaining({ code: 'IRREVERSIBLE' }))
})

test('the result is frozen, and the original is as it was', () => {
  const definition = definitionOf(define({ ...base, reverse: () => ({}) }))
  const undone = reverseOf(definition) as BackfillDefinition
  for (const owned of [undone, undone.where, undone.verify, undone.work]) expect(Object.isFrozen(owned)).toBe(true)
  expect(definition.name).toBe('post.status')
  expect(definition.where?.isNegated).toBe(false)
})
