import type { Key, NewRow, TablePlan } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import type { TableInfo } from '../../dialects/table.js'
import { rereadRows } from '../pages/keyset-reader.js'
import type { BoundColumn } from '../prepare/binder.js'
import type { ChangeSet } from '../transform/change-set.js'
import { creationOf, type OnTaken } from './create-rows.js'
import type { Destination, WritePlace } from './destination.js'

/** The set of all rows, since all write the same columns. */
const setName = 'creates'

/**
 * Rows of another table are created: in the transaction that locks the rows they are made of, once their guards hold. So what is created
 * is what the rows say at that moment, and it is there if and only if the cursor has passed them.
 */
export function otherTable(info: TableInfo, write: readonly BoundColumn[], onTaken: OnTaken | undefined): Destination {
  const columns = write.map(({ column }) => column)
  const known = new Set(write.map(({ property }) => property))
  const create = creationOf(info, columns, onTaken)

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
      set.rows.push(row.toUpdate(0))
      set.creates!.push(rows)
      return 'taken'
    },

    journalBytes(_plan, { creates = [] }) {
      let bytes = 0
      for (const row of creates.flat()) for (const text of row) bytes += (text?.length ?? 0) + 3
      return bytes
    },

    speller: () => undefined,

    *write(place, plan, set) {
      const creation = yield* create(place, (set.creates ?? []).flat())
      if (creation === 'raced') return { missed: 'unknown', written: 0, skipped: 0, stillMatching: undefined }
      const { created, updated, skipped } = creation
      const stillMatching = plan.endsWithWrite ? yield* firstMatching(place, plan, set) : undefined
      return { missed: [], written: created + updated, skipped, stillMatching }
    },
  }
}

/** A row of the source that matches `where` although its rows were created. */
function* firstMatching({ dialect, mode }: WritePlace, plan: TablePlan, { rows }: ChangeSet): Script<Key | undefined> {
  const keys = rows.map((row) => row.slice(0, plan.info.key.length) as string[])
  const { matching } = yield* rereadRows(dialect, { ...plan, read: [] }, keys, mode)
  return matching[0]?.key
}
