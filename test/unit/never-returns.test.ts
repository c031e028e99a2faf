import { expect, test, vi } from 'vitest'
import { neverReturns } from '../../src/backfill/definition/never-returns.js'

// As text, because a compiler may rewrite what is written here.
const compile = (text: string) => new Function(`return (${text})`)() as () => unknown

test.each([
  '(row) => { slug: slugify(row.name) }',
  'row => { slug: slugify(row.name) }',
  'async (row, { key }) => { await save(row) }',
  '({ name }, context = contextOf(1)) => { slug: name }',
  '() => {}',
  'function (row) { slugify(row.name) }',
  'async function transform(row) { slugify(row.name) }',
])('%s never returns', (text) => {
  expect(neverReturns(compile(text))).toBe(true)
})

test.each(['transform', 'async transform'])('a method %s() never returns', (head) => {
  expect(neverReturns(compile(`{ ${head}(row) { slugify(row.name) } }.transform`))).toBe(true)
})

test.each([
  '(row) => ({ slug: slugify(row.name) })',
  'async (row) => ({ slug: slugify(row.name) })',
  'async(row)=>slugify(row.name)',
  'async row => slugify(row.name)',
  'row => row.name ? { slug: row.name } : undefined',
  '(row) => { return { slug: row.name } }',
  'async (row) => { if (row.name) return { slug: row.name } }',
  '() => undefined',
  '() => { throw new Error("always") }',
  'function (row) { return row }',
  'row => [1].map((x) => { row.slug = x })',
  'slugify.bind(null)',
])('%s may return', (text) => {
  const slugify = 'const slugify = (row) => {};'
  expect(neverReturns(new Function(`${slugify} return (${text})`)() as () => unknown)).toBe(false)
})

test('a mock may return', () => {
  expect(neverReturns(vi.fn())).toBe(false)
})
