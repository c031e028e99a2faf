import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { convertFile, readRecords } from '../../src/files/index.js'
import { type ConvertReport, defineVersions, type RecordFailure } from '../../src/index.js'
import { listOf, UserV2, user } from './users.js'

/* What the page on batches of pyrmute shows (parity rows P1 to P8), in the words of this package. Its parallel examples are in
   reference-parallel.test.ts. */

const versions = { from: '1.0.0', to: '2.0.0' } as const
const people = [{ name: 'Alice Smith' }, { name: 'Bob Jones' }, { name: 'Carol White' }]
const firstNames = ['Alice', 'Bob', 'Carol']

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rowshift-reference-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('basic batch', () => {
  const users: UserV2[] = user.convertAll(people, versions)
  expect(users.map(({ firstName }) => firstName)).toEqual(firstNames)
})

test('return types: validated, typed, raw', () => {
  expect(user.convertAll(people, versions)[0]).toBeInstanceOf(UserV2)
  expect(user.convertAll(people, { ...versions, as: 'instance' })[0]).toBeInstanceOf(UserV2)
  expect(user.convertAll(people, { ...versions, as: 'plain' })[0]).toEqual({ firstName: 'Alice', lastName: 'Smith' })
})

test('streaming a large set, in the three return types', async () => {
  function* table() {
    for (let i = 0; i < 2500; i++) yield { name: `User ${i}` }
  }
  let seen = 0
  for await (const { firstName } of user.convertStream(table(), versions)) {
    expect(firstName).toBe('User')
    seen++
  }
  expect(seen).toBe(2500)
  const [instance] = await listOf(user.convertStream(people, { ...versions, as: 'instance' }))
  const [plain] = await listOf(user.convertStream(people, { ...versions, as: 'plain' }))
  expect(instance).toBeInstanceOf(UserV2)
  expect(plain).toEqual({ firstName: 'Alice', lastName: 'Smith' })
})

const oneBad = [{ name: 'Alice Smith' }, { name: '' }, { name: 'Bob Jones' }]

test('errors: fail fast, or sort the good from the bad', () => {
  expect(() => user.convertAll(oneBad, versions)).toThrow('record 1: versions "User": a record from 1.0.0 is not valid')
  const { records, failures } = user.convertAll(oneBad, { ...versions, onError: 'collect' })
  expect(records).toHaveLength(2)
  expect(failures.map(({ index, record }) => ({ index, record }))).toEqual([{ index: 1, record: { name: '' } }])
})

test('retry is an option', async () => {
  let calls = 0
  const flaky = defineVersions('User')
    .version('1.0.0', { name: 'text' })
    .version(
      '2.0.0',
      { firstName: 'text' },
      {
        upgrade({ name }) {
          if (++calls % 3 !== 0) throw new Error('not now')
          return { firstName: name.split(' ')[0]! }
        },
      },
    )
  const stream = flaky.convertStream(people, { ...versions, retry: { attempts: 3, delayMs: 1 } })
  expect((await listOf(stream)).map(({ firstName }) => firstName)).toEqual(firstNames)
  expect(calls).toBe(9)
})

test('a table of a database', async () => {
  const database = new Database(':memory:')
  onTestFinished(() => void database.close())
  database.exec(`CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, first_name TEXT, last_name TEXT)`)
  for (const { name } of people) database.prepare('INSERT INTO users (name) VALUES (?)').run(name)
  const rows = database.prepare('SELECT id, name FROM users ORDER BY id').all() as { id: number; name: string }[]
  const write = database.prepare('UPDATE users SET first_name = ?, last_name = ? WHERE id = ?')
  let at = 0
  for await (const { firstName, lastName } of user.convertStream(rows, versions))
    write.run(firstName, lastName, rows[at++]!.id)
  expect(database.prepare('SELECT first_name FROM users ORDER BY id').pluck().all()).toEqual(firstNames)
})

test('a folder of JSON files, of lists and of single records', async () => {
  const folder = temporaryFolder()
  for (const name of ['v1', 'v2']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'v1/list.json'), JSON.stringify(people))
  writeFileSync(join(folder, 'v1/one.json'), JSON.stringify(people[0]))
  for (const file of readdirSync(join(folder, 'v1')))
    await convertFile(user, { input: join(folder, 'v1', file), output: join(folder, 'v2', file), ...versions })
  expect(JSON.parse(readFileSync(join(folder, 'v2/list.json'), 'utf8'))).toHaveLength(3)
  expect(JSON.parse(readFileSync(join(folder, 'v2/one.json'), 'utf8'))).toEqual([
    { firstName: 'Alice', lastName: 'Smith' },
  ])
})

test('a large file of lines, one record in memory at a time', async () => {
  const input = join(temporaryFolder(), 'large.jsonl')
  writeFileSync(input, people.map((person) => `${JSON.stringify(person)}\n`).join(''))
  const source = readRecords(input) as AsyncIterable<{ name: string }>
  expect((await listOf(user.convertStream(source, versions))).map(({ firstName }) => firstName)).toEqual(firstNames)
})

test('a CSV file', async () => {
  const folder = temporaryFolder()
  const [input, output] = [join(folder, 'users_v1.csv'), join(folder, 'users_v2.csv')]
  writeFileSync(input, 'name\nAlice Smith\nBob Jones\n')
  await convertFile(user, { input, output, ...versions })
  expect(readFileSync(output, 'utf8')).toBe('firstName,lastName\nAlice,Smith\nBob,Jones\n')
})

test('progress and metrics', () => {
  const reports: ConvertReport[] = []
  const logged: RecordFailure[] = []
  user.convertAll(oneBad, {
    ...versions,
    onError: 'skip',
    hooks: {
      progress: (report) => reports.push(report),
      progressEvery: 1,
      failed: (failure) => logged.push(failure),
    },
  })
  expect(reports.map(({ records }) => records)).toEqual([1, 2, 3, 3])
  expect(reports.at(-1)).toMatchObject({ converted: 2, failed: 1, isDone: true })
  expect(reports.at(-1)!.seconds).toBeGreaterThan(0)
  expect(logged).toHaveLength(1)
})

test('progress of a stream, of a known total', async () => {
  const percents: number[] = []
  const progress = ({ records }: ConvertReport) => percents.push(Math.round((100 * records) / people.length))
  await listOf(user.convertStream(people, { ...versions, hooks: { progress, progressEvery: 1 } }))
  expect(percents).toEqual([33, 67, 100, 100])
})
