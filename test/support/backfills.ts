import type { DataSource, QueryRunner } from 'typeorm'
import type { DatabaseSource } from '../../src/adapters/database.js'
import type { DataSourceLike } from '../../src/adapters/typeorm/data-source.js'
import { databaseOf } from '../../src/adapters/typeorm/database.js'
import type { Backfill } from '../../src/backfill/definition/define-backfill.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import type { ErrorCode } from '../../src/errors/codes.js'
import { RowshiftError } from '../../src/errors/rowshift-error.js'
import { type ForegroundOptions, runInForeground } from '../../src/runs/run-in-foreground.js'
import type { RunResult } from '../../src/runs/run-result.js'
import { observe, type StatementHooks } from './observed-database.js'
import { prismaBeside } from './prisma/prisma-beside.js'
import { adapterOf } from './test-database.js'

/** The database as rowshift sees it, through the adapter of the test. */
export function portTo(dataSource: DataSource, hooks: StatementHooks = {}) {
  const isPrisma = adapterOf(dataSource) === 'prisma'
  return observe(isPrisma ? prismaBeside(dataSource)! : databaseOf(dataSource as unknown as DataSourceLike), hooks)
}

/** The same as a worker takes it, which leaves it open. */
export const sourceOf = (dataSource: DataSource): DatabaseSource => ({
  kind: 'database-source',
  open: async () => ({ ...portTo(dataSource), close: async () => undefined }),
})

/** Batches stay as large as a definition says, however slow the machine is. */
const unhurried = { targetMs: 60_000 }

/** Runs a definition in the background way: own connections, own transactions. */
export function runBackfill(
  dataSource: DataSource,
  backfill: Backfill,
  options: Omit<ForegroundOptions, 'database' | 'definition'> & { readonly hooks?: StatementHooks } = {},
): Promise<RunResult> {
  const { hooks, ...rest } = options
  const database = portTo(dataSource, hooks)
  const pace = { ...unhurried, ...rest.pace }
  return runInForeground({ database, definition: definitionOf(backfill), ...rest, pace })
}

/** The code a call fails with; anything but a RowshiftError fails the test. */
export async function codeOf(call: Promise<unknown> | (() => unknown)): Promise<ErrorCode | undefined> {
  try {
    await (typeof call === 'function' ? call() : call)
    return undefined
  } catch (error) {
    if (error instanceof RowshiftError) return error.code
    throw error
  }
}

/** Runs statements on a query runner of their own. */
export async function withQueryRunner<T>(
  dataSource: DataSource,
  task: (queryRunner: QueryRunner) => Promise<T>,
): Promise<T> {
  const queryRunner = dataSource.createQueryRunner()
  try {
    return await task(queryRunner)
  } finally {
    await queryRunner.release()
  }
}
