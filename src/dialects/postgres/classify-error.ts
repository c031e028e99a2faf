import type { ClassifiedError } from '../dialect.js'

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const transient = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '55P03', // lock_not_available: lock_timeout
  '57014', // query_canceled: statement_timeout
  '53300', // too_many_connections
])

/** The server ended or refused the session: nothing more can be sent on it. */
const connectionLost = new Set([
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '25P03', // idle_in_transaction_session_timeout
  '57P05', // idle_session_timeout
])

/** Classes whose errors a single row of the batch can cause: data exception, integrity constraint, trigger raise. */
const rowClasses = ['22', '23', 'P0']

const systemErrors = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ECONNABORTED',
])

interface PostgresError {
  readonly code?: string
  readonly constraint?: string
  readonly column?: string
  readonly message?: string
}

export function classifyError(error: unknown): ClassifiedError {
  const { code, constraint, column, message = '' } = (error ?? {}) as PostgresError
  const found = (kind: ClassifiedError['class']): ClassifiedError => ({
    class: kind,
    databaseCode: code,
    subject: constraint ?? column,
    isUniqueViolation: code === '23505',
  })
  if (code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !systemErrors.has(code)) {
    if (connectionLost.has(code) || code.startsWith('08')) return found('connection-lost')
    if (transient.has(code)) return found('transient')
    return found(rowClasses.includes(code.slice(0, 2)) ? 'row' : 'fatal')
  }
  // The driver's own errors have no SQLSTATE.
  if (
    (code !== undefined && systemErrors.has(code)) ||
    /connection (terminated|ended|error)|client has encountered|not queryable|client was closed/i.test(message)
  ) {
    return found('connection-lost')
  }
  return found('fatal')
}
