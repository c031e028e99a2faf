import type { Session } from '../../adapters/database.js'
import type { Codec, Dialect } from '../../dialects/dialect.js'
import type { Cell, Script } from '../../dialects/script.js'
import { isSql, type Sql } from '../../dialects/sql.js'
import type { ColumnInfo } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { type Workplace, withFaultsMended } from '../connection/mend.js'
import { databaseError } from '../connection/retry.js'
import { readingOnly, type Scope } from '../connection/transaction.js'
import type { Query } from '../definition/backfill-options.js'
import { isRecord } from '../definition/check-values.js'
import { type Column, columnProblem, parseColumn } from '../definition/columns.js'

/** What a transform is given besides its rows. */
export interface Asks {
  readonly signal: AbortSignal
  readonly query: Query
  /** Why a query was not answered, if no row can be to blame for it. */
  refusal(): RowshiftError | undefined
}

/** Rows of an answer: they are held in memory. */
const mostRows = 100_000

/**
 * Queries go to the connection that reads ahead, which is in no transaction of ours when a transform runs; in an enclosing transaction
 * there is that one only.
 */
export function asksOf(place: Workplace, backfill: string): Asks {
  const { dialect, scope, abort } = place
  return asksBy(dialect, backfill, abort, (doing, script) =>
    withFaultsMended(place, { doing, connection: 'reader' }, (session) =>
      session.run(readingOnly(dialect, scope, script)),
    ),
  )
}

/** The same on a connection that is held. */
export function asksOn(
  place: { readonly dialect: Dialect; readonly scope: Scope; readonly session: Session },
  backfill: string,
  signal: AbortSignal,
): Asks {
  const { dialect, scope, session } = place
  return asksBy(dialect, backfill, signal, (doing, script) =>
    session.run(readingOnly(dialect, scope, script)).catch((error: unknown) => {
      throw databaseError(dialect, error, doing)
    }),
  )
}

type Rows = readonly (readonly Cell[])[]

function asksBy(
  dialect: Dialect,
  backfill: string,
  signal: AbortSignal,
  answer: (doing: string, script: Script<Rows>) => Promise<Rows>,
): Asks {
  let refused: RowshiftError | undefined
  const ask = async (columns: unknown, query: unknown) => {
    const asked = columnsOf(dialect, backfill, columns)
    if (!isSql(query)) throw refuse(backfill, 'must be SQL of the tag `sql`, which binds its values.')
    const doing = `answering the transform of backfill "${backfill}"`
    const rows = await answer(doing, rowsOf(dialect, query, asked))
    if (rows.length > mostRows)
      throw refuse(
        backfill,
        `finds more than ${mostRows.toLocaleString('en-US')} rows. Ask for those of the page only.`,
      )
    return rows.map((row) => valuesOf(backfill, asked, row))
  }
  return {
    signal,
    query: ((columns: unknown, query: unknown) =>
      ask(columns, query).catch((error: unknown) => {
        if (error instanceof RowshiftError && !mayBlameRows.has(error.code)) refused ??= error
        throw error
      })) as Query,
    refusal: () => refused,
  }
}

/** A bound value may be the reason, and so a row. */
const mayBlameRows: ReadonlySet<string> = new Set(['ROW_REFUSED', 'UNREADABLE_VALUE'])

/** A column of an answer. */
interface Asked {
  readonly column: ColumnInfo
  readonly codec: Codec
  readonly holdsNull: boolean
  readonly allowed: readonly (string | null)[] | undefined
}

function columnsOf(dialect: Dialect, backfill: string, columns: unknown): readonly Asked[] {
  if (!isRecord(columns) || isSql(columns) || Object.keys(columns).length === 0)
    throw refuse(backfill, "must say first which columns it finds: query({ id: 'integer' }, sql`select id from t`).")
  return Object.entries(columns).map(([name, declared]) => {
    const problem = columnProblem(declared)
    if (problem !== undefined) throw refuse(backfill, `names a column "${name}" that ${problem}`)
    const { kind, isNullable, allowed } = parseColumn(declared as Column)
    const column = dialect.answerColumn(name, kind)
    return { column, codec: dialect.codec(column, kind)!, holdsNull: isNullable, allowed }
  })
}

function* rowsOf(dialect: Dialect, query: Sql, asked: readonly Asked[]): Script<Rows> {
  const columns = asked.map(({ column }) => column)
  return (yield dialect.readAnswer(query, columns, mostRows + 1)).rows
}

function valuesOf(backfill: string, asked: readonly Asked[], row: readonly Cell[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    asked.map(({ column, codec, holdsNull, allowed }, i) => {
      const text = row[i] as string | null
      const fail = (why: string) =>
        new RowshiftError('UNREADABLE_VALUE', {
          message: `backfill "${backfill}": a query of its \`transform\` finds a "${column.name}" that cannot be read: ${why}`,
          details: { backfill, column: column.name },
        })
      if (text === null) {
        if (!holdsNull) throw fail(`it is NULL. Declare it as "${column.kind}?".`)
        return [column.name, null]
      }
      try {
        const value = codec.decode(text)
        if (allowed && !allowed.includes(value as string)) throw new TypeError('it is not one of those declared')
        return [column.name, value]
      } catch (error) {
        throw fail((error as Error).message)
      }
    }),
  )
}

function refuse(backfill: string, problem: string): RowshiftError {
  return new RowshiftError('QUERY_REFUSED', {
    message: `backfill "${backfill}": a \`query\` of its \`transform\` ${problem}`,
    details: { backfill },
  })
}
