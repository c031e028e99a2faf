import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import { ownTransactions, reading } from '../../src/backfill/connection/transaction.js'
import type { Dialect, Key, TablePlan } from '../../src/dialects/dialect.js'
import type { Script } from '../../src/dialects/script.js'
import { type Statement, sql } from '../../src/dialects/sql.js'
import type { TableInfo } from '../../src/dialects/table.js'
import { portTo } from '../support/backfills.js'
import { contractTestOn } from '../support/databases.js'

/* How PostgreSQL carries out the statements of a batch: each finds its rows by the key's index, whatever it believes of the table. */

const most = 20_000

const rowsFrom = (from: number, to: number) =>
  `insert into city select i, 'City ' || i, null from generate_series(${from}, ${to}) as i`

/** What the planner may believe. */
const tables: Readonly<Record<string, readonly string[]>> = {
  'of which nothing is known': [rowsFrom(1, most)],
  'that was small': [rowsFrom(1, 5), 'analyze city', rowsFrom(6, most)],
  'that is known': [rowsFrom(1, most), 'analyze city'],
}

const first = (script: Script<unknown>): Statement => script.next().value as Statement

function statementsOf(dialect: Dialect, info: TableInfo, plan: TablePlan): Readonly<Record<string, Statement>> {
  const written = [info.columns.get('slug')!]
  const keys: readonly Key[] = Array.from({ length: 2_000 }, (_, i) => [String(9_000 + i)])
  const rows = keys.map((key) => [...key, 'City', null, 'city'])
  const page = { after: ['9000'], upTo: ['12000'], limit: 2_000 }
  const values = { values: [], isLocked: true }
  const images = keys.map((key) => [...key, '[]', '[]'])
  // Not a table of the state: only how the rows are found is looked at.
  const journal = { table: sql.id('journal'), runId: 1 }
  return {
    'a page': dialect.readPage(plan, page, 'plain'),
    'the end of a page': dialect.pageEnd(info, page),
    'the end of a full page': first(dialect.stepToPageEnd(info, page)),
    'a look': first(dialect.lookAtPage(plan, page)),
    'rows by key': dialect.readKeys(plan, keys, 'plain'),
    'rows by key, locked': dialect.readKeys({ ...plan, where: undefined }, keys, 'current'),
    'guarded rows': first(dialect.lockGuarded(plan, rows)),
    'an update': first(dialect.updateRows(plan, written, rows)),
    'an update of a range': first(dialect.updateRange(plan, [[written[0]!, sql`lower(name)`]], page)),
    'matching rows of a range': first(dialect.matchingRows(plan, page, values)),
    'matching rows by key': first(dialect.matchingRows(plan, keys, values)),
    'a removal': first(dialect.deleteRows(info, keys)),
    'a copy': first(dialect.copyRows(info, written, keys, info)),
    images: first(dialect.noteImages(info, written, images, journal)),
    'removed rows': first(dialect.noteRemoved(info, written, keys, journal)),
  }
}

async function explainAll(dataSource: DataSource) {
  const { dialect, connect } = portTo(dataSource)
  const session = await connect()
  const scope = ownTransactions(dialect, batchLimits)
  const read = <T>(script: Script<T>) => session.run(reading(dialect, scope, script))
  try {
    const info = await read(dialect.introspect({ schema: undefined, name: 'city' }))
    const columns = ['name', 'slug'].map((name) => info.columns.get(name)!)
    const plan: TablePlan = { info, read: columns, where: sql`slug is null`, endsWithWrite: true }
    const found: (readonly [what: string, scans: readonly string[]])[] = []
    for (const [what, statement] of Object.entries(statementsOf(dialect, info, plan))) {
      const { lines } = await read(dialect.explain(info, statement))
      found.push([what, lines.filter((line) => / on city\b/.test(line) && /Scan/.test(line))])
    }
    return found
  } finally {
    await session.release()
  }
}

for (const [known, statements] of Object.entries(tables)) {
  contractTestOn(['postgres'], `finds rows by the index of the key, in a table ${known}`, async (database) => {
    const dataSource = await database.connect()
    await dataSource.query(
      'create table city (id bigint not null primary key, name varchar(100) not null, slug varchar(100)) with (autovacuum_enabled = false)',
    )
    await dataSource.query('create index city_slug on city (slug)')
    await dataSource.query(
      'create table journal (run_id bigint, table_name text, row_key text, written text, before_image text, after_image text)',
    )
    for (const statement of statements) await dataSource.query(statement)
    for (const [what, scans] of await explainAll(dataSource)) {
      expect(scans, what).toEqual([expect.stringMatching(/Index (Only )?Scan using city_pkey on city .*id/)])
    }
  })
}
