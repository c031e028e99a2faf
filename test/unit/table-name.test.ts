import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseTableName, tableNameProblem } from '../../src/backfill/definition/table-name.js'
import type { TableName } from '../../src/dialects/table.js'

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
const written = ({ schema, name }: TableName) => (schema === undefined ? '' : `${quoted(schema)}.`) + quoted(name)

test.each([
  ['city', undefined, 'city'],
  ['public.city', 'public', 'city'],
  ['City', undefined, 'City'],
  ['tenant-1.order_2024', 'tenant-1', 'order_2024'],
  ['größe', undefined, 'größe'],
  ['"order items"', undefined, 'order items'],
  ['"my.schema"."we""ird"', 'my.schema', 'we"ird'],
  ['public."Order"', 'public', 'Order'],
])('%s is read part by part', (text, schema, name) => {
  expect(parseTableName(text)).toEqual({ schema, name })
})

test.each([
  ['', 1],
  [' city', 1],
  ['city ', 5],
  ['order items', 6],
  ['public.', 8],
  ['.city', 1],
  ['a..b', 3],
  ['"city', 1],
  ['""', 1],
  ['"a"b', 4],
  ['`city`', 1],
  ['city;drop', 5],
  ['"a\u0000b"', 1],
])('%j is refused at position %i', (text, position) => {
  expect(() => parseTableName(text)).toThrow(
    expect.objectContaining({
      code: 'INVALID_DEFINITION',
      message: expect.stringContaining(`which is no table name (see position ${position})`),
    }),
  )
})

test('a third part is refused, because the connection chooses the database', () => {
  expect(tableNameProblem('shop.public.city')).toMatch(/of 3 parts. Write "table" or "schema.table"/)
})

test('every name survives quoting and reading', () => {
  const part = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((text) => !/\p{Cc}|\p{Cs}/u.test(text))
  const table = fc.record({ schema: fc.option(part, { nil: undefined }), name: part })
  fc.assert(
    fc.property(table, (name) => {
      expect(parseTableName(written(name))).toEqual(name)
    }),
  )
})

test('any text is either refused or means exactly one table', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'B', '_', '1', '.', '"', ' ', '`', ';'), maxLength: 12 })
  fc.assert(
    fc.property(text, (candidate) => {
      if (tableNameProblem(candidate) !== undefined) return
      const table = parseTableName(candidate)
      expect(parseTableName(written(table))).toEqual(table)
      // Nothing was dropped: taking the quotes off both gives the same text.
      const bare = (name: string) => name.replaceAll('"', '')
      expect(bare(written(table))).toBe(bare(candidate))
    }),
    { numRuns: 2000 },
  )
})
