import { setTimeout as sleep } from 'node:timers/promises'
import { databaseError } from '../../backfill/retry.js'
import type { Database, Session } from '../database.js'

/** How long others may have to wait behind a statement that itself waits for a lock. */
const lockTimeoutMs = 2_000
const attempts = 30
const longestPauseMs = 10_000

/**
 * Runs statements that must not be in a transaction, with a limit on what they may keep waiting. When one gives up its lock, all
 * are run again: they begin by clearing away what an earlier attempt has left.
 * @throws RowshiftError DATABASE_UNAVAILABLE when no attempt got its locks, DATABASE_ERROR for a refusal
 */
export async function runOnline({ dialect }: Database, session: Session, statements: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await session.run(dialect.ddl.runLimited(statements, lockTimeoutMs))
      return
    } catch (error) {
      if (attempt === attempts || dialect.classifyError(error).class !== 'transient') {
        throw databaseError(dialect, error, 'building an index or a constraint')
      }
      await sleep(Math.min(longestPauseMs, 250 * 2 ** (attempt - 1)))
    }
  }
}
