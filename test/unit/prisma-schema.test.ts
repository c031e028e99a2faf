import { describe, expect, test } from 'vitest'
import { readRegistry } from '../../src/adapters/prisma/generator/read-registry.js'
import { registryText } from '../../src/adapters/prisma/generator/registry-text.js'
import { versionColumnIn, versionIn } from '../../src/adapters/prisma/generator/schema-version.js'
import { stateTables } from '../../src/adapters/prisma/index.js'
import { sqlite } from '../../src/dialects/sqlite/index.js'

describe('the version in the comment of a model', () => {
  test('stands on a line of its own', () => {
    expect(versionIn('Where people live.\n@schemaVersion 2.10.0\nAsk Ann.', 'City')).toBe('2.10.0')
    expect(versionIn('See @schemaVersion in the docs.', 'City')).toBeUndefined()
    expect(versionIn('@schemaVersions are written above models', 'City')).toBeUndefined()
    expect(versionIn(undefined, 'City')).toBeUndefined()
  })

  test.each(['', '2', '2.0', 'v2.0.0', '2.0.0-beta', '2.0.0 draft'])(
    'is refused as %j, by the name of the model',
    (text) => {
      expect(() => versionIn(`@schemaVersion ${text}`, 'City')).toThrow(/VERSION_INVALID.*model City has the version/)
    },
  )

  test('is refused when there are two', () => {
    expect(() => versionIn('@schemaVersion 1.0.0\n@schemaVersion 2.0.0', 'City')).toThrow(
      'VERSION_DUPLICATE: model City has two versions, `@schemaVersion 1.0.0` and `@schemaVersion 2.0.0`',
    )
  })
})

describe('the field with the version of each row', () => {
  const plain = { kind: 'scalar', type: 'String', isRequired: false, isList: false, isId: false, isUnique: false }
  const field = (name: string, documentation?: string) =>
    documentation === undefined ? { ...plain, name } : { ...plain, name, documentation }

  test('is the one whose comment says so, with the version of rows without one', () => {
    const others = [field('a'), field('b', 'Not @schemaVersionColumn.')]
    expect(versionColumnIn(others, 'City')).toBeUndefined()
    expect(versionColumnIn([...others, field('v', 'Of the row.\n@schemaVersionColumn')], 'City')).toEqual({
      field: 'v',
      none: null,
    })
    const [v] = [field('v', '@schemaVersionColumn none=1.0.0')]
    expect(versionColumnIn([v], 'City')).toEqual({ field: 'v', none: '1.0.0' })
  })

  test('is refused for what is no version, for two, and for what is no text', () => {
    const v = field('v', '@schemaVersionColumn')
    const found = (...fields: Parameters<typeof versionColumnIn>[0]) => versionColumnIn(fields, 'City')
    expect(() => found(field('v', '@schemaVersionColumn none=1'))).toThrow(/VERSION_INVALID: `none` of City.v has/)
    expect(() => found(field('v', '@schemaVersionColumn since 1.0.0'))).toThrow('VERSION_INVALID')
    expect(() => found(v, { ...v, name: 'w' })).toThrow(
      'VERSION_DUPLICATE: model City has two version columns, v and w.',
    )
    expect(() => found({ ...v, type: 'Int' })).toThrow(/COLUMN_TYPE_MISMATCH: City.v is to hold the version/)
    expect(() => found({ ...v, isList: true })).toThrow('COLUMN_TYPE_MISMATCH')
  })
})

test('a schema of another database is refused', () => {
  expect(() => readRegistry('mongodb', { models: [], enums: [] })).toThrow(/UNSUPPORTED_DATABASE.*"mongodb"/)
})

test('the registry is written as its file asks', () => {
  const registry = readRegistry('sqlite', { models: [], enums: [] })
  expect(registryText('a/registry.mts', registry)).toMatch(
    /^import type .*\n\nexport const registry: PrismaRegistry = /m,
  )
  expect(registryText('a/registry.mjs', registry)).toMatch(/^export const registry = \{/m)
  expect(registryText('a/registry.cjs', registry)).toMatch(/^exports\.registry = \{/m)
  expect(JSON.parse(registryText('a/registry.json', registry))).toEqual(registry)
  for (const file of ['a/registry.js', 'a/registry'])
    expect(() => registryText(file, registry)).toThrow(/INVALID_CONFIG.*Name a file that ends in/)
})

test('every table that rowshift makes is listed for Prisma to leave alone', () => {
  const made = sqlite.texts.createState({ schema: undefined, prefix: 'rowshift_' })
  const names = [...made.matchAll(/create table if not exists "(\w+)"/g)].map((match) => match[1])
  expect(stateTables()).toEqual(names)
  expect(stateTables({ schema: 'public' })[0]).toBe('public.rowshift_run')
})
