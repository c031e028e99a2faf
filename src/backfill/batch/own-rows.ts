import { isDeepStrictEqual } from 'node:util'
import type { UpdateRow } from '../../dialects/dialect.js'
import type { TableInfo } from '../../dialects/table.js'
import type { TransformWork } from '../definition/definition.js'
import type { BoundColumn } from '../prepare/binder.js'
import type { ChangeSet } from '../transform/change-set.js'
import type { Destination } from './destination.js'
import { imageOf, noteImages } from './journal.js'

/** The rows that were read are written: by one guarded update for all that differ in the same columns. */
export function ownRows(
  info: TableInfo,
  { select, write }: { readonly select: readonly BoundColumn[]; readonly write: readonly BoundColumn[] },
  work: TransformWork,
): Destination {
  const known = new Set(write.map((bound) => bound.property))
  const seen = new Set(select.map((bound) => bound.property))
  const keys = info.key.length
  // A set is named by the positions of its columns; most often all rows are in one, whose name then is made but once.
  const labels = write.map((_, i) => `${i},`)
  const columnsOf = ({ columns }: ChangeSet) => columns.map(({ column }) => column)
  const beforeOf = ({ columns }: ChangeSet, row: UpdateRow) =>
    columns.map(({ position }) => row[keys + position] ?? null)

  return {
    info,
    locksFirst: false,
    mayClash: work.unique.size > 0,
    rowsOf: ({ rows }) => rows.length,

    take(sets, row, outcome) {
      if (typeof outcome !== 'object' || outcome === null || Array.isArray(outcome))
        return { fault: 'the transform must return an object of new values, or undefined' }
      const changes = outcome as Record<string, unknown>
      for (const property in changes) {
        if (!known.has(property)) return { fault: `"${property}" is not declared in \`write\`` }
      }
      const cells = row.toUpdate(write.length)
      let end = cells.length - write.length
      let name = ''
      for (let i = 0; i < write.length; i++) {
        const bound = write[i]!
        const value = changes[bound.property]
        if (value === undefined) {
          if (work.isPartial) continue
          return { fault: `the transform did not return "${bound.property}"` }
        }
        let text: string | null
        try {
          const token = row.token(bound.position)
          if (isUnchanged(bound, token, value, seen.has(bound.property))) continue
          text = bound.encode(value)
          if (text === token) continue
          if (bound.isReadOnly) throw new TypeError('the column is part of the key or generated, and cannot be changed')
          if (text === null && !bound.column.isNullable) throw new TypeError('the column is NOT NULL')
        } catch (error) {
          return { fault: `"${bound.property}": ${(error as Error).message}` }
        }
        cells[end++] = text
        name = name === '' ? labels[i]! : name + labels[i]!
      }
      if (name === '') return 'left'
      if (end < cells.length) cells.length = end
      let set = sets.get(name)
      if (!set) {
        const positions = new Set(name.split(','))
        const columns = write.filter((_, i) => positions.has(String(i)))
        set = { columns, rows: [], originals: new Map([...work.unique.keys()].map((key) => [key, []])) }
        sets.set(name, set)
      }
      for (const [property, values] of set.originals) values.push(changes[property])
      set.rows.push(cells)
      return 'taken'
    },

    journalBytes({ read }, set) {
      const lengthOf = (text: string | null | undefined) => (text?.length ?? 0) + 3
      let bytes = 0
      for (const row of set.rows) {
        for (let i = 0; i < keys; i++) bytes += lengthOf(row[i])
        for (const text of [...beforeOf(set, row), ...row.slice(keys + read.length)]) bytes += lengthOf(text)
      }
      return bytes
    },

    speller: (dialect, plan, set) => (work.unique.size > 0 ? undefined : dialect.rowSpeller(plan, columnsOf(set))),

    *write({ dialect, journal }, plan, set, isLocked) {
      const columns = columnsOf(set)
      const ahead = set.ahead?.rows === set.rows ? set.ahead : undefined
      const { unwritten, stillMatching } = yield* dialect.updateRows(plan, columns, set.rows, 'encoded', ahead)
      // Locked rows were written even where the driver counts only those whose bytes changed.
      const missed = isLocked ? [] : unwritten
      if (missed === 'unknown') return { missed, written: 0, skipped: 0, stillMatching }
      if (journal) {
        const isMissed = new Set(missed)
        const written = set.rows.filter((_, i) => !isMissed.has(i))
        const images = written.map((row) => imageOf(row.slice(0, keys) as string[], beforeOf(set, row)))
        yield* noteImages(dialect, info, columns, images, journal)
      }
      return { missed, written: set.rows.length - missed.length, skipped: 0, stillMatching }
    },
  }
}

/**
 * A value that was passed through must be left alone even where its text would differ: a Date holds milliseconds, the column
 * may hold microseconds.
 */
function isUnchanged(bound: BoundColumn, token: string | null, value: unknown, isSeen: boolean): boolean {
  // A column transformer may show NULL as something else; to write just that into a column that was not read is a change.
  if (token === null && (value === null || !isSeen)) return value === null && bound.encode(null) === null
  let stored: unknown
  try {
    stored = bound.decode(token)
  } catch {
    // What cannot be represented cannot be equal to what was returned.
    return false
  }
  // Not ===: 0 and -0 are two values, and NaN is one.
  return Object.is(stored, value) || (typeof stored === 'object' && isDeepStrictEqual(stored, value))
}
