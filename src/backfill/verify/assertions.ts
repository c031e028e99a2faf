import type { Session } from '../../adapters/database.js'
import type { Dialect } from '../../dialects/dialect.js'
import type { Cell, QueryResult, Script } from '../../dialects/script.js'
import { findsRow, isSql, render, type Sql, wouldFindRow } from '../../dialects/sql.js'
import { databaseError } from '../connection/retry.js'
import { reading, type Scope } from '../connection/transaction.js'
import type { Assertion } from '../definition/definition.js'
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
      const { rows } = await ask(findsRow(assertion), says)
      outcomes.push({ says, holds: Number(rows[0]?.[0]) === 0 })
      continue
    }
    let refusal: { readonly error: unknown } | undefined
    const query = async (piece: Sql) => {
      const { rows } = await ask(piece, says).catch((error: unknown) => {
        refusal = { error }
        throw error
      })
      return rows.map((row) => row.map(textOf))
    }
    try {
      outcomes.push({ says, holds: (await assertion({ query })) === true })
    } catch (error) {
      if (refusal?.error === error) throw error
      outcomes.push({ says, holds: false, threw: describeThrown(error) })
    }
  }
  return outcomes
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
    return await session.run(reading(dialect, scope, once(render(piece, dialect, 'assert'))))
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
