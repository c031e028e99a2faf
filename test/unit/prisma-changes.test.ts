import { describe, expect, test } from 'vitest'
import type { PrismaRegistry, RegistryField } from '../../src/adapters/prisma/registry.js'
import { kindOfChange } from '../../src/adapters/prisma/schema/column-types.js'
import { readMarks } from '../../src/adapters/prisma/schema/migration-folders.js'
import { nextStop } from '../../src/adapters/prisma/schema/next-stop.js'
import {
  fieldsIn,
  parseField,
  parseSchema,
  writeField,
  writeSchema,
} from '../../src/adapters/prisma/schema/schema-text.js'

describe('the text of a schema', () => {
  const text = `// A comment with a brace {
model City {
  id   Int    @id // the key
  name String @default("a @b // c {") @map("na(me")
  tags String[]
  geo  Unsupported("point")?

  @@unique([name, id(sort: Desc)], map: "x")
}
enum Kind {
  OLD @map("o")
}
`

  test('is read as blocks and lines, comments left out, and written back', () => {
    const blocks = parseSchema(text)
    expect(blocks).toEqual([
      {
        kind: 'model',
        name: 'City',
        lines: [
          'id   Int    @id',
          'name String @default("a @b // c {") @map("na(me")',
          'tags String[]',
          'geo  Unsupported("point")?',
          '@@unique([name, id(sort: Desc)], map: "x")',
        ],
      },
      { kind: 'enum', name: 'Kind', lines: ['OLD @map("o")'] },
    ])
    expect(parseSchema(writeSchema(blocks))).toEqual(blocks)
  })

  test.each([
    ['id Int @id', { name: 'id', type: 'Int', arity: '', attributes: ['@id'] }],
    ['tags String[]', { name: 'tags', type: 'String', arity: '[]', attributes: [] }],
    ['geo Unsupported("point")?', { name: 'geo', type: 'Unsupported("point")', arity: '?', attributes: [] }],
    [
      'name String @default("a @b") @map("na(me") @db.VarChar(20)',
      { name: 'name', type: 'String', arity: '', attributes: ['@default("a @b")', '@map("na(me")', '@db.VarChar(20)'] },
    ],
  ])('has the field %s', (line, field) => {
    expect(parseField(line)).toEqual(field)
    expect(writeField(parseField(line)!)).toBe(line)
  })

  test('names fields in attributes', () => {
    expect(parseField('@@unique([name])')).toBeUndefined()
    expect(fieldsIn('@@unique([name, id(sort: Desc)], map: "x")')).toEqual(['name', 'id'])
    expect(fieldsIn('@@index(fields: [name])')).toEqual(['name'])
    expect(fieldsIn('@relation("X", fields: [a, b], references: [c, d])', 'fields')).toEqual(['a', 'b'])
  })
})

describe('a column that is declared anew', () => {
  const field: RegistryField = { column: 'a', type: 'String', isNullable: false, isList: false, fillsItself: false }
  const enums = { One: { A: 'a', B: 'b' }, Two: { A: 'a', B: 'b', C: 'c' } }
  const kind = (
    from: Partial<RegistryField>,
    to: Partial<RegistryField>,
    provider: PrismaRegistry['provider'] = 'postgresql',
  ) => {
    const registry: PrismaRegistry = { format: 1, provider, models: {}, enums }
    const side = (part: Partial<RegistryField>) => ({ registry, field: { ...field, ...part }, isPrimary: false })
    return kindOfChange(side(from), side(to))
  }
  const native = (name: string, ...settings: string[]) => ({ nativeType: [name, ...settings] as const })

  test.each([
    ['the same', {}, {}, undefined],
    ['NULL no more', { isNullable: true }, {}, 'settings'],
    ['a default', {}, { fillsItself: true }, 'settings'],
    ['Int to BigInt', { type: 'Int' }, { type: 'BigInt' }, 'widened'],
    ['BigInt to Int', { type: 'BigInt' }, { type: 'Int' }, 'converted'],
    ['SmallInt to Int', { type: 'Int', ...native('SmallInt') }, { type: 'Int' }, 'widened'],
    ['a longer text', native('VarChar', '10'), native('VarChar', '20'), 'widened'],
    ['a shorter text', native('VarChar', '20'), native('VarChar', '10'), 'converted'],
    ['a text of any length', native('VarChar', '20'), {}, 'widened'],
    [
      'a wider decimal',
      { type: 'Decimal', ...native('Decimal', '8', '2') },
      { type: 'Decimal', ...native('Decimal', '10', '2') },
      'widened',
    ],
    [
      'fewer digits before the point',
      { type: 'Decimal', ...native('Decimal', '8', '2') },
      { type: 'Decimal', ...native('Decimal', '8', '4') },
      'converted',
    ],
    ['String to Int', {}, { type: 'Int' }, 'converted'],
    ['a list', {}, { isList: true }, 'converted'],
  ] as const)('%s', (_, from, to, expected) => {
    expect(kind(from, to)).toBe(expected)
  })

  test('an enum is a text on SQLite', () => {
    expect(kind({ type: 'String' }, { type: 'One' }, 'sqlite')).toBeUndefined()
    expect(kind({ type: 'String' }, { type: 'One' })).toBe('converted')
  })
})

describe('where a deploy stops', () => {
  const folder = (name: string, text: string) => ({ name, path: `/${name}`, ...readMarks(text) })
  const folders = [
    folder('1_init', 'create table a (id int);'),
    folder('2_slug', '-- rowshift:backfill a.slug\n-- rowshift:backfill b.slug\nalter table a add slug text;'),
    folder('3_contract', '-- rowshift:gate a.slug\n-- rowshift:gate b.slug\n'),
    folder('4_big', '-- rowshift:schedule c.slug\n'),
    folder('5_contract', '-- rowshift:gate c.slug\n'),
  ]
  const stop = (...done: string[]) => nextStop(folders, (name) => done.includes(name))

  test.each([
    [[], { at: 'backfills', count: 2, names: ['a.slug', 'b.slug'] }],
    [['a.slug'], { at: 'backfills', count: 2, names: ['b.slug'] }],
    [['a.slug', 'b.slug'], { at: 'gate', count: 4, name: 'c.slug', migration: '5_contract' }],
    [['a.slug', 'b.slug', 'c.slug'], { at: 'end' }],
  ])('with %j done', (done, expected) => {
    expect(stop(...done)).toEqual(expected)
  })
})
