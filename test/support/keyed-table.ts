import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { type Backfill, defineBackfill, sql } from '../../src/index.js'
import { runBackfill } from './backfills.js'
import type { DatabaseName } from './databases.js'

/** A few pages for a dozen rows. */
const batchRows = 5

/** Runs a definition to its end, interrupted after each batch, each time on the next of the data sources. */
async function runInPieces(dataSources: readonly DataSource[], backfill: Backfill) {
  for (let pieces = 1; ; pieces++) {
    const stop = new AbortController()
    const dataSource = dataSources[pieces % dataSources.length]!
    const result = await runBackfill(dataSource, backfill, { stop: stop.signal, onProgress: () => stop.abort() })
    if (result.status !== 'unfinished') return { result, pieces }
    expect(result.reason).toBe('interrupted')
    expect(pieces).toBeLessThan(50)
  }
}

/** A name in SQL. */
export const quote = (database: DatabaseName, name: string): string =>
  database === 'mariadb' ? `\`${name.replaceAll('`', '``')}\`` : `"${name.replaceAll('"', '""')}"`

/** The names of a table that `createRows` makes. */
export interface Table {
  /** As definitions name it. */
  readonly name: string
  /** As SQL names it. */
  readonly quoted: string
  /** Columns. */
  readonly source: string
  readonly target: string
  readonly passes: string
}

export const plain = (name: string): Table => ({
  name,
  quoted: name,
  source: 'source',
  target: 'target',
  passes: 'passes',
})

const nameOf = ({ options }: DataSource): DatabaseName =>
  options.type === 'better-sqlite3' ? 'sqlite' : (options.type as DatabaseName)

/** What a table is keyed by. */
export interface Keyed {
  /** The key's columns and constraint, as in `create table`. */
  readonly key: string
  /** What follows the table's columns. */
  readonly end?: string
  /** Key values as they stand in VALUES, not in key order. */
  readonly rows: readonly string[]
}

/** Creates a table with a row for each key: source 1, target NULL, passes 0. */
export async function createRows(dataSource: DataSource, table: Table, { key, rows, end = '' }: Keyed): Promise<void> {
  const [columns = '', constraint = ''] = key.split(', primary key')
  const own = [table.source, table.target, table.passes].map((column) => `${quote(nameOf(dataSource), column)} int`)
  await dataSource.query(
    `create table ${table.quoted} (${columns}, ${own.join(', ')}${constraint && `, primary key${constraint}`})${end}`,
  )
  await dataSource.query(`insert into ${table.quoted} values ${rows.map((row) => `(${row}, 1, null, 0)`).join(', ')}`)
}

/**
 * Runs three backfills over the table and requires that each row is met exactly once: interrupted after every batch, so that each
 * page starts from a stored cursor; by ranges of the key; and with every row changed meanwhile, so that each is found by its key.
 */
export async function requireEachRowOnce(
  dataSource: DataSource,
  table: Table,
  rows: number,
  others: readonly DataSource[] = [],
): Promise<void> {
  const stored = async (): Promise<unknown[]> =>
    (await dataSource.query(`select ${own.join()} from ${table.quoted}`)).map((row: object) =>
      Object.values(row).join(),
    )
  const own = [table.source, table.target, table.passes].map((column) => quote(nameOf(dataSource), column))

  const calls = new Map<string, number>()
  const read = await runInPieces(
    [dataSource, ...others],
    defineBackfill({
      name: `${table.name}.read`,
      table: table.name,
      select: { [table.source]: 'integer' },
      write: { [table.target]: 'integer' },
      batchRows,
      transform(_row, { key }) {
        const count = (calls.get(key.join('\n')) ?? 0) + 1
        calls.set(key.join('\n'), count)
        return { [table.target]: count }
      },
    }),
  )
  expect(read.result).toMatchObject({ status: 'completed', counts: { scanned: rows, written: rows, conflicts: 0 } })
  expect(read.pieces).toBeGreaterThanOrEqual(rows / batchRows)
  expect(calls.size).toBe(rows)
  expect(await stored()).toEqual(Array(rows).fill('1,1,0'))

  const ranged = await runBackfill(
    dataSource,
    defineBackfill.sql({
      name: `${table.name}.ranged`,
      table: table.name,
      set: { [table.passes]: sql`${sql.id(table.passes)} + 1` },
      batchRows,
    }),
  )
  expect(ranged).toMatchObject({ status: 'completed', counts: { scanned: rows, written: rows } })
  expect(await stored()).toEqual(Array(rows).fill('1,1,1'))

  let isChanged = false
  const conflicted = await runBackfill(
    dataSource,
    defineBackfill({
      name: `${table.name}.conflicted`,
      table: table.name,
      select: { [table.source]: 'integer' },
      write: { [table.passes]: 'integer' },
      where: { [table.passes]: 1 },
      async transform(row) {
        if (!isChanged) {
          isChanged = true
          await dataSource.query(`update ${table.quoted} set ${own[0]} = 2`)
        }
        return { [table.passes]: row[table.source]! * 10 }
      },
    }),
  )
  expect(conflicted).toMatchObject({ status: 'completed', counts: { written: rows, conflicts: rows, failures: 0 } })
  expect(await stored()).toEqual(Array(rows).fill('2,1,20'))
}
