import type { Cell, QueryResult } from '../../dialects/script.js'
import type { Session } from '../database.js'
import { createQueue, driveScript } from '../drive-script.js'
import type { QueryRunnerLike } from './data-source.js'

/** A client of the `pg` driver. */
interface PostgresClient {
  query(query: { text: string; values: readonly unknown[]; rowMode: 'array' }): Promise<{
    readonly rows: Cell[][]
    readonly rowCount: number | null
  }>
}

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
  const client = (await queryRunner.connect()) as PostgresClient
  const inTurn = createQueue()
  const execute = async (statement: { text: string; parameters: readonly unknown[] }): Promise<QueryResult> => {
    const result = await client.query({ text: statement.text, values: statement.parameters, rowMode: 'array' })
    return { rows: result.rows, affected: result.rowCount ?? 0 }
  }
  return {
    isShared: false,
    run: (script) => inTurn(() => driveScript(script, execute)),
    async release({ discard = false } = {}) {
      if (options.isBorrowed) return
      const runner = queryRunner as PostgresQueryRunner
      await (discard && runner.releasePostgresConnection
        ? runner.releasePostgresConnection(new Error('the state of this connection is in doubt'))
        : queryRunner.release()
      ).catch(() => undefined)
    },
  }
}
