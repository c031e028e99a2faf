import { RowshiftError } from '../../errors/rowshift-error.js'
import type { SessionSettings, TransactionLimits } from '../dialect.js'
import type { Script } from '../script.js'
import { render, type Statement, sql } from '../sql.js'
import { spelling } from './spelling.js'

type Settings = readonly (readonly [string, string])[]

/** What decides how values look as text. */
const printing: Settings = [
  ['TimeZone', 'UTC'],
  ['DateStyle', 'ISO, MDY'],
  ['IntervalStyle', 'postgres'],
  ['extra_float_digits', '3'],
  ['bytea_output', 'hex'],
]

/**
 * Pinned in every transaction and never for the session, because a pooler in transaction mode hands the next transaction to
 * another server connection. What follows the printing keeps a page an index range and a batch a series of key lookups: without
 * statistics, or with stale ones, the planner would sort or hash the whole table for every page. It raises costs and forbids
 * nothing, so a user's subquery on a table without an index still runs.
 */
const pinned: Settings = [
  ...printing,
  ['enable_sort', 'off'],
  ['enable_seqscan', 'off'],
  ['enable_bitmapscan', 'off'],
  ['enable_hashjoin', 'off'],
  ['enable_mergejoin', 'off'],
  // The raised costs would make it compile statements that take milliseconds.
  ['jit', 'off'],
]

const plain = (label: string, text: string): Statement => ({ label, text, parameters: [] })

/** select set_config('TimeZone', 'UTC', true), set_config(...): one round trip for all of them. */
function setLocal(settings: Settings): Statement {
  const calls = settings.map(([name, value]) => sql`set_config(${name}, ${value}, true)`)
  return render(sql`select ${sql.join(calls)}`, spelling, 'pin')
}

const limited = (limits: TransactionLimits): Settings => [
  ['lock_timeout', String(limits.lockTimeoutMs)],
  ['statement_timeout', String(limits.statementTimeoutMs)],
  ['idle_in_transaction_session_timeout', String(limits.idleTimeoutMs)],
]

/**
 * begin isolation level read committed; select set_config('TimeZone', 'UTC', true), set_config(...)
 *
 * Statements without parameters go to the server together, in one round trip. The settings are this file's own texts and numbers.
 */
function beginWith(mode: string, settings: Settings, path: readonly string[] = []): Statement {
  const calls = settings.map(([name, value]) => `set_config('${name}', '${value}', true)`)
  return plain('begin', `begin isolation level ${mode}; select ${[...calls, ...path.map(firstOnPath)].join(', ')}`)
}

/** The text of an empty path is no part of a longer one. */
const firstOnPath = (schema: string): string =>
  `set_config('search_path', concat_ws(', ', '${schema.replaceAll("'", "''")}', nullif(current_setting('search_path'), '')), true)`

export function* begin(limits: TransactionLimits): Script<void> {
  yield* beginIn([], limits)
}

/** With these schemas, quoted, before those of the search path. */
export function* beginIn(path: readonly string[], limits: TransactionLimits): Script<void> {
  yield beginWith('read committed', [...pinned, ...limited(limits)], path)
}

export function* commit(): Script<void> {
  // A deferred constraint that fails at COMMIT has lost its code in some drivers; before it, it still has one.
  yield plain('commit', 'set constraints all immediate; commit')
}

export function* rollback(): Script<void> {
  yield plain('rollback', 'rollback')
}

// Nothing is pinned for a session, see above.
export function* pinSession(): Script<SessionSettings> {
  yield* requirePrimary()
  return []
}
export function* restoreSession(): Script<void> {}

export function* pinEnclosing(): Script<SessionSettings> {
  const current = pinned.map(([name]) => sql`current_setting(${name})`)
  const { rows } = yield render(sql`select ${sql.join(current)}`, spelling, 'read-settings')
  yield setLocal(pinned)
  return pinned.map(([name], i) => [name, String(rows[0]?.[i])] as const)
}

export function* restoreEnclosing(before: SessionSettings): Script<void> {
  yield setLocal(before)
}

export function* savepoint(name: string): Script<void> {
  yield plain('savepoint', `savepoint ${spelling.quote(name)}`)
}
export function* releaseSavepoint(name: string): Script<void> {
  yield plain('release-savepoint', `release savepoint ${spelling.quote(name)}`)
}
export function* rollbackToSavepoint(name: string): Script<void> {
  yield plain('rollback-to-savepoint', `rollback to savepoint ${spelling.quote(name)}`)
}

const readOnlyMark = 'rowshift_read_only'

/** The planner is left alone: a query of the user may well be best answered by a hash or a sort. */
export function* beginReadOnly(limits: TransactionLimits, isEnclosed: boolean): Script<void> {
  if (isEnclosed) {
    yield* savepoint(readOnlyMark)
    yield plain('read-only', 'set transaction read only')
    return
  }
  yield* beginReadOnlyIn([], limits)
}

export function* beginReadOnlyIn(path: readonly string[], limits: TransactionLimits): Script<void> {
  yield beginWith('read committed read only', [...printing, ...limited(limits)], path)
}

/** Rolled back to the savepoint, the transaction may write again. */
export function* endReadOnly(isEnclosed: boolean): Script<void> {
  if (!isEnclosed) return yield* rollback()
  yield* rollbackToSavepoint(readOnlyMark)
  yield* releaseSavepoint(readOnlyMark)
}

const sqlStateOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code

export function* isInTransaction(): Script<boolean> {
  try {
    yield plain('probe', 'savepoint rowshift_probe')
  } catch (error) {
    // 25P01: SAVEPOINT can only be used in transaction blocks.
    if (sqlStateOf(error) === '25P01') return false
    throw error
  }
  yield plain('probe', 'release savepoint rowshift_probe')
  return true
}

export function* hasSavepoint(name: string): Script<boolean> {
  yield plain('probe', 'savepoint rowshift_probe')
  try {
    yield plain('probe', `rollback to savepoint ${spelling.quote(name)}`)
  } catch (error) {
    // 3B001: no such savepoint. The error spoils the transaction up to our own savepoint only.
    if (sqlStateOf(error) !== '3B001') throw error
    yield plain('probe', 'rollback to savepoint rowshift_probe')
    yield plain('probe', 'release savepoint rowshift_probe')
    return false
  }
  return true
}

export function* requirePrimary(): Script<void> {
  const { rows } = yield plain('primary?', 'select case when pg_is_in_recovery() then 1 else 0 end')
  if (Number(rows[0]?.[0]) === 1) {
    throw new RowshiftError('READ_REPLICA', {
      message:
        'this connection leads to a read replica, which may lag behind: rows read there could be written over newer ones. Connect to the primary.',
    })
  }
}

/** A server by when it was started: its address differs by the way to it. */
export function* identity(): Script<string> {
  const { rows } = yield plain(
    'identity',
    `select concat_ws('/', pg_postmaster_start_time()::text, current_database(), current_schema())`,
  )
  return String(rows[0]?.[0])
}
