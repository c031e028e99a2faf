import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { exitCodeOf } from '../../src/cli/exit-codes.js'
import { createOutput } from '../../src/cli/output.js'
import { RowshiftError } from '../../src/index.js'

function createStream(isTTY = false) {
  const stream = Object.assign(new PassThrough(), { isTTY }) as unknown as NodeJS.WriteStream
  const text = () => String((stream as unknown as PassThrough).read() ?? '')
  return { stream, text }
}

function outputs(isJson: boolean, { isTTY = false, env = {} as NodeJS.ProcessEnv } = {}) {
  const [out, err] = [createStream(isTTY), createStream(isTTY)]
  return { output: createOutput(isJson, { stdout: out.stream, stderr: err.stream, env }), out, err }
}

const answer = { exitCode: 0, json: { rows: 10n }, lines: ['ten rows'] } as const

test('people are told lines, programs one document', () => {
  const people = outputs(false)
  people.output.line('working')
  people.output.answer(answer)
  expect(people.out.text()).toBe('working\nten rows\n')

  const program = outputs(true)
  program.output.line('working')
  program.out.stream.write('logged by the application\n')
  program.output.answer(answer)
  expect(JSON.parse(program.out.text())).toEqual({ rows: '10' })
  expect(program.err.text()).toBe('logged by the application\n')
})

test('an error is a document too, or its code and what to do', () => {
  const error = new RowshiftError('INVALID_CONFIG', { message: 'name it', details: { file: 'a' } })
  const people = outputs(false)
  people.output.error(error)
  expect([people.out.text(), people.err.text()]).toEqual(['', 'INVALID_CONFIG: name it\n'])
  const program = outputs(true)
  program.output.error(error)
  expect(JSON.parse(program.out.text())).toEqual({
    error: { code: 'INVALID_CONFIG', message: 'INVALID_CONFIG: name it', details: { file: 'a' } },
  })
})

test('what nobody foresaw comes with its stack, apart from the document', () => {
  const { output, out, err } = outputs(true)
  output.error(new TypeError('x is not a function'))
  expect(JSON.parse(out.text())).toEqual({
    error: { code: 'UNEXPECTED_ERROR', message: 'x is not a function', details: {} },
  })
  expect(err.text()).toContain('cli-output.test.ts')
})

test('the error of another copy of the package is known all the same', () => {
  const foreign = Object.assign(new Error('INVALID_DEFINITION: no name'), {
    name: 'RowshiftError',
    code: 'INVALID_DEFINITION',
  })
  expect(exitCodeOf(foreign)).toBe(2)
  const { output, err } = outputs(false)
  output.error(foreign)
  expect(err.text()).toBe('INVALID_DEFINITION: no name\n')
})

test('a refused connection has a message, though Node gives it none', () => {
  const { output, err } = outputs(false)
  output.error(new AggregateError([new Error('connect ECONNREFUSED 127.0.0.1:1')], ''))
  expect(err.text()).toContain('connect ECONNREFUSED 127.0.0.1:1')
})

test.each([
  [{}, true, true],
  [{}, false, false],
  [{ CI: 'true' }, false, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
  [{ FORCE_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '0' }, true, false],
  [{ TERM: 'dumb' }, true, false],
] as const)('with %j and a terminal %j colors are %j', (env, isTTY, isColored) => {
  const { output } = outputs(false, { isTTY, env })
  expect(output.paint.red('x') !== 'x').toBe(isColored)
})

test.each([
  ['UNKNOWN_BACKFILL', 2],
  ['DUPLICATE_BACKFILL', 2],
  ['INVALID_CONFIG', 2],
  ['RUN_TRANSITION', 1],
  ['DATABASE_UNAVAILABLE', 1],
  ['RUN_UNFINISHED', 3],
] as const)('%s exits with %d', (code, exitCode) => {
  expect(exitCodeOf(new RowshiftError(code, { message: '' }))).toBe(exitCode)
})
