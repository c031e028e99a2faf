import type { Cell, QueryResult } from '../../dialects/script.js'
import type { Statement } from '../../dialects/sql.js'
import type { Session } from '../database.js'
import { createQueue, driveScript } from '../drive-script.js'

/** What the `mariadb` driver passes for each cell. */
interface Column {
  string(): string | null
}

interface QueryOptions {
  readonly sql: string
  readonly rowsAsArray: true
  readonly nestTables: false
  readonly metaAsArray: false
  readonly typeCast: (column: Column) => string | null
}

type Result = (Cell[][] & { readonly meta: readonly { name(): string }[] }) | { readonly affectedRows: number }

/** A pooled connection of the `mariadb` driver. */
export interface MariadbConnection {
  query(options: QueryOptions, values: readonly unknown[]): Promise<Result>
  on(event: 'error', listener: () => void): unknown
  off(event: 'error', listener: () => void): unknown
  release(): Promise<void>
  destroy(): void
}

/** Every cell as its text, whatever the application's own queries ask for. */
const asTexts = {
  rowsAsArray: true,
  nestTables: false,
  metaAsArray: false,
  typeCast: (column: Column) => column.string(),
} as const

export function mariadbSession(connection: MariadbConnection): Session {
  const inTurn = createQueue()
  // Without a listener a connection that breaks while it is idle would end the process.
  const onError = () => undefined
  connection.on('error', onError)

  const execute = async ({ text, parameters }: Statement): Promise<QueryResult> => {
    try {
      const result = await connection.query({ sql: text, ...asTexts }, parameters)
      if (!Array.isArray(result)) return { rows: [], affected: result.affectedRows }
      return { rows: result, affected: 0, columns: result.meta.map((column) => column.name()) }
    } catch (error) {
      throw withoutContents(error)
    }
  }

  return {
    isShared: false,
    run: (script) => inTurn(() => driveScript(script, execute)),
    async release({ discard = false } = {}) {
      connection.off('error', onError)
      try {
        if (discard) connection.destroy()
        else await connection.release()
      } catch {
        // Gone already.
      }
    },
  }
}

interface DriverError extends Error {
  errno?: number
  readonly code?: string
  readonly sqlState?: string
  readonly sqlMessage?: string | null
  readonly fatal?: boolean
}

/** Numbers that the driver gives to its own errors, which no server sends. */
const isOfDriver = (errno: number | undefined): boolean => errno !== undefined && errno > 45_000 && errno < 46_000

/**
 * The same error without the statement and its parameters, which are row contents and which the driver puts into the message.
 * An error of the driver itself keeps its code alone, as those of `mysql2` do.
 */
export function withoutContents(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !('sqlMessage' in thrown)) return thrown
  const { errno, code, sqlState, sqlMessage, fatal, message } = thrown as DriverError
  const error = new Error(sqlMessage ?? message.split('\n')[0])
  if (code === 'ER_MAX_ALLOWED_PACKET') return Object.assign(error, { errno: 1153, code: 'ER_NET_PACKET_TOO_LARGE' })
  const number = isOfDriver(errno) ? {} : { errno, sqlState }
  return Object.assign(error, { code, fatal, sqlMessage, ...number })
}
