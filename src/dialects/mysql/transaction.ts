import { RowshiftError } from '../../errors/rowshift-error.js'
import type { SessionSettings, TransactionLimits } from '../dialect.js'
import type { Cell, Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import { errnoOf } from './classify-error.js'
import { spelling } from './spelling.js'

/**
 * Refuses values that do not fit. Without NO_ZERO_DATE and NO_ZERO_IN_DATE, so that zero dates that are there can be read,
 * paged by and restored; new ones are refused by the codecs. ANSI_QUOTES, PIPES_AS_CONCAT and their like are off, so that a
 * definition's SQL means the same on every server; NO_BACKSLASH_ESCAPES because drivers escape with backslashes. A key of 0 is stored as
 * 0, and not as the next AUTO_INCREMENT.
 */
const sqlMode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'

/** Settings that decide what is read and written, safe to change inside a transaction. Errors in English have known patterns. */
const pinned: SessionSettings = [
  ['sql_mode', sqlMode],
  ['time_zone', '+00:00'],
  ['lc_messages', 'en_US'],
  ['sql_select_limit', '18446744073709551615'],
  ['sql_big_selects', 'ON'],
  ['sql_safe_updates', 'OFF'],
  ['sql_auto_is_null', 'OFF'],
]

const plain = (label: string, text: string): Statement => ({ label, text, parameters: [] })

/** set session `sql_mode` = 'STRICT_ALL_TABLES,...', `innodb_lock_wait_timeout` = 5 */
function setSession(settings: SessionSettings): Statement {
  const assignments = settings.map(([name, value]) => sql`${sql.id(name)} = ${settingSql(name, value)}`)
  return render(sql`set session ${sql.join(assignments)}`, spelling, 'pin')
}

function settingSql(name: string, value: string): Sql {
  // How SHOW VARIABLES prints NULL, "no conversion".
  if (name === 'character_set_results' && value === '') return sql`null`
  // A number in quotes is refused as the value of a number.
  return /^\d+(\.\d+)?$/.test(value) ? sql.raw(value) : sql`${value}`
}

/** A replica is told by its being read-only: users with SUPER could write there all the same. Of the server, and read with the session's. */
const readOnlySettings = ['read_only', 'innodb_read_only']

/** On both servers and on every version. */
const everywhere = [
  ...readOnlySettings,
  ...pinned.map(([name]) => name),
  'character_set_client',
  'character_set_results',
  'collation_connection',
  'autocommit',
  'completion_type',
  'innodb_lock_wait_timeout',
  'lock_wait_timeout',
  'wait_timeout',
]

/** What one server has and the other one calls otherwise, or has not. */
const onMariaDb = ['tx_isolation', 'idle_transaction_timeout', 'max_statement_time']
const onMysql = ['transaction_isolation', 'max_execution_time']

const pairs = (names: readonly string[]): string => names.map((name) => `'${name}', @@${name}`).join(', ')

/**
 * Names and values: select 'sql_mode', @@sql_mode, 'time_zone', @@time_zone, ..., null
 *
 * With comments that only the one server takes for SQL: MariaDB passes over the numbers of MySQL's versions from 5.7 on.
 */
const readSettings = plain(
  'read-settings',
  `select ${pairs(everywhere)}, /*M! ${pairs(onMariaDb)}, */ /*!80000 ${pairs(onMysql)}, */ null`,
)

const listSettings = plain(
  'read-settings',
  `show session variables where variable_name in (${[...everywhere, ...onMariaDb, ...onMysql].map((name) => `'${name}'`).join(', ')})`,
)

/** A switch is a number in a SELECT and a word in a list; what is set is the word. */
const switches = new Set(['sql_big_selects', 'sql_safe_updates', 'sql_auto_is_null', 'autocommit'])

/**
 * The list costs ten times as much. It is for a proxy that leaves comments out, a session that limits the rows of a SELECT to none, and a
 * server that has lost one of the names.
 */
function* currentSettings(): Script<ReadonlyMap<string, string>> {
  const cells = yield* selectedSettings()
  const selected = new Map<string, string>()
  for (let i = 0; i + 1 < cells.length; i += 2) {
    const [name, value] = [String(cells[i]), String(cells[i + 1] ?? '')]
    selected.set(name, switches.has(name) ? (value === '1' ? 'ON' : 'OFF') : value)
  }
  if (selected.has('tx_isolation') || selected.has('transaction_isolation')) return selected
  const { rows } = yield listSettings
  return new Map(rows.map(([name, value]) => [String(name), String(value ?? '')]))
}

function* selectedSettings(): Script<readonly Cell[]> {
  try {
    return (yield readSettings).rows[0] ?? []
  } catch (error) {
    // ER_UNKNOWN_SYSTEM_VARIABLE.
    if (errnoOf(error) === 1193) return []
    throw error
  }
}

/** Remembers what the settings were, changes those that differ, and returns the former values of these. */
function* change(settingsFor: (current: ReadonlyMap<string, string>) => SessionSettings): Script<SessionSettings> {
  let current = yield* currentSettings()
  let limit: SessionSettings = []
  if (everywhere.some((name) => !current.has(name))) {
    // A session that limits the rows of a SELECT limits this list as well.
    const { rows } = yield plain('read-settings', 'select @@sql_select_limit')
    limit = [['sql_select_limit', String(rows[0]?.[0])]]
    yield setSession(pinned.filter(([name]) => name === 'sql_select_limit'))
    current = yield* currentSettings()
  }
  const changes = settingsFor(current).filter(([name, value]) => current.has(name) && current.get(name) !== value)
  if (changes.length > 0) yield setSession(changes)
  return [...changes.map(([name]): SessionSettings[number] => [name, current.get(name)!]), ...limit]
}

/**
 * Texts travel as UTF-8 of up to four bytes. The driver encodes what it sends by the character set it connected with, which
 * nobody can change later: on a latin1 connection other letters would become '?' before the server sees them.
 */
function utf8(current: ReadonlyMap<string, string>): SessionSettings {
  const client = current.get('character_set_client') ?? ''
  if (!client.startsWith('utf8')) {
    throw new RowshiftError('UNSUPPORTED_DATABASE', {
      message: `the connection's character set is ${client}, in which most texts cannot be sent. Set \`charset: 'utf8mb4'\` for the connection; the tables may keep theirs.`,
      details: { characterSet: client },
    })
  }
  const isUtf8mb4 = (current.get('collation_connection') ?? '').startsWith('utf8mb4')
  return [
    ['character_set_client', 'utf8mb4'],
    ['character_set_results', 'utf8mb4'],
    ...(isUtf8mb4 ? [] : [['collation_connection', 'utf8mb4_general_ci'] as const]),
  ]
}

const seconds = (milliseconds: number): number => Math.max(1, Math.ceil(milliseconds / 1000))

/** The server ends an idle connection on MySQL, transaction or not, so it is given time for a slow transform as well. */
const shortestWaitSeconds = 30

function limited(limits: TransactionLimits, current: ReadonlyMap<string, string>): SessionSettings {
  const wait = Math.min(
    Number(current.get('wait_timeout')),
    Math.max(shortestWaitSeconds, seconds(limits.idleTimeoutMs)),
  )
  return [
    ['innodb_lock_wait_timeout', String(seconds(limits.lockTimeoutMs))],
    // For the lock on the table's definition, which an ALTER TABLE holds.
    ['lock_wait_timeout', String(seconds(limits.lockTimeoutMs))],
    // Seconds on MariaDB, for any statement; milliseconds on MySQL, for SELECT only. Each has its own variable.
    ['max_statement_time', String(seconds(limits.statementTimeoutMs))],
    ['max_execution_time', String(limits.statementTimeoutMs)],
    ['idle_transaction_timeout', String(seconds(limits.idleTimeoutMs))],
    ...(current.has('idle_transaction_timeout') ? [] : [['wait_timeout', String(wait)] as const]),
  ]
}

export const pinSession = (limits: TransactionLimits): Script<SessionSettings> =>
  change((current) => [
    ...onPrimary(readOnlySettings.map((name) => current.get(name))),
    ...pinned,
    ...utf8(current),
    ...limited(limits, current),
    ['autocommit', 'ON'],
    ['completion_type', 'NO_CHAIN'],
    // The same setting: MariaDB knows the second name since 11.1 only, MySQL dropped the first one.
    ['tx_isolation', 'READ-COMMITTED'],
    ['transaction_isolation', 'READ-COMMITTED'],
  ])

export function* restoreSession(before: SessionSettings): Script<void> {
  if (before.length > 0) yield setSession(before)
}

export const pinEnclosing = (): Script<SessionSettings> => change((current) => [...pinned, ...utf8(current)])
export const restoreEnclosing = restoreSession

// The limits were set with the session.
export function* begin(): Script<void> {
  yield plain('begin', 'start transaction read write')
}
export function* commit(): Script<void> {
  yield plain('commit', 'commit')
}
export function* rollback(): Script<void> {
  yield plain('rollback', 'rollback')
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

/** A transaction that has begun cannot be made one that reads only: there, what was written is taken back. */
export function* beginReadOnly(_limits: TransactionLimits, isEnclosed: boolean): Script<void> {
  if (isEnclosed) yield* savepoint(readOnlyMark)
  else yield plain('begin', 'start transaction read only')
}
export function* endReadOnly(isEnclosed: boolean): Script<void> {
  if (!isEnclosed) return yield* rollback()
  yield* rollbackToSavepoint(readOnlyMark)
  yield* releaseSavepoint(readOnlyMark)
}

/** Takes a savepoint away; false = there was none. */
function* release(name: string): Script<boolean> {
  try {
    yield plain('probe', `release savepoint ${spelling.quote(name)}`)
    return true
  } catch (error) {
    // ER_SP_DOES_NOT_EXIST.
    if (errnoOf(error) === 1305) return false
    throw error
  }
}

/** Outside a transaction SAVEPOINT does nothing and does not say so; RELEASE then finds none. */
export function* isInTransaction(): Script<boolean> {
  yield plain('probe', 'savepoint rowshift_probe')
  return yield* release('rowshift_probe')
}

/** Released and set again, not rolled back to: what was written since must stay. */
export function* hasSavepoint(name: string): Script<boolean> {
  if (!(yield* release(name))) return false
  yield* savepoint(name)
  return true
}

export function* requirePrimary(): Script<void> {
  const { rows } = yield plain('primary?', 'select @@global.read_only, @@global.innodb_read_only')
  onPrimary(rows[0] ?? [])
}

/** No settings. @throws RowshiftError READ_REPLICA */
function onPrimary(readOnly: readonly unknown[]): SessionSettings {
  const isOn = (value: unknown) => !['0', 'OFF'].includes(String(value ?? 'OFF').toUpperCase())
  if (!readOnly.some(isOn)) return []
  throw new RowshiftError('READ_REPLICA', {
    message:
      'this server is read-only, as replicas are, which may lag behind: rows read there could be written over newer ones. Connect to the primary.',
  })
}

export function* identity(): Script<string> {
  const { rows } = yield plain('identity', `select concat_ws('/', @@hostname, @@port, @@datadir, database())`)
  return String(rows[0]?.[0])
}
