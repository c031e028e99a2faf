import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { typeormTestOn } from '../support/databases.js'
import { prismaSurroundings, testPrisma } from '../support/prisma/prisma-project.js'
import type { TestDatabase } from '../support/test-database.js'

const storyTimeoutMs = 600_000

/** A copy of the repository: the example builds the package anew, which other tests use at this moment. */
let clone: string

beforeAll(async () => {
  const repository = join(__dirname, '../..')
  clone = await mkdtemp(join(tmpdir(), 'rowshift-clone-'))
  const left = ['node_modules', 'dist', '.git']
  await cp(repository, clone, { recursive: true, filter: (path) => !left.includes(basename(path)) })
  await symlink(join(repository, 'node_modules'), join(clone, 'node_modules'))
})

afterAll(() => rm(clone, { recursive: true, force: true }))

const built = { example: 'example-app/dist/run.js', 'example:prisma': 'example-app/prisma/dist/prisma/run.js' }

/** Runs one of the README's first commands, without building it again if another test has built it. */
function runExample(script: keyof typeof built, ...args: string[]) {
  const file = join(clone, built[script])
  return existsSync(file)
    ? run(process.execPath, [file, ...args])
    : run('npm', ['run', '--silent', script, '--', ...args])
}

async function run(command: string, args: readonly string[]) {
  // No test waits for the download of Prisma's engine, nor for its failure.
  const child = spawn(command, args, { cwd: clone, env: { ...process.env, ...prismaSurroundings } })
  onTestFinished(() => void child.kill('SIGINT'))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr }
}

/** What the document must say on every database. */
function expectProven(
  { code, stdout, stderr }: Awaited<ReturnType<typeof runExample>>,
  database: string,
  rows: number,
) {
  expect(code, stderr).toBe(0)
  const outcome = JSON.parse(stdout)
  expect(outcome).toMatchObject({ database, rows, migrated: rows, remaining: 0, lost: 0, wrong: 0 })
  expect(outcome).toMatchObject({ isProven: true, failures: 0, killed: true })
  expect(outcome.resumedAt).toBeGreaterThanOrEqual(0.5)
  expect(outcome.resumedAt).toBeLessThan(1)
  expect(outcome.checksum).toMatch(/^[0-9a-f]{64}$/)
  expect(outcome.expectedChecksum).toBe(outcome.checksum)
  expect(outcome.applicationWrites).toBeGreaterThan(0)
  for (const ms of Object.values(outcome.durations)) expect(ms).toBeGreaterThan(0)
}

test(
  'sqlite/typeorm only: the example migrates all its cities, although a worker is killed half way, and proves it',
  async () => {
    expectProven(await runExample('example', '--json'), 'sqlite', 171_075)
  },
  storyTimeoutMs,
)

typeormTestOn(
  ['postgres', 'mariadb'],
  'the example runs on a server of the reader and leaves nothing behind',
  async (database) => {
    const url = database.url.replace('mysql://', 'mariadb://')
    const ended = await runExample('example', '--json', '--cities', '20000', '--database', url)
    expectProven(ended, database.name, 20_000)
    expect(await databasesOfExamples(database)).toEqual([])
  },
  storyTimeoutMs,
)

testPrisma(
  ['sqlite', 'postgres', 'mariadb'],
  'the example for Prisma proves the same by the same document, and leaves nothing behind',
  async (database) => {
    const url = database.name === 'sqlite' ? 'sqlite' : database.url.replace('mysql://', 'mariadb://')
    const ended = await runExample('example:prisma', '--json', '--cities', '20000', '--database', url)
    expectProven(ended, database.name, 20_000)
    if (database.name !== 'sqlite') expect(await databasesOfExamples(database)).toEqual([])
  },
  storyTimeoutMs,
)

async function databasesOfExamples(database: TestDatabase): Promise<string[]> {
  const dataSource = await database.connect()
  const all = database.name === 'postgres' ? 'SELECT datname AS name FROM pg_database' : 'SHOW DATABASES'
  const rows: object[] = await dataSource.query(all)
  return rows.map((row) => String(Object.values(row)[0])).filter((name) => name.startsWith('rowshift_example_'))
}
