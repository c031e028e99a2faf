import { setTimeout as sleep } from 'node:timers/promises'
import { databaseError } from '../../backfill/retry.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { Database, Session } from '../database.js'

/**
 * How long others may have to wait: behind a statement that itself waits for a lock, and for one that has it. What follows a
 * preparation reads no rows, so one that lasts is better given up.
 */
const limits = { lockTimeoutMs: 2_000, statementTimeoutMs: 10_000 }
const attempts = 30
const longestPauseMs = 10_000

/**
 * Runs statements that must not be in a transaction, with a limit on what they may keep waiting. When one gives up its lock, all
 * are run again: they begin by clearing away what an earlier attempt has left.
 * @throws RowshiftError DATABASE_UNAVAILABLE when no attempt got its locks, ROW_REFUSED when rows are in the way, DATABASE_ERROR for a refusal
 */
export async function runOnline({ dialect }: Database, session: Session, statements: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await session.run(dialect.ddl.runLimited(statements, limits))
      return
    } catch (error) {
      const { class: kind, databaseCode, subject } = dialect.classifyError(error)
      if (kind === 'row') {
        const place = [databaseCode, subject].filter((part) => part !== undefined).join(', ')
        throw new RowshiftError('ROW_REFUSED', {
          message: `rows of the table do not fulfil what is built (${place}): duplicates, missing values or rows without their other half. Mend them, then migrate again.`,
          details: { databaseCode, subject },
          cause: error,
        })
      }
      if (attempt === attempts || kind !== 'transient') {
        throw databaseError(dialect, error, 'building an index or a constraint')
      }
      await sleep(Math.min(longestPauseMs, 250 * 2 ** (attempt - 1)))
    }
  }
}
