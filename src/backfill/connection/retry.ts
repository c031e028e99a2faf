import { ExponentialBackoff, handleWhen, retry } from 'cockatiel'
import type { Dialect } from '../../dialects/dialect.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { RowFailure } from '../transform/transform.js'
import { CommitInDoubt, ConnectionInDoubt } from './transaction.js'

/** Attempts after the first: with the waits below they outlast a failover of some seconds. */
const maxAttempts = 8

export type Fault = 'transient' | 'connection-lost' | 'row' | 'fatal'

/** What an error means, whether it is the driver's or says that the state of a connection is unknown. */
export function faultOf(dialect: Dialect, error: unknown): Fault {
  if (error instanceof CommitInDoubt || error instanceof ConnectionInDoubt) return 'connection-lost'
  if (error instanceof RowshiftError) return error.retryable ? 'transient' : 'fatal'
  return dialect.classifyError(error).class
}

export interface RetryOptions {
  /** Runs before each further attempt, with the error that made it necessary; `give-up` when there is no point in one. */
  readonly onRetry: (error: unknown) => Promise<'again' | 'give-up'>
  readonly signal: AbortSignal
}

/** Runs a task again, after a growing and jittered wait, while its errors are transient or its connection is lost. */
export async function withRetry<T>(dialect: Dialect, task: () => Promise<T>, options: RetryOptions): Promise<T> {
  let isHopeless = false
  const policy = retry(
    handleWhen((error) => {
      if (isHopeless) return false
      const fault = faultOf(dialect, error)
      return !options.signal.aborted && (fault === 'transient' || fault === 'connection-lost')
    }),
    { maxAttempts, backoff: new ExponentialBackoff({ initialDelay: 50, maxDelay: 5_000 }) },
  )
  let previous: { readonly error: unknown } | undefined
  return policy.execute(async () => {
    if (previous && (await options.onRetry(previous.error)) === 'give-up') {
      isHopeless = true
      throw previous.error
    }
    try {
      return await task()
    } catch (error) {
      previous = { error }
      throw error
    }
  })
}

/** Why the database refused one row, without its contents. */
export function refusalOf(dialect: Dialect, error: unknown): Pick<RowFailure, 'code' | 'message'> {
  const { databaseCode, subject } = dialect.classifyError(error)
  const why = [databaseCode, subject].filter((part) => part !== undefined).join(', ')
  return { code: 'ROW_REFUSED', message: `the database refused it${why ? ` (${why})` : ''}` }
}

/** The database's refusal as an error of ours: a code, the database's own code, and no contents. */
export function databaseError(dialect: Dialect, error: unknown, doing: string): RowshiftError {
  if (error instanceof RowshiftError) return error
  const cause = error instanceof CommitInDoubt || error instanceof ConnectionInDoubt ? error.cause : error
  const found = dialect.classifyError(cause)
  const fault = faultOf(dialect, error)
  const database =
    found.databaseCode === undefined ? '' : ` (${found.databaseCode}${found.subject ? `, ${found.subject}` : ''})`
  const details = { databaseCode: found.databaseCode, subject: found.subject }
  if (fault === 'row') {
    return new RowshiftError('ROW_REFUSED', {
      message: `the database refused a row${database} while ${doing}. Nothing of this batch was kept. Change the values or the constraint, then run it again.`,
      details,
      cause,
    })
  }
  if (fault === 'fatal') {
    return new RowshiftError('DATABASE_ERROR', {
      message: `the database refused a statement${database} while ${doing}: ${fatalReason(cause)}. No row is to blame; mend the cause and run it again.`,
      details,
      cause,
    })
  }
  return new RowshiftError('DATABASE_UNAVAILABLE', {
    message: `the database was busy or out of reach${database} while ${doing}, longer than retries last. What is committed is kept; run it again.`,
    details,
    cause,
    retryable: true,
  })
}

/** Errors that blame no row name tables, columns and disks, so their text may be shown. */
function fatalReason(cause: unknown): string {
  return cause instanceof Error ? cause.message.split('\n')[0]! : String(cause)
}
