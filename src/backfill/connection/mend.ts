import type { Session } from '../../adapters/database.js'
import type { Dialect } from '../../dialects/dialect.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { Connections } from './connections.js'
import { databaseError, faultOf, withRetry } from './retry.js'
import type { Scope } from './transaction.js'

/** Where work is done that the database may disturb. */
export interface Workplace {
  readonly dialect: Dialect
  readonly connections: Connections
  readonly scope: Scope
  /** Aborted: no further attempt. */
  readonly abort: AbortSignal
}

export interface MendOptions {
  /** For the error: "writing a batch of backfill "city.slug"". */
  readonly doing: string
  readonly connection?: 'writer' | 'reader'
  readonly onFault?: (error: unknown) => void
}

/**
 * Work on a connection, done again where its error may pass, on a new connection where the old one was lost. In an enclosing
 * transaction nothing is done again, because its earlier work is lost with it.
 * @throws RowshiftError ROW_REFUSED, DATABASE_ERROR, DATABASE_UNAVAILABLE, and what the task throws as such
 */
export async function withFaultsMended<T>(
  { dialect, connections, scope, abort }: Workplace,
  { doing, connection = 'writer', onFault }: MendOptions,
  task: (session: Session) => Promise<T>,
): Promise<T> {
  let session: Session | undefined
  const attempt = async () => {
    session = undefined
    try {
      session = await connections[connection]()
      return await task(session)
    } catch (error) {
      onFault?.(error)
      throw error
    }
  }
  try {
    if (scope.isEnclosing) return await attempt()
    return await withRetry(dialect, attempt, {
      signal: abort,
      async onRetry(error) {
        // The pool has been waited for long enough.
        if (!session && error instanceof RowshiftError) return 'give-up'
        if (!session || faultOf(dialect, error) !== 'connection-lost') return 'again'
        return (await connections.discard(session)) ? 'again' : 'give-up'
      },
    })
  } catch (error) {
    throw databaseError(dialect, error, doing)
  }
}
