import type { Key } from '../../dialects/dialect.js'
import type { FailureStep } from '../../dialects/state-statements.js'
import type { ErrorCode } from '../../errors/codes.js'
import { writeKey } from '../pages/cursor.js'
import type { PageRow } from '../pages/keyset-reader.js'
import type { PreparedTransform } from '../prepare/prepare-backfill.js'
import type { Asks } from './asks.js'
import type { ChangeSet } from './change-set.js'
import { Invalid, Thrown, Unreadable } from './computation.js'
import { describeThrown } from './describe-thrown.js'
import { Turns } from './turns.js'

/** A row that cannot be written, and why. Never contents: the message names the fault. */
export interface RowFailure {
  readonly key: string
  readonly code: ErrorCode
  readonly step: FailureStep
  readonly message: string
}

/** What the transform made of a page: ready to be written in one transaction. */
export interface Changes {
  readonly sets: readonly ChangeSet[]
  /** Rows whose transform said `undefined`, or changed nothing: they stay as they are. */
  readonly left: number
  readonly failures: readonly RowFailure[]
}

/** What was made of a whole page. */
export interface PageChanges extends Changes {
  /** Whether the function gave all of it at once, and so can have waited for nobody. */
  readonly isPrompt: boolean
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
): Promise<PageChanges> {
  const { outcomes, isPrompt } = await prepared.computation.outcomesOf(prepared, rows, asks)
  const collector = createCollector(prepared)
  const turns = new Turns()
  for (let i = 0; i < rows.length; i++) {
    if (turns.isOver) await turns.next()
    collector.add(rows[i]!, outcomes[i])
  }
  return { ...collector.changes(), isPrompt }
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
  const sets = new Map<string, ChangeSet>()
  const failures: RowFailure[] = []
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
    const taken = outcome === undefined ? 'left' : prepared.destination.take(sets, row, outcome)
    if (taken === 'left') left++
    else if (taken !== 'taken') fail(row.key, 'INVALID_VALUE', taken.fault)
  }

  return { add, changes: (): Changes => ({ sets: [...sets.values()], left, failures }) }
}
