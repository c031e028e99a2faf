import type { StatementLimits } from '../ddl.js'
import type { Script } from '../script.js'
import { render, type Statement, sql } from '../sql.js'
import { spelling } from './spelling.js'

/*
 * A statement that waits for the lock on a table's definition makes everybody queue behind it, by default for a year. So it waits
 * briefly and is tried again. Each commits by itself, and one that gives up has changed nothing.
 */

const ddl = (text: string): Statement => ({ label: 'ddl', text, parameters: [] })

/** Has nothing to do but to get its lock; others get it at the end, when a whole index may have been built. */
const isInstant = /\bALGORITHM=INSTANT\b/

export function limited(statements: readonly string[], limits: StatementLimits): readonly (() => Script<void>)[] {
  return statements.map((text) => () => waitBriefly(text, limits))
}

function* waitBriefly(text: string, limits: StatementLimits): Script<void> {
  const { rows } = yield ddl('select @@session.lock_wait_timeout')
  const waitMs = isInstant.test(text) ? limits.lockTimeoutMs : limits.lateLockTimeoutMs
  yield wait(waitMs / 1000)
  let failure: { readonly error: unknown } | undefined
  try {
    yield ddl(text)
  } catch (error) {
    failure = { error }
  }
  try {
    yield wait(Number(rows[0]?.[0]))
  } catch (error) {
    failure ??= { error }
  }
  if (failure) throw failure.error
}

/** set session lock_wait_timeout = 2 */
const wait = (seconds: number): Statement =>
  render(sql`set session lock_wait_timeout = ${sql.raw(String(Math.max(1, Math.ceil(seconds))))}`, spelling, 'limit')
