import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const here = import.meta.dirname

/** Runs the compiler and returns what it prints; that it finds errors is no error here. */
async function tsc(...args: string[]): Promise<string> {
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
  const ran = promisify(execFile)(process.execPath, [compiler, ...args], { cwd: here })
  return ran.then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout ?? Promise.reject(error),
  )
}

/** `mistakes.ts(23,5): error TS2322: Type ...`, its elaboration in the indented lines below. */
function reported(output: string): string[] {
  return output
    .trimEnd()
    .replaceAll(/\n +/g, '\n')
    .replaceAll(/\n(?!\S+\(\d+,\d+\): error )/g, ' / ')
    .split('\n')
    .map((line) => line.replace(/^.*\((\d+),\d+\): error TS\d+: /, 'line $1: '))
}

/** The messages written in comments above the lines they are about. */
function expected(source: string): string[] {
  const messages: string[] = []
  let pending: string[] = []
  source.split('\n').forEach((line, i) => {
    const comment = /^\s*\/\/ (error:)?\s*(.*)$/.exec(line)
    if (comment?.[1]) pending.push(comment[2] ?? '')
    else if (comment && pending.length > 0) pending[pending.length - 1] += ` / ${comment[2]}`
    else {
      messages.push(...pending.map((message) => `line ${i + 1}: ${message}`))
      pending = []
    }
  })
  return messages
}

test('the compiler says about each mistake what is written above it', async () => {
  const messages = expected(readFileSync(join(here, 'mistakes.ts'), 'utf8'))
  expect(messages.length).toBeGreaterThan(20)
  expect(reported(await tsc('-p', 'tsconfig.mistakes.json', '--pretty', 'false'))).toEqual(messages)
})

test('declarations of a definition name its row and its changes, and no other type of rowshift', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rowshift-types-'))
  try {
    const emit = [
      '--noEmit',
      'false',
      '--emitDeclarationOnly',
      '--declaration',
      '--rootDir',
      '../..',
      '--outDir',
      directory,
    ]
    expect(await tsc('-p', 'tsconfig.json', ...emit)).toBe('')
    const text = readFileSync(join(directory, 'test/types/five-jobs.test-d.d.ts'), 'utf8')
    const declared = text.replaceAll(/\s+/g, ' ')
    expect(declared).toContain(
      'const citySlug: import("../../src/backfill/definition/define-backfill.js").Backfill<{ name: string; }, { slug: string; }>;',
    )
    const imported = [...declared.matchAll(/import\("[^"]*"\)\.(\w+)/g)].map((match) => match[1])
    expect(new Set(imported)).toEqual(new Set(['Backfill']))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
