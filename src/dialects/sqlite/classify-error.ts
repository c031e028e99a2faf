import type { ClassifiedError, ErrorClass } from '../dialect.js'

/** https://www.sqlite.org/rescode.html: primary result codes by what they mean for a batch. All others are fatal. */
const classes: Readonly<Record<string, ErrorClass>> = {
  SQLITE_BUSY: 'transient',
  SQLITE_LOCKED: 'transient',
  // A race for the locks of the write-ahead log.
  SQLITE_PROTOCOL: 'transient',
  SQLITE_SCHEMA: 'transient',
  SQLITE_CONSTRAINT: 'row',
  SQLITE_MISMATCH: 'row',
  SQLITE_TOOBIG: 'row',
}

/** SQLITE_ERROR is mostly a faulty statement, but a function may have met a value that it refuses. */
const refusedValue = /malformed JSON|JSON cannot hold|integer overflow|pattern too complex|bad JSON path/i

/** The codes of messages, for drivers that pass only those. The rest of such a message may hold names, never values. */
const messages: readonly (readonly [RegExp, string])[] = [
  [/^UNIQUE constraint failed/, 'SQLITE_CONSTRAINT_UNIQUE'],
  [/^NOT NULL constraint failed/, 'SQLITE_CONSTRAINT_NOTNULL'],
  [/^CHECK constraint failed/, 'SQLITE_CONSTRAINT_CHECK'],
  [/^FOREIGN KEY constraint failed/, 'SQLITE_CONSTRAINT_FOREIGNKEY'],
  [/^cannot store \w+ value in /, 'SQLITE_CONSTRAINT_DATATYPE'],
  [/^constraint failed/, 'SQLITE_CONSTRAINT'],
  [/^datatype mismatch/, 'SQLITE_MISMATCH'],
  [/^string or blob too big/, 'SQLITE_TOOBIG'],
  [/^database is locked/, 'SQLITE_BUSY'],
  [/^database (table|schema) is locked/, 'SQLITE_LOCKED'],
  [/^locking protocol/, 'SQLITE_PROTOCOL'],
  [/^database schema has changed/, 'SQLITE_SCHEMA'],
  [/^database or disk is full/, 'SQLITE_FULL'],
  [/^attempt to write a readonly database/, 'SQLITE_READONLY'],
  [/^disk I\/O error/, 'SQLITE_IOERR'],
  [/^database disk image is malformed/, 'SQLITE_CORRUPT'],
  [/^file is not a database/, 'SQLITE_NOTADB'],
  [/^unable to open database file/, 'SQLITE_CANTOPEN'],
  [/^out of memory/, 'SQLITE_NOMEM'],
  [/^interrupted/, 'SQLITE_INTERRUPT'],
  [/^not authorized|^authorization denied/, 'SQLITE_AUTH'],
  [refusedValue, 'SQLITE_ERROR'],
  [
    /^no such |syntax error|^ambiguous column|^too many levels|^cannot (start|commit|rollback)|^SQL logic error/,
    'SQLITE_ERROR',
  ],
]

/** The code of an error of which only the message is known; undefined for a text that a trigger or a function has chosen. */
export function codeOfMessage(message: string): string | undefined {
  return messages.find(([pattern]) => pattern.test(message))?.[1]
}

const connectionLost = /database connection is not open|database (is )?closed|statement closed/i

/** better-sqlite3: the application is iterating over rows on the connection that it shares. */
const connectionBusy = /database connection is busy/i

/** 'UNIQUE constraint failed: city.slug, city.country': the columns. A trigger's own text is none of ours. */
const subjectOf = (code: string, message: string): string | undefined => {
  if (code === 'SQLITE_CONSTRAINT_TRIGGER') return undefined
  return /constraint failed: (.+)/.exec(message)?.[1] ?? /^cannot store \w+ value in \w+ column (.+)/.exec(message)?.[1]
}

const uniqueViolations = new Set([
  'SQLITE_CONSTRAINT_UNIQUE',
  'SQLITE_CONSTRAINT_PRIMARYKEY',
  'SQLITE_CONSTRAINT_ROWID',
])

export function classifyError(error: unknown): ClassifiedError {
  // sql.js throws bare strings too.
  const { code: given, message = String(error) } = (error ?? {}) as {
    readonly code?: unknown
    readonly message?: string
  }
  const code = typeof given === 'string' && given.startsWith('SQLITE_') ? given : codeOfMessage(message)
  const found = (kind: ErrorClass): ClassifiedError => ({
    class: kind,
    databaseCode: code,
    subject: code && subjectOf(code, message),
    isUniqueViolation: code !== undefined && uniqueViolations.has(code),
  })
  if (code === undefined) {
    if (connectionLost.test(message)) return found('connection-lost')
    return found(connectionBusy.test(message) ? 'transient' : 'fatal')
  }
  if (code === 'SQLITE_ERROR') return found(refusedValue.test(message) ? 'row' : 'fatal')
  return found(classes[/^SQLITE_[A-Z]+/.exec(code)?.[0] ?? ''] ?? 'fatal')
}
