import { join } from 'node:path'
import type { DataSource } from 'typeorm'
import { expect, onTestFinished } from 'vitest'
import { loadModule } from '../../../src/adapters/load-module.js'
import { bySql } from '../by-sql.js'
import { CliProject, configTextFor, dataSourceText } from '../cli-project.js'
import { forgetModules, runRowshift } from '../rowshift-command.js'
import type { DatabaseName, TestDatabase } from '../test-database.js'
import { runTypeorm } from '../typeorm-command.js'
import type { CommandLine, Page, Rows, Step } from './page.js'

/** Carries a page out, on an empty database and in the folder of an application as the index describes it. */
export async function carryOut(page: Page, database: TestDatabase): Promise<void> {
  const dataSource = await database.connect()
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database).replace("'backfills/", "'src/backfills/"),
    'src/data-source.ts': withGlobs(dataSourceText(database)),
  })
  process.env.DATABASE_URL = database.url
  const before: Rows[] = []
  for (const step of page.steps(database.name)) {
    switch (step.kind) {
      case 'sql':
        await dropAfterwards(dataSource, database.name, step.text)
        await dataSource.query(
          inSpellingOf(database.name, step.text).replace(/(?<=^attach database ')/, `${project.folder}/`),
        )
        break
      case 'before':
        before.push(step.rows)
        await insert(dataSource, step.rows)
        break
      case 'file':
        await project.write({ [step.path]: step.text })
        break
      case 'command':
        await runCommand(project.folder, step.command)
        break
      case 'after':
        await expectRows(dataSource, step.rows)
        break
      case 'undone':
        for (const rows of before) await expectRows(dataSource, rows)
        break
    }
  }
}

/** On MariaDB a schema is a database beside that of the test, which is not dropped with it. */
async function dropAfterwards(dataSource: DataSource, name: DatabaseName, text: string): Promise<void> {
  const [, schema] = /^create schema (\w+)$/.exec(text) ?? []
  if (name !== 'mariadb' || schema === undefined) return
  const drop = () => dataSource.query(`drop database if exists ${schema}`)
  // A test that was killed may have left it.
  await drop()
  onTestFinished(async () => {
    await (dataSource.isInitialized ? drop() : undefined)
  })
}

/** What a page can show nothing by: no rows that it began with or ended with, nothing that was run. */
export function lacking(steps: readonly Step[]): readonly Step['kind'][] {
  return (['before', 'file', 'command', 'after'] as const).filter((kind) => !steps.some((step) => step.kind === kind))
}

const withGlobs = (text: string) =>
  text.replace(
    'new DataSource({',
    "new DataSource({ entities: ['src/entities/*.ts'], migrations: ['src/migrations/*.ts'], ",
  )

/** Pages have the spelling of PostgreSQL. A `serial` key is what each database generates by itself, a `timestamp` has no zone. */
function inSpellingOf(name: DatabaseName, text: string): string {
  const serial = bySql(name, {
    sqlite: 'integer primary key autoincrement',
    postgres: 'serial primary key',
    mariadb: 'integer primary key auto_increment',
  })
  const timestamp = bySql(name, { sqlite: 'datetime', postgres: 'timestamp', mariadb: 'datetime' })
  return text.replaceAll('serial primary key', serial).replaceAll(/\btimestamp\b/g, timestamp)
}

async function insert(dataSource: DataSource, { table, columns, cells }: Rows): Promise<void> {
  const names = columns.map((column) => dataSource.driver.escape(column)).join(', ')
  const isNumbered = dataSource.options.type === 'postgres'
  const marks = columns.map((_, i) => (isNumbered ? `$${i + 1}` : '?')).join(', ')
  const isFlag = (cell: string | null) => cell === 'true' || cell === 'false'
  for (const row of cells) {
    // A text is stored as the column's type by every database, but `true` by PostgreSQL alone.
    const values = row.map((cell) => (isFlag(cell) ? Number(cell === 'true') : cell))
    await dataSource.query(`insert into ${quoted(dataSource, table)} (${names}) values (${marks})`, values)
  }
}

/** A name with its schema, or without one. */
const quoted = ({ driver }: DataSource, table: string) =>
  table
    .split('.')
    .map((part) => driver.escape(part))
    .join('.')

async function expectRows(dataSource: DataSource, { table, columns, cells }: Rows): Promise<void> {
  const names = columns.map((column) => dataSource.driver.escape(column)).join(', ')
  const found: Record<string, unknown>[] = await dataSource.query(`select ${names} from ${quoted(dataSource, table)}`)
  const expected = cells.map((row) => row.map(canonical))
  const actual = found.map((row) => columns.map((column) => textOf(row[column])))
  const isShortened = (text: string | null) => text?.endsWith('…') === true
  const matching = sorted(expected).map((row) =>
    row.map((text) => (isShortened(text) ? expect.stringContaining(text!.slice(0, -1)) : text)),
  )
  expect(sorted(actual), `rows of ${table}`).toEqual(matching)
}

const sorted = (rows: readonly (readonly (string | null)[])[]) =>
  [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))

/** A value as drivers give it, as a page shows it: numbers and flags by their value, times without a zone, JSON by what it says. */
function textOf(value: unknown): string | null {
  if (value === null) return null
  if (value instanceof Date) return canonical(localText(value))
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
  if (typeof value === 'object') return canonical(JSON.stringify(value))
  return canonical(String(value))
}

function canonical(text: string | null): string | null {
  if (text === null) return null
  if (text === 'true' || text === 'false') return text === 'true' ? '1' : '0'
  const [, day, time] = /^(\d{4}-\d\d-\d\d)( \d\d:\d\d:\d\d)(?:\.000)?$/.exec(text) ?? []
  if (day !== undefined) return time === ' 00:00:00' ? day : `${day}${time}`
  return /^(\{|\[[\]\d{"])/.test(text) ? JSON.stringify(JSON.parse(text), sortedKeys) : text
}

const sortedKeys = (_key: string, value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value

/** Drivers take a time without a zone for one of here. */
function localText(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

async function runCommand(folder: string, { env, words, exitCode, prints }: CommandLine): Promise<void> {
  const [npx, program, ...args] = words
  expect(npx).toBe('npx')
  const overwritten = Object.fromEntries(Object.keys(env).map((name) => [name, process.env[name]]))
  Object.assign(process.env, env)
  onTestFinished(() => {
    for (const [name, value] of Object.entries(overwritten))
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
  })
  const { code, out } = await (program === 'typeorm' ? typeorm(folder, args) : rowshift(folder, args))
  expect(code, `${words.join(' ')}\n${out}`).toBe(exitCode)
  for (const line of prints) expect(out).toMatch(patternOf(line))
}

async function typeorm(folder: string, args: readonly string[]): Promise<{ code: number; out: string }> {
  forgetModules(folder)
  // Lets this process load TypeScript, as a command would be told to.
  await loadModule(join(folder, 'src/data-source.ts'))
  return runTypeorm(folder, args)
}

async function rowshift(folder: string, args: readonly string[]): Promise<{ code: number; out: string }> {
  const { code, out, err } = await runRowshift(folder, args)
  return { code, out: out + err }
}

/** `completed: … rows written` as a pattern, whatever blanks there are. */
function patternOf(line: string): RegExp {
  const parts = line.split('…').map((part) =>
    part
      .trim()
      .split(/\s+/)
      .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('\\s+'),
  )
  return new RegExp(parts.join('.*'))
}
