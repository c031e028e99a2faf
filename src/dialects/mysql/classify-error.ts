import type { ClassifiedError } from '../dialect.js'

/*
 * https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html and
 * https://mariadb.com/kb/en/mariadb-error-code-reference/. Decided by number: one SQLSTATE covers many unlike errors here.
 */

const transient = new Set([
  1020, // ER_CHECKREAD: record has changed since last read (innodb_snapshot_isolation)
  1040, // ER_CON_COUNT_ERROR: too many connections
  1047, // ER_UNKNOWN_COM_ERROR: a Galera node that is not ready
  1197, // ER_TRANS_CACHE_FULL: the transaction is too big for the binary log's cache
  1203, // ER_TOO_MANY_USER_CONNECTIONS
  1205, // ER_LOCK_WAIT_TIMEOUT: undoes the statement only, so the transaction is rolled back by us
  1206, // ER_LOCK_TABLE_FULL
  1213, // ER_LOCK_DEADLOCK
  1412, // ER_TABLE_DEF_CHANGED: made after the transaction's snapshot
  1226, // ER_USER_LIMIT_REACHED
  1317, // ER_QUERY_INTERRUPTED: KILL QUERY
  1614, // ER_XA_RBDEADLOCK
  1637, // ER_TOO_MANY_CONCURRENT_TRXS
  1969, // ER_STATEMENT_TIMEOUT, MariaDB
  3024, // ER_QUERY_TIMEOUT, MySQL
  3101, // ER_TRANSACTION_ROLLBACK_DURING_COMMIT: refused by the replication group
  3572, // ER_LOCK_NOWAIT
])

/** The server ended or refused the session: nothing more can be sent on it. */
const connectionLost = new Set([
  1053, // ER_SERVER_SHUTDOWN
  1077, // ER_NORMAL_SHUTDOWN
  1079, // ER_SHUTDOWN_COMPLETE
  1080, // ER_FORCING_CLOSE
  1152, // ER_ABORTING_CONNECTION
  // ER_NET_PACKET_TOO_LARGE: the server hangs up, and whether the client sees this error or a reset is chance. Both go the way
  // of a lost connection: a new one with a smaller batch, and in the end a run that stops and blames no row.
  1153,
  1156, // ER_NET_PACKETS_OUT_OF_ORDER
  1158, // ER_NET_READ_ERROR
  1159, // ER_NET_READ_INTERRUPTED
  1160, // ER_NET_ERROR_ON_WRITE
  1161, // ER_NET_WRITE_INTERRUPTED
  1184, // ER_NEW_ABORTING_CONNECTION
  1927, // ER_CONNECTION_KILLED, MariaDB
  2002, // CR_CONNECTION_ERROR
  2006, // CR_SERVER_GONE_ERROR
  2013, // CR_SERVER_LOST
  2055, // CR_SERVER_LOST_EXTENDED
  3169, // ER_SESSION_WAS_KILLED, MySQL
  4031, // ER_CLIENT_INTERACTION_TIMEOUT, MySQL
])

/** What a single row of the batch can cause, besides all of SQLSTATE 22 (data), 23 (constraints) and 45000 (SIGNAL). */
const row = new Set([
  1118, // ER_TOO_BIG_ROWSIZE: the row no longer fits a page
  1242, // ER_SUBQUERY_NO_1_ROW
  1265, // WARN_DATA_TRUNCATED
  1300, // ER_INVALID_CHARACTER_STRING
  1301, // ER_WARN_ALLOWED_PACKET_OVERFLOWED: the result of a function is too long
  1364, // ER_NO_DEFAULT_FOR_FIELD
  1366, // ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
  1369, // ER_VIEW_CHECK_FAILED
  1411, // ER_WRONG_VALUE_FOR_TYPE
  1416, // ER_CANT_CREATE_GEOMETRY_OBJECT
  1526, // ER_NO_PARTITION_FOR_GIVEN_VALUE
  1748, // ER_ROW_DOES_NOT_MATCH_GIVEN_PARTITION_SET
  3819, // ER_CHECK_CONSTRAINT_VIOLATED, MySQL
  3854, // ER_CANNOT_CONVERT_STRING, MySQL
  4025, // ER_CONSTRAINT_FAILED, MariaDB
])

/** SQLSTATE 23000, yet about a statement: ER_NON_UNIQ_ERROR, an ambiguous column. */
const notRow = new Set([1052])

const uniqueViolations = new Set([
  1022, // ER_DUP_KEY
  1062, // ER_DUP_ENTRY
  1169, // ER_DUP_UNIQUE
  1586, // ER_DUP_ENTRY_WITH_KEY_NAME
  1859, // ER_DUP_UNKNOWN_IN_INDEX
])

/** Codes of the driver and of the system, which come without a number. */
const lostCodes =
  /^(PROTOCOL_|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ER_SOCKET|ER_CONNECTION|ER_GET_CONNECTION|ER_CMD_CONNECTION_CLOSED)/

interface MysqlError {
  readonly errno?: number
  readonly code?: string
  readonly sqlState?: string
  readonly sqlMessage?: string
  readonly message?: string
  /** The driver will not use this connection again. */
  readonly fatal?: boolean
}

export function errnoOf(error: unknown): number | undefined {
  const { errno } = (error ?? {}) as MysqlError
  // System errors have negative numbers.
  return typeof errno === 'number' && errno > 0 ? errno : undefined
}

export function classifyError(error: unknown): ClassifiedError {
  const { code, sqlState = '', sqlMessage, message = '', fatal = false } = (error ?? {}) as MysqlError
  const errno = errnoOf(error)
  const found = (kind: ClassifiedError['class']): ClassifiedError => ({
    class: kind,
    databaseCode: code ?? (errno === undefined ? undefined : String(errno)),
    subject: subjectOf(sqlMessage ?? message),
    isUniqueViolation: errno !== undefined && uniqueViolations.has(errno),
  })
  if (errno !== undefined && errno >= 1000) {
    if (connectionLost.has(errno)) return found('connection-lost')
    if (transient.has(errno)) return found('transient')
    if (row.has(errno) || (/^(22|23|45)/.test(sqlState) && !notRow.has(errno))) return found('row')
    return found('fatal')
  }
  // The driver's own errors have no number: a socket that broke, a command on a connection that is closed.
  const isLost =
    fatal ||
    (code !== undefined && lostCodes.test(code)) ||
    /closed state|connection (was )?(lost|closed)/i.test(message)
  return found(isLost ? 'connection-lost' : 'fatal')
}

/**
 * The key, constraint or column a message names; the session speaks English, see `pinned`. Each pattern is tied to the end of
 * the message, or to text that only the server writes, because the middle can hold values: "Duplicate entry 'x' for key 'slug'".
 */
const namedSubjects = [
  / for key '([^']+)'$/, // 1062; MySQL 8 writes 'city.slug'
  / for column (?:`[^`]*`\.)*[`']([^`']+)[`'] at row \d+$/, // 1264, 1265, 1292, 1366, 1406
  /^Column '([^']+)' cannot be null$/, // 1048
  /^Field '([^']+)' doesn't have a default value$/, // 1364
  /^Check constraint '([^']+)' is violated\.$/, // 3819
  /^CONSTRAINT [`']([^`']+)[`'] failed for /, // 4025
  /^Cannot (?:add or update a child|delete or update a parent) row: a foreign key constraint fails \([^']*CONSTRAINT `([^`]+)` FOREIGN KEY/,
  / in value for column '([^']+)'\.$/, // 3140
]

function subjectOf(message: string): string | undefined {
  for (const pattern of namedSubjects) {
    const name = pattern.exec(message)?.[1]
    // MySQL puts the table before the name of a key or column.
    if (name !== undefined) return name.slice(name.lastIndexOf('.') + 1)
  }
  return undefined
}
