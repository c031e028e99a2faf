import type { Session } from '../../adapters/database.js'
import type { Duplicates } from '../../backfill/batch/duplicates.js'
import { reading, type Scope } from '../../backfill/connection/transaction.js'
import { writeKey } from '../../backfill/pages/cursor.js'
import { readLastKey } from '../../backfill/pages/keyset-reader.js'
import type { Dialect, Key, TablePlan } from '../../dialects/dialect.js'
import type { QueryResult, Script } from '../../dialects/script.js'
import type { Statement } from '../../dialects/sql.js'
import { tableText } from '../../dialects/table.js'

/** Rows that are the same: by their keys, never by what is in them. */
export interface PlannedDuplicates {
  /** Groups of more than one row, and rows of them that would not survive. */
  readonly groups: number
  readonly others: number
  /** False: only the first 100,000 keys were looked at, and there may be more. */
  readonly isWhole: boolean
  /** The first 20 groups that were met, and the rows of each that were met. */
  readonly first: readonly { readonly survivor: Key; readonly others: readonly Key[] }[]
  /** Rows that would refer to a survivor. */
  readonly repoint: readonly { readonly table: string; readonly columns: readonly string[]; readonly rows: number }[]
}

/** Keys that a statement looks at, and all of them. */
const keysPerPage = 5_000
const mostKeys = 100_000

const groupsShown = 20

export async function planDuplicates(
  dialect: Dialect,
  session: Session,
  scope: Scope,
  plan: TablePlan,
  duplicates: Duplicates,
): Promise<PlannedDuplicates> {
  const read = <T>(script: Script<T>) => session.run(reading(dialect, scope, script))
  const survivors = new Set<string>()
  const first = new Map<string, { readonly survivor: Key; readonly others: Key[] }>()
  const repoint = duplicates.references.map(({ info, columns }) => ({
    table: tableText(info.table),
    columns: columns.map(({ name }) => name),
    rows: 0,
  }))
  const upTo = await read(readLastKey(dialect, plan, 'plain'))
  let [looked, others] = [0, 0]
  let after: Key | undefined
  let isWhole = upTo === undefined
  while (upTo && !isWhole && looked < mostKeys) {
    const range = { after, upTo, limit: keysPerPage }
    const [end] = (await read(once(dialect.pageEnd(plan.info, range)))).rows
    if (!end) break
    const last = end.slice(0, plan.info.key.length).map(String)
    const pairs = await read(duplicates.pairs(dialect, plan, { after, upTo: last }))
    for (const { other, survivor } of pairs) {
      const id = writeKey(survivor)
      survivors.add(id)
      if (!first.has(id) && first.size < groupsShown) first.set(id, { survivor, others: [] })
      first.get(id)?.others.push(other)
    }
    for (const [i, { info, columns, referenced }] of duplicates.references.entries()) {
      const values = pairs.map((pair) => referenced.map((column) => pair.values.get(column)![0]))
      const present = values.filter((row): row is string[] => row.every((value) => value !== null))
      if (present.length > 0) repoint[i]!.rows += await read(dialect.countReferring(info, columns, present))
    }
    others += pairs.length
    looked += Number(end.at(-1))
    isWhole = Number(end.at(-1)) < keysPerPage
    after = last
  }
  return { groups: survivors.size, others, isWhole, first: [...first.values()], repoint }
}

function* once(statement: Statement): Script<QueryResult> {
  return yield statement
}
