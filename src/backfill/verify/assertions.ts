import type { Session } from '../../adapters/database.js'
import type { Dialect } from '../../dialects/dialect.js'
import type { Cell, QueryResult, Script } from '../../dialects/script.js'
import { findsRow, isSql, render, type Sql, wouldFindRow } from '../../dialects/sql.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { databaseError } from '../connection/retry.js'
import { readingOnly, type Scope } from '../connection/transaction.js'
import type { AssertionContext } from '../definition/backfill-options.js'
import type { Assertion, Condition } from '../definition/definition.js'
import { describeThrown } from '../transform/describe-thrown.js'

/** An assertion of a definition that was asked. */
export interface AssertionOutcome {
  /** What it says. */
  readonly says: string
  readonly holds: boolean
  /** What its function threw, and where; never with contents. */
  readonly threw?: string
}

/**
 * Asks assertions one by one, in their order. Errors of the database are thrown: they say nothing about the data.
 * @throws RowshiftError DATABASE_ERROR for SQL that the database refuses
 */
export async function askAssertions(
  dialect: Dialect,
  scope: Scope,
  session: Session,
  assertions: ReadonlyMap<string, Assertion>,
): Promise<readonly AssertionOutcome[]> {
  const ask = (piece: Sql, says: string) => askOne(dialect, scope, session, piece, says)
  const outcomes: AssertionOutcome[] = []
  for (const [says, assertion] of assertions) {
    if (isSql(assertion)) {
      outcomes.push({ says, holds: !(await hasRow(ask, assertion, says)) })
      continue
    }
    const { isTrue, threw } = await called(ask, assertion, says)
    outcomes.push({ says, holds: isTrue, ...(threw !== undefined && { threw }) })
  }
  return outcomes
}

/**
 * Asks conditions one by one, in their order, until one is so: its reason.
 * @throws RowshiftError CONDITION_FAILED for a function that throws, DATABASE_ERROR for SQL that the database refuses
 */
export async function askConditions(
  dialect: Dialect,
  scope: Scope,
  session: Session,
  conditions: ReadonlyMap<string, Condition>,
): Promise<string | undefined> {
  const ask = (piece: Sql, reason: string) => askOne(dialect, scope, session, piece, reason)
  for (const [reason, condition] of conditions) {
    if (isSql(condition)) {
      if (await hasRow(ask, condition, reason)) return reason
      continue
    }
    const { isTrue, threw } = await called(ask, condition, reason)
    if (threw !== undefined) {
      throw new RowshiftError('CONDITION_FAILED', {
        message: `the function of \`when\` for "${reason}" threw (${threw}), so nothing tells whether to begin. Nothing was changed.`,
        details: { reason },
      })
    }
    if (isTrue) return reason
  }
  return undefined
}

type Ask = (piece: Sql, says: string) => Promise<QueryResult>

async function hasRow(ask: Ask, query: Sql, says: string): Promise<boolean> {
  const { rows } = await ask(findsRow(query), says)
  return Number(rows[0]?.[0]) === 1
}

async function called(
  ask: Ask,
  call: (context: AssertionContext) => unknown,
  says: string,
): Promise<{ readonly isTrue: boolean; readonly threw?: string }> {
  let refusal: { readonly error: unknown } | undefined
  const query = async (piece: Sql) => {
    const { rows } = await ask(piece, says).catch((error: unknown) => {
      refusal = { error }
      throw error
    })
    return rows.map((row) => row.map(textOf))
  }
  try {
    return { isTrue: (await call({ query })) === true }
  } catch (error) {
    if (refusal?.error === error) throw error
    return { isTrue: false, threw: describeThrown(error) }
  }
}

/** Has the database look at the SQL of assertions without carrying it out. @throws RowshiftError DATABASE_ERROR */
export async function prepareAssertions(
  dialect: Dialect,
  scope: Scope,
  session: Session,
  assertions: ReadonlyMap<string, Assertion>,
): Promise<void> {
  for (const [says, assertion] of assertions) {
    if (isSql(assertion)) await askOne(dialect, scope, session, wouldFindRow(assertion), says)
  }
}

async function askOne(
  dialect: Dialect,
  scope: Scope,
  session: Session,
  piece: Sql,
  says: string,
): Promise<QueryResult> {
  try {
    return await session.run(readingOnly(dialect, scope, once(render(piece, dialect, 'assert'))))
  } catch (error) {
    const { class: kind } = dialect.classifyError(error)
    // Others may pass, and are for those who know how to try again.
    throw kind === 'fatal' || kind === 'row' ? databaseError(dialect, error, `asking "${says}"`) : error
  }
}

/** Those that do not hold, as a message says them. */
export function describeUnheld(outcomes: readonly AssertionOutcome[]): string {
  return outcomes
    .filter(({ holds }) => !holds)
    .map(({ says, threw }) => `"${says}"${threw === undefined ? '' : ` (${threw})`}`)
    .join(', ')
}

function* once(statement: ReturnType<typeof render>): Script<QueryResult> {
  return yield statement
}

function textOf(cell: Cell): string | null {
  if (cell === null) return null
  return cell instanceof Uint8Array ? Buffer.from(cell).toString('utf8') : String(cell)
}
