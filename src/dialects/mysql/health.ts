import type { Health, Measure } from '../health.js'
import type { QueryResult, Script } from '../script.js'
import type { Statement } from '../sql.js'
import { errnoOf } from './classify-error.js'

const ask = (text: string): Statement => ({ label: 'health', text, parameters: [] })

/** MariaDB with all its connections; MySQL from 8.0.22; MySQL before. */
const spellings = ['show all replicas status', 'show replica status', 'show slave status']

function* replicaStatus(): Script<QueryResult | undefined> {
  for (const spelling of spellings) {
    try {
      return yield ask(spelling)
    } catch (error) {
      // ER_PARSE_ERROR: the other server's spelling.
      if (errnoOf(error) !== 1064) throw error
    }
  }
  return undefined
}

/** Asked of the replica: the primary does not know how far its replicas are. A replica may have several sources. */
function* replicaLagMs(): Script<Measure> {
  const status = yield* replicaStatus()
  if (!status || status.rows.length === 0) return { unknown: 'the server is no replica' }
  const at = status.columns?.findIndex((name) => /^seconds_behind_(source|master)$/i.test(name)) ?? -1
  if (at < 0) return { unknown: 'the server does not tell how far it is behind' }
  // NULL = one of its threads has stopped, or has lost its source.
  if (status.rows.some((row) => row[at] === null || row[at] === undefined)) {
    return { unknown: 'replication is not running on it' }
  }
  return { value: Math.max(...status.rows.map((row) => Number(row[at]))) * 1000 }
}

function* statusVariable(name: string): Script<Measure> {
  const { rows } = yield ask(`show global status where variable_name = '${name}'`)
  const value = rows[0]?.[1]
  return value === undefined ? { unknown: `the server has no status variable ${name}` } : { value: Number(value) }
}

/** Refused without the PROCESS privilege. Its times are in the server's own zone, whatever the session's. */
const oldestTransaction = ask(`select coalesce(max(timestampdiff(second, trx_started,
    convert_tz(utc_timestamp(), '+00:00', 'SYSTEM'))), 0)
  from information_schema.innodb_trx where trx_mysql_thread_id not in (0, connection_id())`)

export const health: Health = {
  replicaLagMs: { askedOf: 'replica', measure: replicaLagMs },
  *activeConnections() {
    const running = yield* statusVariable('Threads_running')
    // The one that asks is running.
    return 'value' in running ? { value: Math.max(0, running.value - 1) } : running
  },
  *oldestTransactionMs() {
    const { rows } = yield oldestTransaction
    return { value: Number(rows[0]?.[0]) * 1000 }
  },
  lockWaits: () => statusVariable('Innodb_row_lock_current_waits'),
}
