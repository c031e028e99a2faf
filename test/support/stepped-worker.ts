import type { DataSource } from 'typeorm'
import { limitInBackground } from '../../src/backfill/batch/failure-limit.js'
import { ownConnections } from '../../src/backfill/connection/connections.js'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import { ownTransactions } from '../../src/backfill/connection/transaction.js'
import type { PreparedBackfill } from '../../src/backfill/prepare/prepare-backfill.js'
import type { RunRow } from '../../src/dialects/state-statements.js'
import { executeRun } from '../../src/runs/execute-run.js'
import { portTo } from './backfills.js'
import type { StatementHooks } from './observed-database.js'
import { SteppedDatabase } from './stepped-database.js'

/** A worker that goes no further than it is let. */
export class SteppedWorker {
  readonly #stepped: SteppedDatabase
  readonly #stop = new AbortController()
  isEnded = false
  error: unknown

  constructor(dataSource: DataSource, prepared: PreparedBackfill, run: RunRow, hooks: StatementHooks = {}) {
    this.#stepped = new SteppedDatabase(portTo(dataSource, hooks))
    const { database } = this.#stepped
    const { dialect } = database
    const connections = ownConnections(database)
    const scope = ownTransactions(dialect, batchLimits)
    const work = executeRun({
      database,
      dialect,
      prepared,
      connections,
      scope,
      run,
      from: [],
      waitsForOthers: false,
      failureLimit: limitInBackground,
      stop: this.#stop.signal,
      abort: new AbortController().signal,
      onProgress: () => undefined,
    } as Parameters<typeof executeRun>[0])
    work
      .catch((error: unknown) => {
        this.error = error
      })
      .finally(() => connections.release())
      .finally(() => {
        this.isEnded = true
      })
  }

  async step(choice: number): Promise<void> {
    await this.#stepped.step(choice)
    await this.#stepped.settle(() => this.isEnded)
  }

  kill(): Promise<void> {
    return this.#stepped.kill()
  }
}
