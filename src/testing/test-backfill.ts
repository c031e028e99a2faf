import { AssertionError } from 'node:assert'
import { inspect, isDeepStrictEqual } from 'node:util'
import type { PageContext, Query } from '../backfill/definition/backfill-options.js'
import type { Columns } from '../backfill/definition/columns.js'
import type { Backfill, ChangesOf, RowOf } from '../backfill/definition/define-backfill.js'
import { definitionOf, type TransformWork, type UntypedRow } from '../backfill/definition/definition.js'
import { type Validator, validatorOf } from '../backfill/transform/validate.js'
import type { Sql } from '../dialects/sql.js'
import { RowshiftError } from '../errors/rowshift-error.js'

/** A row, and what a definition's `transform` makes of it. */
export interface TransformCase<B extends Backfill> {
  /** What `transform` is given: every selected column. */
  readonly row: RowOf<B>
  /** What it must return; undefined = it leaves the row as it is. */
  readonly expect: ChangesOf<B> | undefined
  /** The row's key as texts, which `transform` finds in its context. Default `['1']`. */
  readonly key?: readonly string[]
}

/** What a transform finds besides its rows. */
export interface TransformSurroundings {
  /** Answers what a `transform` of a page asks the database; by default a question fails its case. */
  readonly query?: (columns: Columns, query: Sql) => readonly UntypedRow[] | Promise<readonly UntypedRow[]>
}

/**
 * Tries a definition's `transform` on rows, without a database. Every case is tried, and all that differ are told at once. As in
 * a run, a column that is not declared in `write` is refused, and so are a declared one that is missing and values that `validate`
 * does not allow. The rows of all cases are one page to a `transform` that is given pages.
 *
 *   await testBackfill(citySlug, [{ row: { name: 'São Tomé' }, expect: { slug: 'sao-tome' } }])
 *
 * @throws AssertionError of node:assert, which test runners show with its `actual` and `expected`
 * @throws RowshiftError INVALID_DEFINITION for a definition whose rows never leave the database
 */
export async function testBackfill<B extends Backfill>(
  backfill: B,
  cases: readonly TransformCase<NoInfer<B>>[],
  surroundings: TransformSurroundings = {},
): Promise<void> {
  const { work, name } = definitionOf(backfill)
  if (work.form !== 'transform') {
    throw new RowshiftError('INVALID_DEFINITION', {
      message: `backfill "${name}" is computed by the database, so there is no \`transform\` to try. Try it on a database: \`crashTest\`, or \`rowshift run ${name} --dry-run\`.`,
      details: { backfill: name },
    })
  }
  if (cases.length === 0) throw new AssertionError({ message: `testBackfill("${name}") was given no cases` })
  const validator = validatorOf(name, work)
  const actual: unknown[] = []
  const differences: string[] = []
  const returned = await returnedFor(name, work, cases, surroundings)
  for (const [i, one] of cases.entries()) {
    const outcome = await outcomeOf(work, one, await returned[i]!(), validator)
    actual.push(outcome.value)
    const fault = outcome.fault ?? differenceOf(outcome.value, one.expect)
    if (fault !== undefined) differences.push(`case ${i + 1} of ${cases.length}, ${inspect(one.row)}: ${fault}`)
  }
  if (differences.length === 0) return
  throw new AssertionError({
    message: `transform of backfill "${name}":\n${differences.map((text) => `  ${text}`).join('\n')}`,
    actual,
    expected: cases.map((one) => one.expect),
    operator: 'testBackfill',
  })
}

interface Outcome {
  readonly value: unknown
  /** What a run would refuse, whatever was expected. */
  readonly fault?: string
}

const signal = new AbortController().signal

/** What the function returns for each case, or what it threw: asked one by one, or once for a page of all of them. */
async function returnedFor(
  name: string,
  { transform }: TransformWork,
  cases: readonly TransformCase<Backfill>[],
  { query = refuseQuery }: TransformSurroundings,
): Promise<readonly (() => Promise<Outcome>)[]> {
  const keyOf = ({ key = ['1'] }: TransformCase<Backfill>) => key
  if (transform.per === 'row') {
    return cases.map((one) => () => attempt(() => transform.call(one.row as never, { key: keyOf(one), signal })))
  }
  const rows = cases.map(({ row }) => row as UntypedRow)
  const context: PageContext = { keys: cases.map(keyOf), signal, query: (async (...asked) => query(...asked)) as Query }
  const page = await attempt(() => transform.call(rows, context))
  if (page.fault === undefined && !(Array.isArray(page.value) && page.value.length === rows.length)) {
    const found = Array.isArray(page.value) ? `${page.value.length} entries` : inspect(page.value)
    throw new AssertionError({
      message: `transform of backfill "${name}" returned ${found} for ${rows.length} rows: it must return an entry a row`,
    })
  }
  return cases.map((_, i) => async () => (page.fault === undefined ? { value: (page.value as unknown[])[i] } : page))
}

async function attempt(call: () => unknown): Promise<Outcome> {
  try {
    return { value: await call() }
  } catch (error) {
    return { value: error, fault: `it threw ${inspect(error)}` }
  }
}

const refuseQuery = (): never => {
  throw new Error(
    '`query` was asked: give testBackfill a third argument, { query: async () => [...] }, that answers it',
  )
}

async function outcomeOf(
  work: TransformWork,
  one: TransformCase<Backfill>,
  { value, fault }: Outcome,
  validator: Validator | undefined,
): Promise<Outcome> {
  if (fault !== undefined) return { value, fault }
  if (value === undefined) return { value }
  // Each row that is to be created is judged like the new values of one.
  const entries: readonly unknown[] = work.into && Array.isArray(value) ? value : [value]
  for (const entry of entries) {
    const found = await faultOf(work, one, entry, validator)
    if (found !== undefined) return { value, fault: found }
  }
  return { value }
}

async function faultOf(
  work: TransformWork,
  one: TransformCase<Backfill>,
  value: unknown,
  validator: Validator | undefined,
): Promise<string | undefined> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return `it returned ${inspect(value)}: neither new values nor undefined`
  const returned = value as Readonly<Record<string, unknown>>
  const undeclared = Object.keys(returned).filter((property) => !work.write.has(property))
  if (undeclared.length > 0) return `it returned ${list(undeclared)}, not declared in \`write\``
  const missing = [...work.write.keys()].filter((property) => returned[property] === undefined)
  if (missing.length > 0) return `it did not return ${list(missing)}, declared in \`write\``
  const invalid = await validator?.(one.row as never, returned)
  return invalid === undefined ? undefined : `it returned what \`validate\` does not allow: ${invalid}`
}

const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')

function differenceOf(actual: unknown, expected: unknown): string | undefined {
  if (isDeepStrictEqual(actual, expected)) return undefined
  return `expected ${inspect(expected)}, it returned ${inspect(actual)}`
}
