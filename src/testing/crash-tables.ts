import { createHash } from 'node:crypto'
import type { Database, Session } from '../adapters/database.js'
import { reading, type Scope } from '../backfill/connection/transaction.js'
import { writeKey } from '../backfill/pages/cursor.js'
import { readLastKey, readPage } from '../backfill/pages/keyset-reader.js'
import type { PreparedChange } from '../backfill/prepare-backfill.js'
import type { Key, TablePlan } from '../dialects/dialect.js'
import { type ColumnInfo, type TableInfo, tableText } from '../dialects/table.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import type { CrashFacts, RowContents, TableContents, TableFacts } from './crash-calls.js'

/* The tables that a crash test compares: the one that is read, and the one whose rows are created. */

/** Rows a statement reads of a table. */
const rowsPerPage = 5_000

interface ComparedTable {
  readonly info: TableInfo
  readonly columns: readonly ColumnInfo[]
  /** Those that tell a row where its key is generated; undefined = its key does. */
  readonly identity: readonly ColumnInfo[] | undefined
}

/** @throws RowshiftError CRASH_TEST_UNUSABLE for a counter that cannot count */
export function factsOf(database: Database, prepared: PreparedChange, counter: string | undefined): CrashFacts {
  const { definition, work } = prepared
  const written =
    definition.work.form === 'sql' && work.form === 'sql'
      ? new Map([...definition.work.set.keys()].map((property, i) => [property, work.set[i]![0].name]))
      : new Map(work.form === 'transform' ? work.write.map((bound) => [bound.property, bound.column.name]) : [])
  const tables = comparedTables(prepared)
  const isCreated = tables.length > 1
  const unusable = (message: string) =>
    new RowshiftError('CRASH_TEST_UNUSABLE', { message, details: { backfill: definition.name, column: counter } })
  if (counter !== undefined && isCreated) {
    throw unusable(
      `\`counter\` names "${counter}", and backfill "${definition.name}" creates rows: those that are created twice are counted without it.`,
    )
  }
  if (counter !== undefined && !written.has(counter)) {
    throw unusable(
      `\`counter\` names "${counter}", which backfill "${definition.name}" does not write. It writes: ${[...written.keys()].join(', ')}.`,
    )
  }
  const facts = tables.map(
    ({ info, columns }, i): TableFacts => ({
      table: tableText(info.table),
      columns: columns.map(({ name }) => name),
      written: i === tables.length - 1 ? [...written.values()] : [],
      counter: counter === undefined ? undefined : written.get(counter),
      isCreated: i > 0,
    }),
  )
  return { tables: facts, locksWholeDatabase: database.dialect.locksWholeDatabase }
}

function comparedTables({ info, work }: PreparedChange): readonly ComparedTable[] {
  const source = { info, columns: [...info.columns.values()], identity: undefined }
  if (work.form !== 'transform' || work.destination.info === info) return [source]
  const into = work.destination.info
  const written = work.write.map(({ column }) => column.name)
  if (into.key.every(({ name }) => written.includes(name))) {
    return [source, { info: into, columns: [...into.columns.values()], identity: undefined }]
  }
  // Which number a row is given is a matter of who is first.
  const isKey = ({ name }: ColumnInfo) => into.key.some((key) => key.name === name)
  const columns = [...into.columns.values()].filter((column) => !isKey(column))
  return [source, { info: into, columns, identity: columns.filter(({ name }) => written.includes(name)) }]
}

/** All rows, whether they match `where` or not. */
export async function readContents(
  database: Database,
  session: Session,
  scope: Scope,
  prepared: PreparedChange,
): Promise<readonly TableContents[]> {
  const contents: TableContents[] = []
  for (const table of comparedTables(prepared)) contents.push(await readTable(database, session, scope, table))
  return contents
}

async function readTable(
  { dialect }: Database,
  session: Session,
  scope: Scope,
  { info, columns, identity }: ComparedTable,
): Promise<TableContents> {
  const plan: TablePlan = { info, read: columns, where: undefined, endsWithWrite: false }
  const contents: RowContents[] = []
  const seen = new Map<string, number>()
  const identify = (key: string, texts: readonly (string | null)[]): string => {
    if (!identity) return key
    const told = JSON.stringify(identity.map((column) => texts[columns.indexOf(column)]))
    const hash = createHash('sha256').update(told).digest('hex')
    const copy = (seen.get(hash) ?? 0) + 1
    seen.set(hash, copy)
    return copy === 1 ? hash : `${hash} again ${copy}`
  }
  const upTo = await session.run(reading(dialect, scope, readLastKey(dialect, plan, 'plain')))
  for (let after: Key | undefined; upTo; ) {
    const range = { after, upTo, limit: rowsPerPage }
    const page = await session.run(reading(dialect, scope, readPage(dialect, plan, range, 'plain')))
    for (const { key, tokens } of page.rows) {
      const text = writeKey(key)
      contents.push({ id: identify(text, tokens), key: text, texts: tokens })
    }
    if (page.isLast) break
    after = page.last
  }
  return contents
}
