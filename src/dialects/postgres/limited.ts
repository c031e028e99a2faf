import type { StatementLimits } from '../ddl.js'
import type { Script } from '../script.js'
import { render, type Statement, sql } from '../sql.js'
import { spelling } from './spelling.js'

/*
 * A statement that waits for its lock makes everybody queue behind it, readers too. So it waits briefly and is tried again. Settings
 * are local to a transaction where one is possible, because a pooler may give the next statement to another server connection.
 */

const ddl = (text: string): Statement => ({ label: 'ddl', text, parameters: [] })

/** Waits for old transactions, but keeps nobody waiting meanwhile. */
const letsWritersPass = /\bCONCURRENTLY\b|\bVALIDATE CONSTRAINT\b|^ANALYZE\b/
const needsNoTransaction = /\bCONCURRENTLY\b/

/** Reads no rows once it has its lock. Whatever is not known here may read the whole table, and gets the time it needs. */
const isBrief =
  /\bNOT VALID$|\bUSING INDEX\b|\bRENAME (COLUMN|CONSTRAINT|TO)\b|\bDROP (NOT NULL|DEFAULT|CONSTRAINT|COLUMN)\b|\bSET DEFAULT\b|^DROP |^(CREATE|ALTER) TYPE\b|^COMMENT\b/

type Setting = readonly [name: string, value: string]

export function limited(
  statements: readonly string[],
  limits: StatementLimits,
  { isEnclosed }: { readonly isEnclosed: boolean },
): readonly (() => Script<void>)[] {
  if (statements.some((text) => needsNoTransaction.test(text))) return [() => forSession(statements, limits)]
  if (isEnclosed) return [() => atomically(statements, limits, isEnclosed)]
  // Each in a transaction of its own: none holds its lock while the next one reads the table.
  return statements.map((text) => () => atomically([text], limits, isEnclosed))
}

function limitsOf(text: string, limits: StatementLimits): readonly Setting[] {
  const [lock, whole] = letsWritersPass.test(text)
    ? [0, 0]
    : [limits.lockTimeoutMs, isBrief.test(text) ? limits.statementTimeoutMs : 0]
  return [
    ['lock_timeout', String(lock)],
    ['statement_timeout', String(whole)],
  ]
}

/** select set_config('lock_timeout', '2000', true), set_config('statement_timeout', '10000', true) */
function set(settings: readonly Setting[], isLocal: boolean): Statement {
  const calls = settings.map(([name, value]) => sql`set_config(${name}, ${value}, ${sql.raw(String(isLocal))})`)
  return render(sql`select ${sql.join(calls)}`, spelling, 'limit')
}

function* present(): Script<readonly Setting[]> {
  const { rows } = yield ddl(`select current_setting('lock_timeout'), current_setting('statement_timeout')`)
  return [
    ['lock_timeout', String(rows[0]?.[0])],
    ['statement_timeout', String(rows[0]?.[1])],
  ]
}

/** In the transaction that is open, or in one of their own: all of them or none. */
function* atomically(statements: readonly string[], limits: StatementLimits, isEnclosed: boolean): Script<void> {
  const before = isEnclosed ? yield* present() : []
  yield ddl(isEnclosed ? 'savepoint rowshift_ddl' : 'begin')
  yield* withCleanUp(
    (function* () {
      for (const text of statements) {
        yield set(limitsOf(text, limits), true)
        yield ddl(text)
      }
      if (isEnclosed) yield set(before, true)
      yield ddl(isEnclosed ? 'release savepoint rowshift_ddl' : 'commit')
    })(),
    ddl(isEnclosed ? 'rollback to savepoint rowshift_ddl' : 'rollback'),
  )
}

/** One after another, outside any transaction: some of them refuse to be in one. */
function* forSession(statements: readonly string[], limits: StatementLimits): Script<void> {
  const before = yield* present()
  yield* withCleanUp(
    (function* () {
      for (const text of statements) {
        yield set(limitsOf(text, limits), false)
        yield ddl(text)
      }
    })(),
    set(before, false),
  )
  yield set(before, false)
}

/** After an error, which is thrown on even if the connection is too broken to be cleaned up. */
function* withCleanUp(body: Script<void>, cleanUp: Statement): Script<void> {
  try {
    yield* body
  } catch (error) {
    try {
      yield cleanUp
    } catch {
      throw error
    }
    throw error
  }
}
