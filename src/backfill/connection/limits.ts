import type { TransactionLimits } from '../../dialects/dialect.js'

/**
 * Time limits of rowshift's own transactions. A lock is waited for as long as an application would bear; a batch is short, so a
 * statement that runs for a minute is stuck; an idle transaction means that its process has stopped, and must not hold the
 * rows of others.
 */
export const batchLimits: TransactionLimits = {
  lockTimeoutMs: 5_000,
  statementTimeoutMs: 60_000,
  idleTimeoutMs: 10_000,
}

/** Beyond this a second connection is not coming promptly, and pages are read on the first. */
export const secondConnectionMs = 1_000

/** How long the first connection may take. */
export const firstConnectionMs = 30_000

/** Default lease of a shard: a worker that is silent for so long is taken to be dead. */
export const leaseMs = 5_000

/** A lease that was doubled again and again ends here: longer, and a dead worker would not be noticed. */
export const maxLeaseMs = 80_000

/** Times a changed row is read again before its row is locked for the last attempt. */
export const conflictAttempts = 5

/** The same where no row can be locked while an asynchronous transform runs: it then fails. */
export const unlockedAttempts = 20

/** How long a row may stay locked while its transform runs, in that last attempt. */
export const lockedTransformMs = 5_000

/** Passes over the key range after the first, for rows that began to match behind the cursor. */
export const maxSweeps = 3

/** Pages without a single match that share one checkpoint. */
export const emptyPagesPerCheckpoint = 20
