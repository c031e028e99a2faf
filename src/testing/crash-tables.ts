import { createHash } from 'node:crypto'
import type { Database, Session } from '../adapters/database.js'
import { reading, type Scope } from '../backfill/connection/transaction.js'
import { writeKey } from '../backfill/pages/cursor.js'
import { readLastKey, readPage } from '../backfill/pages/keyset-reader.js'
import type { PreparedChange } from '../backfill/prepare/prepare-backfill.js'
import type { Key, TablePlan } from '../dialects/dialect.js'
import { type ColumnInfo, type TableInfo, tableText } from '../dialects/table.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import type { CrashFacts, RowContents, TableContents, TableFacts } from './crash-calls.js'

/* The tables that a crash test compares: the one that is read, and those whose rows are created, moved to, or made to refer to others. */

/** Rows a statement reads of a table. */
const rowsPerPage = 5_000

interface ComparedTable {
  readonly info: TableInfo
  readonly columns: readonly ColumnInfo[]
  /** Those that tell a row where its key is generated; undefined = its key does. */
  readonly identity: readonly ColumnInfo[] | undefined
  readonly isCreated: boolean
  readonly isMovedTo: boolean
  /** Columns that are made to refer to other rows. */
  readonly repointed: readonly ColumnInfo[]
}

/** @throws RowshiftError CRASH_TEST_UNUSABLE for a counter that cannot count */
export function factsOf(database: Database, prepared: PreparedChange, counter: string | undefined): CrashFacts {
  const { definition, work } = prepared
  const written =
    definition.work.form === 'sql' && work.form === 'sql'
      ? new Map([...definition.work.set.keys()].map((property, i) => [property, work.action.written[i]!.name]))
      : new Map(work.form === 'transform' ? work.write.map((bound) => [bound.property, bound.column.name]) : [])
  const tables = comparedTables(prepared)
  const creates = tables.some(({ isCreated }) => isCreated)
  const unusable = (message: string) =>
    new RowshiftError('CRASH_TEST_UNUSABLE', { message, details: { backfill: definition.name, column: counter } })
  if (counter !== undefined && creates) {
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
    ({ info, columns, isCreated, isMovedTo, repointed }): TableFacts => ({
      table: tableText(info.table),
      columns: columns.map(({ name }) => name),
      written: [...(isCreated === creates && !isMovedTo ? written.values() : []), ...repointed.map(({ name }) => name)],
      counter: counter === undefined ? undefined : written.get(counter),
      isCreated,
    }),
  )
  return { tables: facts, locksWholeDatabase: database.dialect.locksWholeDatabase }
}

function comparedTables({ info, work }: PreparedChange): readonly ComparedTable[] {
  const byKey = (of: TableInfo, role: Partial<ComparedTable> = {}): ComparedTable => ({
    info: of,
    columns: [...of.columns.values()],
    identity: undefined,
    isCreated: false,
    isMovedTo: false,
    repointed: [],
    ...role,
  })
  if (work.form === 'sql') {
    const { archive, duplicates } = work.action
    if (archive) return [byKey(info), byKey(archive.info, { isMovedTo: true })]
    const references = duplicates?.references ?? []
    const tables = new Map(
      [info, ...references.map((reference) => reference.info)].map((of) => [tableText(of.table), of]),
    )
    return [...tables].map(([name, of]) => {
      const to = references.filter((reference) => tableText(reference.info.table) === name)
      return byKey(of, { repointed: to.flatMap(({ columns }) => columns) })
    })
  }
  const into = work.destination.info
  if (into === info) return [byKey(info)]
  const created = byKey(into, { isCreated: true })
  const written = work.write.map(({ column }) => column.name)
  if (into.key.every(({ name }) => written.includes(name))) return [byKey(info), created]
  // Which number a row is given is a matter of who is first.
  const columns = created.columns.filter(({ name }) => !into.key.some((key) => key.name === name))
  const identity = columns.filter(({ name }) => written.includes(name))
  return [byKey(info), { ...created, columns, identity }]
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
