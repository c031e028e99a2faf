import type { Key } from '../../dialects/dialect.js'
import type { RowContext } from '../definition/backfill-options.js'
import type { RowFunction } from '../definition/definition.js'
import type { PageRow } from '../pages/keyset-reader.js'
import type { PreparedTransform } from '../prepare/prepare-backfill.js'
import { type Computation, Thrown, Unreadable, validated, valuesOf } from './computation.js'
import { Turns } from './turns.js'

/** How many promises of an asynchronous transform may be pending at once. */
const asyncRowsAtOnce = 32

/**
 * A function of one row. A synchronous one costs no promise; rows of an asynchronous one run side by side. A row that throws takes
 * no other row along.
 */
export function byRow(call: RowFunction): Computation {
  return {
    asks: false,
    async outcomesOf(prepared, rows, { signal }) {
      const outcomes = new Array<unknown>(rows.length)
      const pending: Promise<void>[] = []
      const settle = (i: number, promise: PromiseLike<unknown>) =>
        Promise.resolve(promise).then(
          (value) => {
            outcomes[i] = value
          },
          (error: unknown) => {
            outcomes[i] = new Thrown(error)
          },
        )
      const turns = new Turns()
      let isPrompt = true
      for (let i = 0; i < rows.length && !signal.aborted; i++) {
        if (turns.isOver) await turns.next()
        const outcome = outcomeOf(call, prepared, rows[i]!, signal)
        if (!isPromiseLike(outcome)) {
          outcomes[i] = outcome
          continue
        }
        isPrompt = false
        pending.push(settle(i, outcome))
        if (pending.length >= asyncRowsAtOnce) await Promise.all(pending.splice(0))
      }
      if (pending.length > 0) await Promise.all(pending)
      return { outcomes, isPrompt }
    },
    outcomeNow(prepared, row, signal) {
      const outcome = outcomeOf(call, prepared, row, signal)
      if (!isPromiseLike(outcome)) return { outcome }
      // Its outcome is not used, so its error must not go unhandled.
      Promise.resolve(outcome).catch(() => undefined)
      return undefined
    },
  }
}

/** Makes the key only where the function asks for it. */
class AskedRow implements RowContext {
  constructor(
    private readonly row: PageRow,
    readonly signal: AbortSignal,
  ) {}

  get key(): Key {
    return this.row.key
  }
}

function outcomeOf(call: RowFunction, prepared: PreparedTransform, row: PageRow, signal: AbortSignal): unknown {
  const values = valuesOf(prepared.select, row)
  if (values instanceof Unreadable) return values
  try {
    const outcome = call(values, new AskedRow(row, signal))
    return prepared.validator ? validated(prepared.validator, values, outcome) : outcome
  } catch (error) {
    return new Thrown(error)
  }
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
