import { ExponentialBackoff, handleWhen, retry } from 'cockatiel'
import type { Database, Session } from '../adapters/database.js'
import { databaseError } from '../backfill/connection/retry.js'
import { RowshiftError } from '../errors/rowshift-error.js'

/** A statement that lasts longer is better given up: others wait for it. */
const limits = { lockTimeoutMs: 2_000, lateLockTimeoutMs: 10_000, statementTimeoutMs: 10_000 }

/** Some minutes, while nothing is held. In a transaction, earlier statements may hold locks: half a minute. */
const patience = {
  alone: { maxAttempts: 30, maxDelay: 10_000 },
  enclosed: { maxAttempts: 10, maxDelay: 1_000 },
}

/**
 * Runs statements on the schema, with a limit on what they may keep waiting, and again when one is reached: in a transaction that is
 * open, under a savepoint of it.
 * @throws RowshiftError DATABASE_UNAVAILABLE when no attempt got its locks, ROW_REFUSED when rows are in the way, DATABASE_ERROR
 * for a refusal
 */
export async function changeSchema(
  { dialect }: Database,
  session: Session,
  statements: readonly string[],
): Promise<void> {
  try {
    const isEnclosed = await session.run(dialect.isInTransaction())
    const { maxAttempts, maxDelay } = isEnclosed ? patience.enclosed : patience.alone
    const policy = retry(
      handleWhen((error) => dialect.classifyError(error).class === 'transient'),
      { maxAttempts, backoff: new ExponentialBackoff({ initialDelay: 250, maxDelay }) },
    )
    for (const part of dialect.ddl.limited(statements, limits, { isEnclosed })) {
      await policy.execute(() => session.run(part()))
    }
  } catch (error) {
    const { class: kind, databaseCode, subject } = dialect.classifyError(error)
    if (kind !== 'row') throw databaseError(dialect, error, 'changing the schema')
    const place = [databaseCode, subject].filter((part) => part !== undefined).join(', ')
    throw new RowshiftError('ROW_REFUSED', {
      message: `rows of the table do not fulfil what is asked of them now (${place}): duplicates, missing values or rows without their other half. Mend them, then migrate again.`,
      details: { databaseCode, subject },
      cause: error,
    })
  }
}
