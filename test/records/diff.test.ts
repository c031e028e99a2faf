import 'reflect-metadata'
import { Type } from 'class-transformer'
import { IsArray, IsEmail, IsIn, IsInt, IsOptional, IsString, Length, Min, ValidateNested } from 'class-validator'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  defineVersions,
  diffMarkdown,
  diffSchemas,
  diffVersions,
  field,
  type JsonSchema,
  jsonSchema,
  proposeStep,
} from '../../src/index.js'
import { codeOf } from '../support/backfills.js'

class LineV1 {
  @IsInt()
  amount!: number
}
class OrderV1 {
  @IsString()
  customer_name!: string

  @IsInt()
  @Min(0)
  total!: number

  @IsOptional()
  @IsString()
  note?: string

  @IsIn(['new', 'paid'])
  state!: string

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => LineV1)
  lines!: LineV1[]
}
class LineV2 {
  @IsInt()
  amount!: number

  @IsString()
  currency!: string
}
class OrderV2 {
  @IsString()
  @Length(1, 80)
  customerName!: string

  @IsString()
  total!: string

  @IsString()
  note!: string

  @IsIn(['new', 'paid', 'sent'])
  state!: string

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => LineV2)
  lines!: LineV2[]

  @IsEmail()
  email!: string
}

const order = defineVersions('Order')
  .version('1.0.0', OrderV1)
  .version('2.0.0', OrderV2, {
    upgrade: (row) => ({
      customerName: row.customer_name,
      total: String(row.total),
      note: row.note ?? '',
      email: 'a@b.c',
      lines: row.lines.map((line) => ({ ...line, currency: 'EUR' })),
    }),
  })

describe('a JSON Schema', () => {
  test('tells the decorators of a class, nested ones too', () => {
    expect(jsonSchema(order, '1.0.0')).toEqual({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'Order 1.0.0',
      type: 'object',
      properties: {
        customer_name: { type: 'string' },
        total: { type: 'integer', minimum: 0 },
        note: { type: ['string', 'null'] },
        state: { enum: ['new', 'paid'] },
        lines: {
          type: 'array',
          items: { type: 'object', properties: { amount: { type: 'integer' } }, required: ['amount'] },
        },
      },
      required: ['customer_name', 'total', 'state', 'lines'],
    })
  })

  test('tells columns as JSON holds them, with fallbacks as defaults', () => {
    const shop = defineVersions('Shop').version('1.0.0', {
      id: 'bigint',
      name: 'text?',
      since: 'timestamp',
      kind: field(['a', 'b'], { fallback: 'a' }),
      more: 'json',
    })
    expect(jsonSchema(shop, '1.0.0')).toMatchObject({
      properties: {
        id: { type: 'string', pattern: '^-?[0-9]+$' },
        name: { type: ['string', 'null'] },
        since: { type: 'string', format: 'date-time' },
        kind: { enum: ['a', 'b'], default: 'a' },
        more: {},
      },
      required: ['id', 'name', 'since', 'kind', 'more'],
      additionalProperties: false,
    })
  })

  test('is what zod and valibot say of their input', () => {
    const inZod = defineVersions('Z').version(
      '1.0.0',
      z.object({ a: z.string().min(2), at: z.date(), b: z.string().default('x') }),
    )
    const inValibot = defineVersions('V').version(
      '1.0.0',
      v.object({ a: v.pipe(v.string(), v.minLength(2)), b: v.optional(v.string(), 'x') }),
    )
    expect(jsonSchema(inZod, '1.0.0')).toMatchObject({
      properties: { a: { type: 'string', minLength: 2 }, b: { type: 'string', default: 'x' } },
      required: ['a', 'at'],
    })
    expect(jsonSchema(inValibot, '1.0.0')).toMatchObject({
      properties: { a: { type: 'string', minLength: 2 }, b: { type: 'string' } },
      required: ['a'],
    })
  })

  test('is refused of a schema that cannot say, and of no version', async () => {
    const silent = {
      '~standard': { version: 1, vendor: 'mine', validate: (value: unknown) => ({ value: value as object }) },
    } as const
    const versions = defineVersions('S').version('1.0.0', silent)
    expect(await codeOf(() => jsonSchema(versions, '1.0.0'))).toBe('UNSUPPORTED_SHAPE')
    expect(await codeOf(() => jsonSchema(order, '9.0.0' as never))).toBe('VERSION_UNKNOWN')
  })
})

describe('a diff', () => {
  const diff = diffVersions(order, '1.0.0', '2.0.0')

  test('tells what was added, removed and changed, and what breaks', () => {
    expect(diff.added.map(({ field: name, isBreaking }) => [name, isBreaking])).toEqual([
      ['lines[].currency', true],
      ['customerName', true],
      ['email', true],
    ])
    expect(diff.removed.map(({ field: name }) => name)).toEqual(['customer_name'])
    expect(diff.changed).toEqual([
      { field: 'total', kind: 'type', before: 'integer', after: 'string', isBreaking: true },
      { field: 'total', kind: 'constraint', before: 'minimum 0', after: 'none', isBreaking: false },
      { field: 'note', kind: 'type', before: 'null | string', after: 'string', isBreaking: true },
      { field: 'note', kind: 'optionality', before: 'optional', after: 'required', isBreaking: true },
      {
        field: 'state',
        kind: 'constraint',
        before: 'enum ["new","paid"]',
        after: 'enum ["new","paid","sent"]',
        isBreaking: false,
      },
    ])
    expect(diff).toMatchObject({ isBreaking: true, hasPath: true })
  })

  test('finds probable renames, by likeness or by an alias', () => {
    expect(diff.renames).toEqual([{ from: 'customer_name', to: 'customerName', likelihood: 1 }])
    const place = defineVersions('Place')
      .version('1.0.0', { name: 'text', fullAddress: 'text', n: 'integer' })
      .version('2.0.0', {
        title: field('text', { alias: 'name' }),
        address: field('text', { fallback: '' }),
        m: field('text', { fallback: '' }),
      })
    expect(diffVersions(place, '1.0.0', '2.0.0').renames).toEqual([
      { from: 'name', to: 'title', likelihood: 1 },
      { from: 'fullAddress', to: 'address', likelihood: 0.64 },
    ])
  })

  test.each([
    [{ minimum: 0 }, { minimum: 1 }, true],
    [{ minimum: 1 }, { minimum: 0 }, false],
    [{ maxLength: 5 }, { maxLength: 4 }, true],
    [{}, { pattern: 'a' }, true],
    [{ pattern: 'a' }, {}, false],
    [{ type: 'integer' }, { type: 'number' }, false],
    [{ type: 'number' }, { type: 'integer' }, true],
    [{ type: 'string' }, { type: ['string', 'null'] }, false],
    [{ enum: ['a', 'b'] }, { enum: ['a'] }, true],
  ] as [JsonSchema, JsonSchema, boolean][])('of %j to %j: breaking %j', (before, after, isBreaking) => {
    const schema = (of: JsonSchema) => ({ type: 'object', properties: { a: of }, required: ['a'] })
    expect(diffSchemas(schema(before), schema(after)).isBreaking).toBe(isBreaking)
  })

  test('of equal versions is empty', () => {
    const none = diffVersions(order, '1.0.0', '1.0.0')
    expect(none).toMatchObject({ added: [], removed: [], changed: [], renames: [], isBreaking: false })
    expect(diffMarkdown(none)).toContain('Nothing changed.')
    expect(proposeStep(none)).toBe('// 1.0.0 -> 1.0.0: no function is needed')
  })

  test('is written as Markdown', () => {
    const text = diffMarkdown(diff)
    expect(text).toContain('# Order 1.0.0 → 2.0.0\n\nBreaking. Steps lead from one to the other.')
    expect(text).toContain('| `email` | string | required | **breaking** |')
    expect(text).toContain('| `note` | type | null \\| string | string | **breaking** |')
    expect(text).toContain('| `customer_name` | `customerName` | 100% |')
  })

  test('proposes the code of the step', () => {
    expect(proposeStep(diff)).toBe(`// 1.0.0 -> 2.0.0
{
  upgrade: (row) => ({
    customerName: row.customer_name, // "customer_name" under another name
    total: String(row.total), // was integer
    note: String(row.note), // was null | string
    email: undefined, // new: string
  }),
}`)
  })
})
