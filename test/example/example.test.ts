import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { testOn } from '../support/databases.js'
import type { TestDatabase } from '../support/test-database.js'

const storyTimeoutMs = 300_000

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

/** Runs the README's first command. */
async function runExample(...args: string[]) {
  const child = spawn('npm', ['run', '--silent', 'example', '--', ...args], { cwd: clone })
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
  'sqlite/typeorm: the example migrates all its cities, although a worker is killed half way, and proves it',
  async () => {
    expectProven(await runExample('--json'), 'sqlite', 171_075)
  },
  storyTimeoutMs,
)

testOn(
  ['postgres', 'mariadb'],
  'the example runs on a server of the reader and leaves nothing behind',
  async (database) => {
    const url = database.url.replace('mysql://', 'mariadb://')
    const run = await runExample('--json', '--cities', '20000', '--database', url)
    expectProven(run, database.name, 20_000)
    expect(await databasesOfExamples(database)).toEqual([])
  },
  storyTimeoutMs,
)

async function databasesOfExamples(database: TestDatabase): Promise<string[]> {
  const dataSource = await database.connect()
  const all = database.name === 'postgres' ? 'SELECT datname AS name FROM pg_database' : 'SHOW DATABASES'
  const rows: object[] = await dataSource.query(all)
  return rows.map((row) => String(Object.values(row)[0])).filter((name) => name.startsWith('rowshift_example_'))
}
