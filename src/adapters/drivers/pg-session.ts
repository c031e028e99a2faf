import type { Cell, QueryResult } from '../../dialects/script.js'
import type { Statement } from '../../dialects/sql.js'
import type { Session } from '../database.js'
import { createQueue, driveScript } from '../drive-script.js'

/** A client of the `pg` driver. */
export interface PgClient {
  query(query: { text: string; values: readonly unknown[]; rowMode: 'array' }): Promise<PgResult | readonly PgResult[]>
}

interface PgResult {
  readonly rows: Cell[][]
  readonly rowCount: number | null
}

/** A session on a held client; what giving it back means is its holder's to say. */
export function pgSession(client: PgClient, release: Session['release']): Session {
  const inTurn = createQueue()
  const execute = async ({ text, parameters }: Statement): Promise<QueryResult> => {
    const answer = await client.query({ text, values: parameters, rowMode: 'array' })
    // A text of several statements has an answer for each; what such texts are used for returns nothing.
    if (Array.isArray(answer)) return { rows: [], affected: 0 }
    const { rows, rowCount } = answer as PgResult
    return { rows, affected: rowCount ?? 0 }
  }
  return { isShared: false, run: (script) => inTurn(() => driveScript(script, execute)), release }
}
