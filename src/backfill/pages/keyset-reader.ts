import type { Dialect, Key, PageRange, ReadMode, TablePlan } from '../../dialects/dialect.js'
import type { Cell, Script } from '../../dialects/script.js'

/** A row as read: its key, and a token (exact text or null) for each column of `plan.read`. */
export interface PageRow {
  readonly key: Key
  readonly tokens: readonly (string | null)[]
}

/** The keys after a cursor, and the rows among them that are still to be migrated. */
export interface Page {
  readonly rows: readonly PageRow[]
  /** Keys looked at, in order. */
  readonly keys: readonly Key[]
  /** Where the next page begins; undefined = nothing was left. */
  readonly last: Key | undefined
  /** True when no key of the range is left after this page. */
  readonly isLast: boolean
}

export function* readPage(dialect: Dialect, plan: TablePlan, range: PageRange, mode: ReadMode): Script<Page> {
  const { rows } = yield dialect.readPage(plan, range, mode)
  const keys = plan.info.key.length
  const looked = rows.map((row) => keyOf(row, keys))
  return {
    rows: matching(rows, keys),
    keys: looked,
    last: looked.at(-1),
    isLast: rows.length < range.limit,
  }
}

/** Rows named by key, as they are now. Keys that are gone are in neither list. */
export interface RereadRows {
  readonly matching: readonly PageRow[]
  readonly others: readonly Key[]
}

export function* rereadRows(
  dialect: Dialect,
  plan: TablePlan,
  keys: readonly Key[],
  mode: ReadMode,
): Script<RereadRows> {
  const { rows } = yield dialect.readKeys(plan, keys, mode)
  const width = plan.info.key.length
  return {
    matching: matching(rows, width),
    others: rows.filter((row) => Number(row[width]) !== 1).map((row) => keyOf(row, width)),
  }
}

function matching(rows: readonly (readonly Cell[])[], keys: number): PageRow[] {
  const found: PageRow[] = []
  for (const row of rows) {
    if (Number(row[keys]) !== 1) continue
    found.push({ key: keyOf(row, keys), tokens: row.slice(keys + 1) as (string | null)[] })
  }
  return found
}

function keyOf(row: readonly Cell[], keys: number): Key {
  const key: string[] = []
  for (let i = 0; i < keys; i++) key.push(String(row[i]))
  return key
}

/** The largest key of the table: the bound of a pass. undefined = the table is empty. */
export function* readLastKey(dialect: Dialect, plan: TablePlan, mode: ReadMode): Script<Key | undefined> {
  const { rows } = yield dialect.lastKey(plan.info, mode)
  return rows[0] && keyOf(rows[0], plan.info.key.length)
}
