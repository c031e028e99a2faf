import type { Cell, QueryResult } from '../../dialects/script.js'
import type { Session } from '../database.js'
import { createQueue, driveScript } from '../drive-script.js'
import type { QueryRunnerLike } from './data-source.js'

/** What the `mysql2` driver passes for each cell. */
interface Field {
  string(encoding: 'utf8'): string | null
}

interface QueryOptions {
  readonly sql: string
  readonly values: readonly unknown[]
  readonly rowsAsArray: true
  readonly nestTables: false
  readonly typeCast: (field: Field) => string | null
}

interface WriteResult {
  readonly affectedRows: number
  /** "Rows matched: 2  Changed: 1  Warnings: 0", in the language of the session. */
  readonly info?: string
}

/** A pooled connection of the `mysql2` driver. */
interface MysqlConnection {
  promise(): {
    query(options: QueryOptions): Promise<[rows: Cell[][] | WriteResult, fields: readonly { readonly name: string }[]]>
  }
  destroy(): void
}

/**
 * A session on the connection that a query runner holds. Statements go to the connection itself: TypeORM's `query` would log
 * the parameters, which are row contents, and build an object for each row.
 */
export async function openMysqlSession(
  queryRunner: QueryRunnerLike,
  options: { isBorrowed: boolean },
): Promise<Session> {
  const connection = (await queryRunner.connect()) as MysqlConnection
  const client = connection.promise()
  const inTurn = createQueue()
  const execute = async ({
    text,
    parameters,
  }: {
    text: string
    parameters: readonly unknown[]
  }): Promise<QueryResult> => {
    try {
      const [result, fields] = await client.query({ sql: text, values: parameters, ...asTexts })
      if (!Array.isArray(result)) return { rows: [], affected: affectedBy(result) }
      return { rows: result, affected: 0, columns: fields.map(({ name }) => name) }
    } catch (error) {
      // The statement with its parameters, which are row contents: an error is logged by whoever catches it.
      if (error instanceof Error && 'sql' in error) delete error.sql
      throw error
    }
  }
  return {
    isShared: false,
    run: (script) => inTurn(() => driveScript(script, execute)),
    async release({ discard = false } = {}) {
      if (options.isBorrowed) return
      // The pool forgets a connection that is destroyed; releasing the query runner then only ends its use.
      if (discard) connection.destroy()
      await queryRunner.release().catch(() => undefined)
    },
  }
}

/** Every cell as its text, whatever `typeCast`, `supportBigNumbers` or `nestTables` say for the application's own queries. */
const asTexts = {
  rowsAsArray: true,
  nestTables: false,
  typeCast: (field: Field) => field.string('utf8'),
} as const

/** Rows matched, also where the driver was told (`flags: ['-FOUND_ROWS']`) to count only those whose bytes changed. */
function affectedBy({ affectedRows, info = '' }: WriteResult): number {
  const numbers = info.match(/\d+/g)?.map(Number) ?? []
  // An INSERT's first number is its records, which is what it affected as well; other statements say nothing.
  return numbers[0] ?? affectedRows
}
