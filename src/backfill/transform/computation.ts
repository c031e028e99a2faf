import type { UntypedRow } from '../definition/definition.js'
import type { PageRow } from '../pages/keyset-reader.js'
import type { BoundColumn } from '../prepare/binder.js'
import type { PreparedTransform } from '../prepare/prepare-backfill.js'
import type { Asks } from './asks.js'
import type { Validator } from './validate.js'

/**
 * How rows become what is written of them: a value of the definition, so that nothing else knows whether its function is given rows one
 * by one or a page of them.
 */
export interface Computation {
  /** What came of each row: what the function returned for it, or why there is nothing. */
  outcomesOf(prepared: PreparedTransform, rows: readonly PageRow[], asks: Asks): Promise<Outcomes>
  /** The same for one row without giving others a turn; undefined where that cannot be. */
  outcomeNow(prepared: PreparedTransform, row: PageRow, signal: AbortSignal): { readonly outcome: unknown } | undefined
  /** Whether the function may ask the database, on a connection that must not be inside a transaction then. */
  readonly asks: boolean
}

export interface Outcomes {
  /** One a row. */
  readonly outcomes: readonly unknown[]
  /** False when the function has promised any of them. */
  readonly isPrompt: boolean
}

/** The function threw. */
export class Thrown {
  constructor(readonly error: unknown) {}
}

/** A stored value is not what the column is declared as. */
export class Unreadable extends Thrown {}

/** New values that are not valid, and why. */
export class Invalid {
  constructor(readonly fault: string) {}
}

/** The row as the function sees it, or what cannot be read of it. */
export function valuesOf(select: readonly BoundColumn[], row: PageRow): UntypedRow | Unreadable {
  const values: Record<string, unknown> = {}
  for (const bound of select) {
    try {
      values[bound.property] = bound.decode(row.token(bound.position))
    } catch (error) {
      return new Unreadable(new TypeError(`"${bound.property}": ${(error as Error).message}`))
    }
  }
  return values
}

/** What is no set of new values is refused as such, whatever it is validated as. */
export async function validated(validator: Validator, row: UntypedRow, outcome: unknown): Promise<unknown> {
  const changes = await outcome
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) return changes
  const fault = await validator(row, changes as UntypedRow)
  return fault === undefined ? changes : new Invalid(fault)
}
