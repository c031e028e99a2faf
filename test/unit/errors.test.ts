import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { errorCodes } from '../../src/errors/codes.js'
import { RowshiftError } from '../../src/index.js'

const root = join(__dirname, '../..')
const codes = Object.keys(errorCodes)

test('docs/errors.md has a section for each code, in the order of the list, and no other', () => {
  const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')
  expect([...page.matchAll(/^### ([A-Z_]+)$/gm)].map((match) => match[1])).toEqual(codes)
})

test('every code is used by the source', () => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('codes.ts'),
  )
  const source = files.map((file) => readFileSync(join(root, 'src', file), 'utf8')).join('\n')
  expect(codes.filter((code) => !source.includes(`'${code}'`))).toEqual([])
})

test('an error says its code first, keeps its cause and prints as JSON', () => {
  const cause = new Error('below')
  const error = new RowshiftError('GATE_SHUT', { message: 'do this', details: { run: 7 }, cause })
  expect(error.message).toBe('GATE_SHUT: do this')
  expect(error).toMatchObject({ name: 'RowshiftError', code: 'GATE_SHUT', retryable: false, cause })
  expect(JSON.parse(JSON.stringify(error))).toEqual({
    code: 'GATE_SHUT',
    message: 'GATE_SHUT: do this',
    details: { run: 7 },
  })
})
