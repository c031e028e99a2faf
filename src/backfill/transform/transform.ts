import { isDeepStrictEqual } from 'node:util'
import type { Key, UpdateRow } from '../../dialects/dialect.js'
import type { FailureStep } from '../../dialects/state-statements.js'
import type { ErrorCode } from '../../errors/codes.js'
import { writeKey } from '../pages/cursor.js'
import type { PageRow } from '../pages/keyset-reader.js'
import type { BoundColumn, PreparedTransform } from '../prepare-backfill.js'
import type { Asks } from './asks.js'
import { Invalid, Thrown, Unreadable } from './computation.js'
import { describeThrown } from './describe-thrown.js'

/** Rows that write the same columns: one statement. */
export interface UpdateSet {
  readonly columns: readonly BoundColumn[]
  readonly rows: UpdateRow[]
  /** What the transform returned for columns that must be unique, by property, a value a row. */
  readonly originals: ReadonlyMap<string, unknown[]>
}

/** A row that cannot be written, and why. Never contents: the message names the fault. */
export interface RowFailure {
  readonly key: string
  readonly code: ErrorCode
  readonly step: FailureStep
  readonly message: string
}

/** What the transform made of a page: ready to be written in one transaction. */
export interface Changes {
  readonly sets: readonly UpdateSet[]
  /** Rows whose transform said `undefined`, or changed nothing: they stay as they are. */
  readonly left: number
  readonly failures: readonly RowFailure[]
}

/**
 * Runs the transform over rows, outside any transaction. A row that fails becomes a failure and takes no other row along. Aborted, it
 * begins no further row: what it returns then is not to be written.
 * @throws RowshiftError PAGE_LENGTH, PAGE_FAILED, QUERY_REFUSED, DATABASE_ERROR, DATABASE_UNAVAILABLE
 */
export async function transformRows(
  prepared: PreparedTransform,
  rows: readonly PageRow[],
  asks: Asks,
): Promise<Changes> {
  const outcomes = await prepared.computation.outcomesOf(prepared, rows, asks)
  const collector = createCollector(prepared)
  for (let i = 0; i < rows.length; i++) collector.add(rows[i]!, outcomes[i])
  return collector.changes()
}

/** The same for a transform that must not give others a turn; `undefined` when it cannot do without. */
export function transformRowNow(prepared: PreparedTransform, row: PageRow, signal: AbortSignal): Changes | undefined {
  const found = prepared.computation.outcomeNow(prepared, row, signal)
  if (!found) return undefined
  const collector = createCollector(prepared)
  collector.add(row, found.outcome)
  return collector.changes()
}

function createCollector(prepared: PreparedTransform) {
  const sets = new Map<string, UpdateSet>()
  const failures: RowFailure[] = []
  const known = new Set(prepared.write.map((bound) => bound.property))
  const seen = new Set(prepared.select.map((bound) => bound.property))
  let left = 0

  const fail = (key: Key, code: ErrorCode, message: string, step: FailureStep = 'encode') => {
    failures.push({ key: writeKey(key), code, step, message: message.slice(0, 500) })
  }

  function add(row: PageRow, outcome: unknown): void {
    if (outcome instanceof Thrown) {
      if (outcome instanceof Unreadable)
        return fail(row.key, 'UNREADABLE_VALUE', (outcome.error as Error).message, 'read')
      return fail(row.key, 'TRANSFORM_FAILED', describeThrown(outcome.error), 'transform')
    }
    if (outcome instanceof Invalid) return fail(row.key, 'VALIDATION_FAILED', outcome.fault, 'validate')
    if (outcome === undefined) {
      left++
      return
    }
    if (typeof outcome !== 'object' || outcome === null || Array.isArray(outcome)) {
      return fail(row.key, 'INVALID_VALUE', 'the transform must return an object of new values, or undefined')
    }
    const changes = outcome as Record<string, unknown>
    for (const property in changes) {
      if (!known.has(property)) return fail(row.key, 'INVALID_VALUE', `"${property}" is not declared in \`write\``)
    }
    const written: BoundColumn[] = []
    const texts: (string | null)[] = []
    let name = ''
    for (const bound of prepared.write) {
      const value = changes[bound.property]
      if (value === undefined) {
        if (prepared.work.isPartial) continue
        return fail(row.key, 'INVALID_VALUE', `the transform did not return "${bound.property}"`)
      }
      let text: string | null
      try {
        const token = row.tokens[bound.position] ?? null
        if (isUnchanged(bound, token, value, seen.has(bound.property))) continue
        text = bound.encode(value)
        if (text === token) continue
        if (bound.isReadOnly) throw new TypeError('the column is part of the key or generated, and cannot be changed')
        if (text === null && !bound.column.isNullable) throw new TypeError('the column is NOT NULL')
      } catch (error) {
        return fail(row.key, 'INVALID_VALUE', `"${bound.property}": ${(error as Error).message}`)
      }
      written.push(bound)
      texts.push(text)
      name += `${bound.position},`
    }
    if (written.length === 0) {
      left++
      return
    }
    let set = sets.get(name)
    if (!set) {
      set = { columns: written, rows: [], originals: new Map([...prepared.work.unique.keys()].map((key) => [key, []])) }
      sets.set(name, set)
    }
    for (const [property, values] of set.originals) values.push(changes[property])
    set.rows.push([...row.key, ...row.tokens, ...texts])
  }

  return { add, changes: (): Changes => ({ sets: [...sets.values()], left, failures }) }
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
