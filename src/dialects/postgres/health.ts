import type { Health, Measure } from '../health.js'
import type { Script } from '../script.js'
import type { Statement } from '../sql.js'

const ask = (text: string): Statement => ({ label: 'health', text, parameters: [] })

/**
 * The primary knows of all that stream from it. A replica that has caught up has no `replay_lag` once nothing happens, so where it
 * stands is compared first; pg_receivewal flushes and replays nothing. A slot without its replica stands for one that is lost. One that has
 * fallen silent keeps the lag it told last until it is given up: a replica tells at least every 10 s, so what goes beyond is added.
 */
const replicaLag = ask(`select count(*), count(*) filter (where lag_ms is null), coalesce(max(lag_ms), 0),
    (select count(*) from pg_replication_slots where slot_type = 'physical' and not active and not temporary)
  from (select case when coalesce(replay_lsn, flush_lsn) >= pg_current_wal_lsn() then 0
      else extract(epoch from coalesce(replay_lag, flush_lag)
        + greatest(clock_timestamp() - reply_time - interval '10 s', interval '0')) * 1000 end as lag_ms
    from pg_stat_replication where state is distinct from 'backup') as replica`)

function* replicaLagMs(): Script<Measure> {
  const { rows } = yield replicaLag
  const [replicas, silent, lagMs, lost] = (rows[0] ?? []).map(Number)
  if (lost! > 0) return { unknown: `${lost} replication slots have no replica connected` }
  if (!(replicas! > 0)) return { unknown: 'no replica is connected' }
  if (silent! > 0) return { unknown: `${silent} of ${replicas} replicas do not tell; the role may need pg_monitor` }
  return { value: lagMs! }
}

/**
 * Other roles' sessions are listed without their state unless the role has pg_read_all_stats. `client` leaves out what serves the
 * server itself, also where its kind is hidden.
 */
const others = `from pg_stat_activity where pid <> pg_backend_pid() and datid is not null and usesysid is not null
  and coalesce(backend_type, 'client backend') = 'client backend'`
const hidden = `count(*) filter (where query = '<insufficient privilege>' or state = 'disabled')`

function* ofActivity(value: string, where = ''): Script<Measure> {
  const { rows } = yield ask(`select ${hidden}, ${value} ${others} ${where}`)
  const [unseen, found] = (rows[0] ?? []).map(Number)
  if (unseen! > 0) {
    return { unknown: `${unseen} sessions hide what they do; grant pg_read_all_stats, and leave track_activities on` }
  }
  return { value: found! }
}

/** Only transactions of this database keep its garbage. */
const oldest = 'coalesce(extract(epoch from clock_timestamp() - min(xact_start)) * 1000, 0)'

export const health: Health = {
  replicaLagMs: { askedOf: 'primary', measure: replicaLagMs },
  activeConnections: () => ofActivity(`count(*) filter (where state in ('active', 'fastpath function call'))`),
  oldestTransactionMs: () => ofActivity(oldest, 'and datname = current_database()'),
  *lockWaits() {
    const { rows } = yield ask('select count(*) from pg_locks where not granted')
    return { value: Number(rows[0]?.[0]) }
  },
}
