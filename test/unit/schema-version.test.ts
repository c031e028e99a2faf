import { expect, test } from 'vitest'
import { defineVersions, SchemaVersion, schemaVersionOf } from '../../src/index.js'
import { statedVersion } from '../../src/schema-version/schema-version.js'
import { codeOf } from '../support/backfills.js'

const city = defineVersions('City')
  .version('1.0.0', { id: 'integer' })
  .version('2.0.0', { id: 'integer', slug: 'text' }, { upgrade: () => ({ slug: '' }) })

test('a class states its version, and where its steps are', () => {
  @SchemaVersion('2.0.0', { of: city })
  class City {
    id!: number
    slug!: string
  }
  expect(schemaVersionOf(City)).toBe('2.0.0')
  expect(statedVersion(City)?.of).toBe(city)
  expect(Object.keys(City)).toEqual([])
})

test('a version belongs to the class it stands above', () => {
  @SchemaVersion('1.0.0')
  class Parent {}
  class Child extends Parent {}
  expect(schemaVersionOf(Child)).toBe(undefined)
  SchemaVersion('3.0.0')(Child)
  expect(schemaVersionOf(Child)).toBe('3.0.0')
  expect(schemaVersionOf(Parent)).toBe('1.0.0')
})

test('two versions for one class are refused by name', async () => {
  class Twice {}
  SchemaVersion('1.0.0')(Twice)
  expect(() => SchemaVersion('2.0.0')(Twice)).toThrow('class Twice has two schema versions, 1.0.0 and 2.0.0')
  expect(await codeOf(() => SchemaVersion('2.0.0')(Twice))).toBe('VERSION_DUPLICATE')
})

test('a malformed version is refused by name', async () => {
  class Wrong {}
  for (const version of ['2', 'v2.0.0', '2.0.0-rc.1', '', undefined]) {
    expect(await codeOf(() => SchemaVersion(version as never)(Wrong))).toBe('VERSION_INVALID')
  }
  expect(() => SchemaVersion('2' as never)(Wrong)).toThrow('class Wrong has the version "2"')
  expect(schemaVersionOf(Wrong)).toBe(undefined)
})

test('a version that its versions do not have is refused', async () => {
  class Later {}
  expect(await codeOf(() => SchemaVersion('9.0.0' as never, { of: city } as never)(Later as never))).toBe(
    'VERSION_UNKNOWN',
  )
})
