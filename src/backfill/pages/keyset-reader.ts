import type { Dialect, Key, PageRange, ReadMode, TablePlan } from '../../dialects/dialect.js'
import type { Cell, Script } from '../../dialects/script.js'
import { writeKey } from './cursor.js'

/**
 * A row as read: its key, and a token (exact text or null) for each column of `plan.read`. It stays the list of cells that the driver
 * has made, because every object a row costs is one more for the garbage collector to move while its batch is written.
 */
export class PageRow {
  #isGiven = false

  constructor(
    /** The key's texts, the tokens, and the cell that says that the row matches. */
    private readonly cells: (string | null)[],
    private readonly keyWidth: number,
  ) {}

  get key(): Key {
    return keyOf(this.cells, this.keyWidth)
  }

  get tokens(): readonly (string | null)[] {
    return this.cells.slice(this.keyWidth, -1)
  }

  /** The token at a position of `plan.read`; null for a column that was not read. */
  token(position: number): string | null {
    return position < 0 ? null : this.cells[this.keyWidth + position]!
  }

  /** How wide the row is, as read. */
  get characters(): number {
    let sum = 0
    for (let i = this.keyWidth; i < this.cells.length - 1; i++) sum += this.cells[i]?.length ?? 0
    return sum
  }

  /**
   * Key and tokens, what an `UpdateRow` begins with, and then room for `more` texts: the row's own cells the first time where there is just
   * the one to be written, in the place of the cell that nobody asks any more.
   */
  toUpdate(more: number): (string | null)[] {
    const { cells } = this
    if (more === 1 && !this.#isGiven) {
      this.#isGiven = true
      return cells
    }
    // As long as it will be: a list that grows has room for sixteen more, in every row of a page.
    const update = new Array<string | null>(cells.length - 1 + more)
    for (let i = 0; i < cells.length - 1; i++) update[i] = cells[i]!
    return update
  }
}

/** The keys after a cursor, and the rows among them that are still to be migrated. */
export class Page {
  #keys: readonly Key[] | undefined

  constructor(
    /** A row for each key that was looked at, in order; it begins with the key. */
    private readonly looked: readonly (readonly Cell[])[],
    private readonly keyWidth: number,
    readonly rows: readonly PageRow[],
    /** True when no key of the range is left after this page. */
    readonly isLast: boolean,
    /** Keys looked at. */
    readonly count = looked.length,
  ) {}

  /** Of rows as `dialect.readPage` makes them. */
  static of(looked: readonly (readonly Cell[])[], keyWidth: number, isLast: boolean): Page {
    return new Page(looked, keyWidth, matching(looked, keyWidth), isLast)
  }

  /**
   * Keys looked at, in order: made when they are asked for, which is where a page is cut or written in parts. Of a page that was only
   * looked at, and has no rows, the last one alone.
   */
  get keys(): readonly Key[] {
    this.#keys ??= this.looked.map((row) => keyOf(row, this.keyWidth))
    return this.#keys
  }

  /** Where the next page begins; undefined = nothing was left. */
  get last(): Key | undefined {
    const row = this.looked.at(-1)
    return row && keyOf(row, this.keyWidth)
  }

  /** The same page without some of its rows. */
  withRows(rows: readonly PageRow[]): Page {
    return new Page(this.looked, this.keyWidth, rows, this.isLast, this.count)
  }

  /** Its first keys, and those of its rows that are among them. */
  first(count: number, isLast: boolean): Page {
    const looked = this.looked.slice(0, count)
    const kept = new Set(looked.map((row) => writeKey(keyOf(row, this.keyWidth))))
    const rows = this.rows.filter((row) => kept.has(writeKey(row.key)))
    return new Page(looked, this.keyWidth, rows, isLast)
  }
}

export function* readPage(dialect: Dialect, plan: TablePlan, range: PageRange, mode: ReadMode): Script<Page> {
  const { rows } = yield dialect.readPage(plan, range, mode)
  return Page.of(rows, plan.info.key.length, rows.length < range.limit)
}

/** A page none of whose rows matches; undefined = some do, and have to be read. */
export function* lookAtPage(dialect: Dialect, plan: TablePlan, range: PageRange): Script<Page | undefined> {
  const width = plan.info.key.length
  const look = yield* dialect.lookAtPage(plan, range)
  if (!look) return new Page([], width, [], true)
  return look.hasMatch ? undefined : new Page([look.last], width, [], look.count < range.limit, look.count)
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
  const matched = matching(rows, width)
  return {
    matching: matched,
    others: matched.length === rows.length ? [] : rows.filter((row) => !isMatch(row)).map((row) => keyOf(row, width)),
  }
}

/** The last cell says whether a row matches `where`. */
const isMatch = (row: readonly Cell[]): boolean => Number(row[row.length - 1]) === 1

function matching(rows: readonly (readonly Cell[])[], keyWidth: number): PageRow[] {
  const found: PageRow[] = []
  for (const row of rows) if (isMatch(row)) found.push(new PageRow(row as (string | null)[], keyWidth))
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
