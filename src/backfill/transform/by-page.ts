import type { Key } from '../../dialects/dialect.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { PageFunction, UntypedRow } from '../definition/definition.js'
import { type Fault, inHalves } from '../in-halves.js'
import type { PreparedTransform } from '../prepare/prepare-backfill.js'
import type { Asks } from './asks.js'
import { type Computation, Thrown, Unreadable, validated, valuesOf } from './computation.js'
import { describeThrown } from './describe-thrown.js'

/**
 * Rows of one page that fail by themselves, while none succeeds, before it is the function that counts as failed: what it asks is out
 * of order, and to go on would ask it some thousand times.
 */
const blamedAtMost = 20

/** A row that can be read, and where its outcome goes. */
interface Item {
  readonly at: number
  readonly key: Key
  readonly values: UntypedRow
}

/** A function of a page. A page that throws is tried in halves, down to the rows that throw by themselves. */
export function byPage(call: PageFunction): Computation {
  return {
    asks: true,
    async outcomesOf(prepared, rows, asks) {
      const outcomes = new Array<unknown>(rows.length)
      const items: Item[] = []
      for (const [at, row] of rows.entries()) {
        const values = valuesOf(prepared.select, row)
        if (values instanceof Unreadable) outcomes[at] = values
        else items.push({ at, key: row.key, values })
      }
      let [blamed, succeeded] = [0, 0]
      function* attempt(part: readonly Item[]): Generator<Promise<readonly unknown[] | Thrown>, Fault | undefined> {
        if (asks.signal.aborted) return undefined
        const found = (yield outcomesOfPart(call, prepared, part, asks)) as readonly unknown[] | Thrown
        if (found instanceof Thrown) return found
        for (const [i, { at }] of part.entries()) outcomes[at] = found[i]
        succeeded += part.length
        return undefined
      }
      const blame = ({ at }: Item, error: unknown) => {
        outcomes[at] = new Thrown(error)
        if (++blamed >= blamedAtMost && succeeded === 0) throw failed(prepared, error)
      }
      await settled(inHalves(items, attempt, blame))
      return { outcomes, isPrompt: false }
    },
    // What it may ask takes a turn of others.
    outcomeNow: () => undefined,
  }
}

/** @throws RowshiftError PAGE_LENGTH, and what the database has refused to answer for reasons that are no row's */
async function outcomesOfPart(
  call: PageFunction,
  prepared: PreparedTransform,
  part: readonly Item[],
  { signal, query, refusal }: Asks,
): Promise<readonly unknown[] | Thrown> {
  let found: unknown
  try {
    const context = { keys: part.map(({ key }) => key), signal, query }
    found = await call(
      part.map(({ values }) => values),
      context,
    )
  } catch (error) {
    const refused = refusal()
    if (refused !== undefined) throw refused
    return new Thrown(error)
  }
  if (!Array.isArray(found) || found.length !== part.length) throw wrongLength(prepared, part.length, found)
  const { validator } = prepared
  return validator ? Promise.all(part.map(({ values }, i) => validated(validator, values, found[i]))) : found
}

async function settled<T>(steps: Generator<Promise<unknown>, T, unknown>): Promise<T> {
  let step = steps.next()
  while (!step.done) step = steps.next(await step.value)
  return step.value
}

function wrongLength({ backfill }: PreparedTransform, given: number, found: unknown): RowshiftError {
  const rows = given === 1 ? '1 row' : `${given} rows`
  const entries = (count: number) => (count === 1 ? '1 entry' : `${count} entries`)
  const returned = Array.isArray(found) ? entries(found.length) : `${found === null ? 'null' : typeof found}, no list,`
  return new RowshiftError('PAGE_LENGTH', {
    message: `backfill "${backfill}": \`transform\` returned ${returned} for ${rows}. It must return one entry a row, in their order, undefined for a row that stays as it is: \`rows.map((row) => ...)\`. Nothing of this page was written.`,
    details: { backfill, rows: given, entries: Array.isArray(found) ? found.length : undefined },
  })
}

function failed({ backfill }: PreparedTransform, error: unknown): RowshiftError {
  return new RowshiftError('PAGE_FAILED', {
    message: `backfill "${backfill}": \`transform\` failed for a page, for its parts, and for ${blamedAtMost} rows one by one, the last time with ${describeThrown(error)}; it succeeded for none. So no row is to blame, and nothing of this page was written. See that what it asks is there, then run it again.`,
    details: { backfill },
    cause: error,
  })
}
