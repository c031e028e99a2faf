import type { Session } from '../database.js'
import { type PgClient, pgSession } from '../drivers/pg-session.js'
import type { QueryRunnerLike } from './data-source.js'

interface PostgresQueryRunner extends QueryRunnerLike {
  /** TypeORM's own way to give back a client that the pool must not use again. */
  releasePostgresConnection?(error?: Error): Promise<void>
}

/**
 * A session on the client that a query runner holds. Statements go to the client itself: TypeORM's `query` would log the
 * parameters, which are row contents, and build an object for each row.
 */
export async function openPostgresSession(
  queryRunner: QueryRunnerLike,
  options: { isBorrowed: boolean },
): Promise<Session> {
  const client = (await queryRunner.connect()) as PgClient
  return pgSession(client, async ({ discard = false } = {}) => {
    if (options.isBorrowed) return
    const runner = queryRunner as PostgresQueryRunner
    await (discard && runner.releasePostgresConnection
      ? runner.releasePostgresConnection(new Error('the state of this connection is in doubt'))
      : queryRunner.release()
    ).catch(() => undefined)
  })
}
