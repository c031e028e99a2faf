import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const ask = `
  const { validatorOf } = require('./dist/backfill/transform/validate.js')
  const work = { write: new Map([['slug', 'mapped']]) }
  const without = validatorOf('city.slug', work)
  try { validatorOf('city.slug', { ...work, validate: class {} }) }
  catch ({ code, message }) { console.log(JSON.stringify({ without: without ?? null, code, message })) }
`

test('class-validator is asked for by definitions that use it, and by no others', () => {
  const project = mkdtempSync(join(tmpdir(), 'rowshift-peers-'))
  onTestFinished(() => rmSync(project, { recursive: true, force: true }))
  cpSync(join(__dirname, '../../dist'), join(project, 'dist'), { recursive: true })
  const printed = execFileSync(process.execPath, ['--eval', ask], { cwd: project, encoding: 'utf8' })
  expect(JSON.parse(printed)).toEqual({
    without: null,
    code: 'VALIDATOR_MISSING',
    message: expect.stringContaining('npm install class-validator class-transformer'),
  })
})
