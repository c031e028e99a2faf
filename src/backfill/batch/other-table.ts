import type { Key, NewRow, TablePlan } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { type ColumnInfo, keyedBy, type TableInfo } from '../../dialects/table.js'
import type { BoundColumn } from '../binder.js'
import { rereadRows } from '../pages/keyset-reader.js'
import type { ChangeSet } from '../transform/change-set.js'
import type { Destination, WritePlace } from './destination.js'
import { imageOf, noteImages } from './journal.js'

/** What happens to a row whose values in these columns, those of a unique index, are taken. */
export interface OnTaken {
  readonly key: readonly ColumnInfo[]
  readonly do: 'skip' | 'update'
}

/** The set of all rows, since all write the same columns. */
const setName = 'creates'

interface Written {
  readonly written: number
  readonly skipped: number
}

/**
 * Rows of another table are created: in the transaction that locks the rows they are made of, once their guards hold. So what is created
 * is what the rows say at that moment, and it is there if and only if the cursor has passed them.
 */
export function otherTable(info: TableInfo, write: readonly BoundColumn[], onTaken: OnTaken | undefined): Destination {
  const columns = write.map(({ column }) => column)
  const known = new Set(write.map(({ property }) => property))
  const create = onTaken ? createUnlessTaken(info, columns, onTaken) : createAll(info, columns)

  function encoded(entry: unknown): NewRow | string {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
      return 'the transform must return an object of values, a list of them, or undefined'
    const values = entry as Record<string, unknown>
    for (const property in values) if (!known.has(property)) return `"${property}" is not declared in \`write\``
    const texts: (string | null)[] = []
    for (const bound of write) {
      const value = values[bound.property]
      if (value === undefined) return `the transform did not return "${bound.property}"`
      try {
        const text = bound.encode(value)
        if (text === null && !bound.column.isNullable) throw new TypeError('the column is NOT NULL')
        texts.push(text)
      } catch (error) {
        return `"${bound.property}": ${(error as Error).message}`
      }
    }
    return texts
  }

  return {
    info,
    locksFirst: true,
    mayClash: onTaken !== undefined,
    rowsOf: ({ creates = [] }) => creates.reduce((sum, rows) => sum + rows.length, 0),

    take(sets, row, outcome) {
      const entries: readonly unknown[] = Array.isArray(outcome) ? outcome : [outcome]
      const rows: NewRow[] = []
      for (const entry of entries) {
        const found = encoded(entry)
        if (typeof found === 'string') return { fault: found }
        rows.push(found)
      }
      if (rows.length === 0) return 'left'
      let set = sets.get(setName)
      if (!set) {
        set = { columns: [], rows: [], originals: new Map(), creates: [] }
        sets.set(setName, set)
      }
      set.rows.push([...row.key, ...row.tokens])
      set.creates!.push(rows)
      return 'taken'
    },

    journalBytes(_plan, { creates = [] }) {
      let bytes = 0
      for (const row of creates.flat()) for (const text of row) bytes += (text?.length ?? 0) + 3
      return bytes
    },

    *write(place, plan, set) {
      const written = yield* create(place, (set.creates ?? []).flat())
      if (written === 'raced') return { missed: 'unknown', written: 0, skipped: 0, stillMatching: undefined }
      const stillMatching = plan.endsWithWrite ? yield* firstMatching(place, plan, set) : undefined
      return { ...written, missed: [], stillMatching }
    },
  }
}

type Create = (place: WritePlace, rows: readonly NewRow[]) => Script<Written | 'raced'>

const createAll = (info: TableInfo, columns: readonly ColumnInfo[]): Create =>
  function* (place, rows) {
    return { written: yield* insert(place, info, columns, rows, undefined), skipped: 0 }
  }

function createUnlessTaken(info: TableInfo, columns: readonly ColumnInfo[], { key, do: action }: OnTaken): Create {
  const at = key.map((column) => columns.indexOf(column))
  const keyed = keyedBy(info, key)!
  const others = columns.filter((column) => !key.includes(column))
  const keyOf = (row: NewRow) => at.map((i) => row[i]!)
  // NULL is never the same as anything, so nothing is in the way of such a row.
  const mayBeTaken = (row: NewRow) => at.every((i) => row[i] !== null)

  /** Of rows with one key the last one, as if they were written one after another. */
  function* lastOf({ dialect }: WritePlace, rows: readonly NewRow[]): Script<readonly NewRow[]> {
    if (rows.length === 0) return rows
    const backwards = rows.toReversed()
    const firsts = yield* dialect.sameValues(info, key, backwards.map(keyOf))
    return backwards.filter((_, i) => firsts[i] === i).toReversed()
  }

  /** Overwrites the rows whose keys are there, and returns the others. */
  function* overwrite(place: WritePlace, rows: readonly NewRow[]): Script<readonly NewRow[]> {
    const { dialect, journal } = place
    const before: TablePlan = { info: keyed, read: [...info.key, ...others], where: undefined, endsWithWrite: false }
    const plan: TablePlan = { ...before, read: [] }
    const standing = new Set(yield* dialect.lockGuarded(plan, rows.map(keyOf)))
    const there = rows.filter((_, i) => standing.has(i))
    if (there.length > 0) {
      const found = journal ? (yield* rereadRows(dialect, before, there.map(keyOf), 'current')).matching : []
      const cells = there.map((row) => [...keyOf(row), ...others.map((column) => row[columns.indexOf(column)]!)])
      yield* dialect.updateRows(plan, others, cells)
      const width = info.key.length
      const images = found.map(({ tokens }) => imageOf(tokens.slice(0, width) as string[], tokens.slice(width)))
      yield* noteImages(dialect, info, others, images, journal)
    }
    return rows.filter((_, i) => !standing.has(i))
  }

  return function* (place, rows) {
    const free = rows.filter((row) => !mayBeTaken(row))
    const bound = rows.filter(mayBeTaken)
    const unbound = yield* insert(place, info, columns, free, undefined)
    if (action === 'skip') {
      const created = yield* insert(place, info, columns, bound, key)
      return { written: unbound + created, skipped: bound.length - created }
    }
    const distinct = yield* lastOf(place, bound)
    const absent = yield* overwrite(place, distinct)
    const created = yield* insert(place, info, columns, absent, key)
    // Somebody else has created one of them since.
    if (created < absent.length) return 'raced'
    return { written: unbound + distinct.length, skipped: bound.length - distinct.length }
  }
}

/** Creates rows, journals them, and says how many they are. */
function* insert(
  { dialect, journal }: WritePlace,
  info: TableInfo,
  columns: readonly ColumnInfo[],
  rows: readonly NewRow[],
  unlessTaken: readonly ColumnInfo[] | undefined,
): Script<number> {
  if (rows.length === 0) return 0
  const options = { unlessTaken, returnsKeys: journal !== undefined }
  const { created, keys } = yield* dialect.insertRows(info, columns, rows, options)
  // The whole row, so that an undo sees whatever was changed in it since.
  const images = keys.map((key) => imageOf(key, null))
  yield* noteImages(dialect, info, [...info.columns.values()], images, journal)
  return created
}

/** A row of the source that matches `where` although its rows were created. */
function* firstMatching({ dialect, mode }: WritePlace, plan: TablePlan, { rows }: ChangeSet): Script<Key | undefined> {
  const keys = rows.map((row) => row.slice(0, plan.info.key.length) as string[])
  const { matching } = yield* rereadRows(dialect, { ...plan, read: [] }, keys, mode)
  return matching[0]?.key
}
