import { randomUUID } from 'node:crypto'
import type { SessionSettings, TransactionLimits } from '../dialect.js'
import type { Script } from '../script.js'
import type { Statement } from '../sql.js'
import { spelling } from './spelling.js'

const plain = (label: string, text: string): Statement => ({ label, text, parameters: [] })

const messageOf = (error: unknown): string => String((error as { message?: unknown } | null)?.message ?? error)

/**
 * How long a statement waits for a lock of another connection. Nothing else has to be pinned: SQLite has no time zone, no date
 * style and no strict mode. It has no statement timeout either, and cannot end the transaction of a process that was stopped.
 */
export function* pinSession(limits: TransactionLimits): Script<SessionSettings> {
  const { rows } = yield plain('read-settings', 'pragma busy_timeout')
  yield plain('pin', `pragma busy_timeout = ${limits.lockTimeoutMs}`)
  return [['busy_timeout', String(rows[0]?.[0])]]
}

export function* restoreSession(before: SessionSettings): Script<void> {
  for (const [name, value] of before) yield plain('pin', `pragma ${name} = ${Number(value)}`)
}

/** Takes the write lock at once: a transaction that begins by reading may be refused when it writes, after all its work. */
export function* begin(): Script<void> {
  yield plain('begin', 'begin immediate')
}

export function* commit(): Script<void> {
  yield plain('commit', 'commit')
}

export function* rollback(): Script<void> {
  try {
    yield plain('rollback', 'rollback')
  } catch (error) {
    // A full disk, RAISE(ROLLBACK) and others have ended the transaction already.
    if (!/no transaction is active/i.test(messageOf(error))) throw error
  }
}

// A transaction that is not ours keeps its settings: none of them changes how values look.
export function* pinEnclosing(): Script<SessionSettings> {
  return []
}
export function* restoreEnclosing(): Script<void> {}

export function* savepoint(name: string): Script<void> {
  yield plain('savepoint', `savepoint ${spelling.quote(name)}`)
}
export function* releaseSavepoint(name: string): Script<void> {
  yield plain('release-savepoint', `release savepoint ${spelling.quote(name)}`)
}
export function* rollbackToSavepoint(name: string): Script<void> {
  yield plain('rollback-to-savepoint', `rollback to savepoint ${spelling.quote(name)}`)
}

// Of the connection, not of a transaction: a script is one synchronous call here, so nobody else meets it.
export function* beginReadOnly(): Script<void> {
  yield plain('read-only', 'pragma query_only = on')
}
export function* endReadOnly(): Script<void> {
  yield plain('read-only', 'pragma query_only = off')
}

/** Outside a transaction SAVEPOINT would start one, so BEGIN asks: it takes no lock and is refused inside. */
export function* isInTransaction(): Script<boolean> {
  try {
    yield plain('probe', 'begin')
  } catch (error) {
    if (/within a transaction/i.test(messageOf(error))) return true
    throw error
  }
  yield plain('probe', 'rollback')
  return false
}

/** Undoes what came after the savepoint, if there is one: no statement of SQLite asks for less. */
export function* hasSavepoint(name: string): Script<boolean> {
  try {
    yield plain('probe', `rollback to savepoint ${spelling.quote(name)}`)
  } catch (error) {
    if (/no such savepoint/i.test(messageOf(error))) return false
    throw error
  }
  return true
}

// A file has no replicas.
export function* requirePrimary(): Script<void> {}

/** The file as SQLite names it, whatever path led to it. A database in memory is its connection's own. */
export function* identity(): Script<string> {
  const { rows } = yield plain('identity', `select file from pragma_database_list where name = 'main'`)
  return String(rows[0]?.[0] || randomUUID())
}
