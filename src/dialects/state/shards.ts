import type { Cell, Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import { type Counters, counterNames, type ShardRow, type StateStatements } from '../state-statements.js'
import { text } from './cells.js'
import { type StateSpelling, stateTables } from './spelling.js'

const columnOfCounter: Record<keyof Counters, string> = {
  scanned: 'scanned',
  written: 'written',
  unchanged: 'unchanged',
  skipped: 'skipped',
  conflicts: 'conflicts',
  passLeft: 'pass_left',
  passWritten: 'pass_written',
  passScanned: 'pass_scanned',
  journalBytes: 'journal_bytes',
}

/** Statements on the checkpoint table. */
export function stateOfShards(
  spelling: StateSpelling,
): Pick<
  StateStatements,
  | 'insertShard'
  | 'shards'
  | 'freeShard'
  | 'lockShard'
  | 'tryLockShard'
  | 'claimShard'
  | 'cutShard'
  | 'heartbeat'
  | 'fence'
  | 'addCounters'
  | 'finishShard'
  | 'releaseShard'
  | 'dropClaims'
  | 'reopenShard'
  | 'openShards'
> {
  const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

  const shardColumns = sql`run_id, shard, status, lower_key, upper_key, cursor_key, seq, epoch, claim, worker, lease_ms,
    case when lease_until > ${spelling.now} then 1 else 0 end, taken_from, silent_ms, batch, ${spelling.timeText(sql`updated_at`)},
    ${sql.join(counterNames.map((name) => sql.id(columnOfCounter[name])))}`

  const readShard = (row: readonly Cell[]): ShardRow => ({
    runId: Number(row[0]),
    shard: Number(row[1]),
    status: row[2] === 'done' ? 'done' : 'open',
    lowerKey: text(row[3]),
    upperKey: text(row[4]),
    cursorKey: text(row[5]),
    seq: Number(row[6]),
    epoch: Number(row[7]),
    claim: text(row[8]),
    worker: text(row[9]),
    leaseMs: Number(row[10]),
    isLeased: Number(row[11]) === 1,
    takenFrom: text(row[12]),
    silentMs: row[13] === null || row[13] === undefined ? undefined : Number(row[13]),
    batch: text(row[14]),
    updatedAt: String(row[15]),
    counters: Object.fromEntries(counterNames.map((name, i) => [name, Number(row[16 + i])])) as Record<
      keyof Counters,
      number
    >,
  })

  const increments = (add: Partial<Counters>): Sql[] =>
    counterNames
      .filter((name) => (add[name] ?? 0) !== 0)
      .map((name) => sql`${sql.id(columnOfCounter[name])} = ${sql.id(columnOfCounter[name])} + ${add[name]}`)

  function* oneShard(label: string, query: Sql): Script<ShardRow | undefined> {
    const { rows } = yield statement(label, query)
    return rows[0] && readShard(rows[0])
  }

  return {
    insertShard(names, shard) {
      const { checkpoint } = stateTables(names)
      return statement(
        'insert-shard',
        sql`insert into ${checkpoint} (run_id, shard, status, lower_key, upper_key, seq, epoch, lease_ms, updated_at)
          values (${shard.runId}, ${shard.shard}, ${shard.status}, ${shard.lowerKey ?? null}, ${shard.upperKey ?? null}, 0, 0,
            ${shard.leaseMs}, ${spelling.now})`,
      )
    },

    *shards(names, runId) {
      const { checkpoint } = stateTables(names)
      const { rows } = yield statement(
        'read-shards',
        sql`select ${shardColumns} from ${checkpoint} where run_id = ${runId} order by shard ${spelling.forRead}`,
      )
      return rows.map(readShard)
    },

    *freeShard(names, runId) {
      const { checkpoint } = stateTables(names)
      return yield* oneShard(
        'find-shard',
        sql`select ${shardColumns} from ${checkpoint} where run_id = ${runId} and status = 'open'
          and (claim is null or lease_until <= ${spelling.now}) order by shard limit 1 ${spelling.forUpdateSkipLocked}`,
      )
    },

    *lockShard(names, runId, shard) {
      const { checkpoint } = stateTables(names)
      return yield* oneShard(
        'lock-shard',
        sql`select ${shardColumns} from ${checkpoint} where run_id = ${runId} and shard = ${shard} ${spelling.forUpdate}`,
      )
    },

    *tryLockShard(names, runId, shard) {
      const { checkpoint } = stateTables(names)
      return yield* oneShard(
        'try-lock-shard',
        sql`select ${shardColumns} from ${checkpoint} where run_id = ${runId} and shard = ${shard} ${spelling.forUpdateSkipLocked}`,
      )
    },

    // MySQL assigns from left to right: what is said of the former claim comes first.
    claimShard(names, shard, claim, worker, leaseMs) {
      const { checkpoint } = stateTables(names)
      const silent = sql`${spelling.millisecondsSince(sql`lease_until`)} + lease_ms`
      return statement(
        'claim-shard',
        sql`update ${checkpoint} set taken_from = worker, silent_ms = case when worker is not null then ${silent} end,
            epoch = epoch + 1, seq = seq + 1, claim = ${claim}, worker = ${worker}, lease_ms = ${leaseMs}, lease_until = ${spelling.after(sql`${leaseMs}`)}, updated_at = ${spelling.now}
          where run_id = ${shard.runId} and shard = ${shard.shard}`,
      )
    },

    cutShard(names, runId, shard, upperKey) {
      const { checkpoint } = stateTables(names)
      return statement(
        'cut-shard',
        sql`update ${checkpoint} set upper_key = ${upperKey}, seq = seq + 1 where run_id = ${runId} and shard = ${shard}`,
      )
    },

    heartbeat(names, hold) {
      const { checkpoint } = stateTables(names)
      return statement(
        'heartbeat',
        sql`update ${checkpoint} set lease_until = ${spelling.after(sql`lease_ms`)}
          where run_id = ${hold.runId} and shard = ${hold.shard} and claim = ${hold.claim}`,
      )
    },

    fence(names, hold, change) {
      const { checkpoint } = stateTables(names)
      const set = [
        sql`seq = seq + 1`,
        sql`batch = ${change.batch}`,
        sql`lease_until = ${spelling.after(sql`lease_ms`)}`,
        sql`updated_at = ${spelling.now}`,
        ...(change.cursorKey === undefined ? [] : [sql`cursor_key = ${change.cursorKey}`]),
        ...increments(change.add),
      ]
      const isWithin = change.upperKey === undefined ? sql`` : sql` and upper_key = ${change.upperKey}`
      return statement(
        'fence',
        sql`update ${checkpoint} set ${sql.join(set)} where run_id = ${hold.runId} and shard = ${hold.shard}
          and claim = ${hold.claim} and seq = ${hold.seq}${isWithin}`,
      )
    },

    addCounters(names, runId, shard, add) {
      const { checkpoint } = stateTables(names)
      const set = increments(add)
      return statement(
        'count',
        sql`update ${checkpoint} set ${set.length === 0 ? sql`updated_at = ${spelling.now}` : sql.join(set)}
          where run_id = ${runId} and shard = ${shard}`,
      )
    },

    finishShard(names, hold) {
      const { checkpoint } = stateTables(names)
      return statement(
        'finish-shard',
        sql`update ${checkpoint} set status = 'done', claim = null, worker = null, lease_until = null, seq = seq + 1,
            updated_at = ${spelling.now}
          where run_id = ${hold.runId} and shard = ${hold.shard} and claim = ${hold.claim}`,
      )
    },

    releaseShard(names, hold) {
      const { checkpoint } = stateTables(names)
      return statement(
        'release-shard',
        sql`update ${checkpoint} set claim = null, worker = null, lease_until = null, seq = seq + 1
          where run_id = ${hold.runId} and shard = ${hold.shard} and claim = ${hold.claim}`,
      )
    },

    dropClaims(names, runId) {
      const { checkpoint } = stateTables(names)
      return statement(
        'drop-claims',
        sql`update ${checkpoint} set claim = null, worker = null, lease_until = null, seq = seq + 1 where run_id = ${runId}`,
      )
    },

    reopenShard(names, runId, shard, upperKey) {
      const { checkpoint } = stateTables(names)
      return statement(
        'reopen-shard',
        sql`update ${checkpoint} set status = 'open', cursor_key = null, upper_key = ${upperKey ?? null}, seq = seq + 1,
            pass_written = 0, pass_left = 0, pass_scanned = 0, updated_at = ${spelling.now}
          where run_id = ${runId} and shard = ${shard}`,
      )
    },

    openShards(names, runId) {
      const { checkpoint } = stateTables(names)
      return statement(
        'open-shards',
        sql`update ${checkpoint} set status = 'open', seq = seq + 1 where run_id = ${runId} and status = 'done'`,
      )
    },
  }
}
