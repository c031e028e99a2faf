import { createHash } from 'node:crypto'
import type { Cell, Script } from '../adapters/database.js'
import { render, type Sql, type SqlSpelling, type Statement, sql } from './sql.js'
import {
  type Counters,
  counterNames,
  type FailureRow,
  type RunRow,
  type ShardRow,
  type StateNames,
  type StateStatements,
  stateVersion,
} from './state-statements.js'

/** What the state statements spell differently on each database. */
export interface StateSpelling extends SqlSpelling {
  /** The clock at this statement, not at the start of the transaction. */
  readonly now: Sql
  /** `now` plus a number of milliseconds, given as an expression. */
  after(milliseconds: Sql): Sql
  /** A stored time as ISO 8601 text in UTC. */
  timeText(column: Sql): Sql
  /** Row locks; empty where a writing transaction already is alone. */
  readonly forUpdate: Sql
  readonly forUpdateSkipLocked: Sql
  /** Ends an INSERT that keeps the present row when a unique `column` clashes. */
  keepOnConflict(column: Sql): Sql
  hasTable(names: StateNames, table: Sql, name: string): Sql
  /** Makes creation safe against a second creator; false = somebody else is at it. Absent where the DDL itself is safe. */
  readonly tryCreationLock?: Sql
  /** CREATE TABLE IF NOT EXISTS statements, in order. */
  createTables(tables: StateTables): readonly Sql[]
}

export interface StateTables {
  readonly run: Sql
  readonly checkpoint: Sql
  readonly failure: Sql
  readonly schemaVersion: Sql
}

export function stateTables(names: StateNames): StateTables {
  const path = (name: string) =>
    names.schema === undefined ? sql.id(names.prefix + name) : sql.id(names.schema, names.prefix + name)
  return {
    run: path('run'),
    checkpoint: path('checkpoint'),
    failure: path('failure'),
    schemaVersion: path('schema_version'),
  }
}

const columnOfCounter: Record<keyof Counters, string> = {
  scanned: 'scanned',
  written: 'written',
  unchanged: 'unchanged',
  skipped: 'skipped',
  conflicts: 'conflicts',
  passLeft: 'pass_left',
  passWritten: 'pass_written',
  passScanned: 'pass_scanned',
}

/** Under which name the state tables record their own version, beside those of the application's tables. */
const ownVersionRow = '(rowshift state tables)'

/** Rows a statement that lists keys takes at a time: far below the bind limits of every database. */
const keysPerStatement = 500

const text = (cell: Cell | undefined): string | undefined =>
  cell === null || cell === undefined ? undefined : String(cell)

/** Keys are compared by bytes through their hash, whatever the collation of the table. */
export function keyHash(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

export function sharedState(spelling: StateSpelling): StateStatements {
  const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

  const runColumns = sql`id, name, status, reason_code, reason, table_name, definition_hash, table_hash, transform_hash, pass,
    estimated_rows, verification, ${spelling.timeText(sql`created_at`)}, ${spelling.timeText(sql`started_at`)},
    ${spelling.timeText(sql`finished_at`)}`

  const readRun = (row: readonly Cell[]): RunRow => ({
    id: Number(row[0]),
    name: String(row[1]),
    status: String(row[2]),
    reasonCode: text(row[3]),
    reason: text(row[4]),
    table: String(row[5]),
    definitionHash: String(row[6]),
    tableHash: String(row[7]),
    transformHash: text(row[8]),
    pass: Number(row[9]),
    estimatedRows: Number(row[10]),
    verification: text(row[11]),
    createdAt: String(row[12]),
    startedAt: text(row[13]),
    finishedAt: text(row[14]),
  })

  const shardColumns = sql`run_id, shard, status, lower_key, upper_key, cursor_key, seq, epoch, claim, worker, lease_ms,
    case when lease_until > ${spelling.now} then 1 else 0 end, batch, ${spelling.timeText(sql`updated_at`)},
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
    batch: text(row[12]),
    updatedAt: String(row[13]),
    counters: Object.fromEntries(counterNames.map((name, i) => [name, Number(row[14 + i])])) as Record<
      keyof Counters,
      number
    >,
  })

  const increments = (add: Partial<Counters>): Sql[] =>
    counterNames
      .filter((name) => (add[name] ?? 0) !== 0)
      .map((name) => sql`${sql.id(columnOfCounter[name])} = ${sql.id(columnOfCounter[name])} + ${add[name]}`)

  function* oneRun(label: string, query: Sql): Script<RunRow | undefined> {
    const { rows } = yield statement(label, query)
    return rows[0] && readRun(rows[0])
  }

  function* oneShard(label: string, query: Sql): Script<ShardRow | undefined> {
    const { rows } = yield statement(label, query)
    return rows[0] && readShard(rows[0])
  }

  return {
    *version(names) {
      const { schemaVersion } = stateTables(names)
      const present = yield statement(
        'state-present',
        spelling.hasTable(names, schemaVersion, `${names.prefix}schema_version`),
      )
      if (present.rows.length === 0) return undefined
      const { rows } = yield statement(
        'state-version',
        sql`select version from ${schemaVersion} where table_name = ${ownVersionRow}`,
      )
      return rows[0] && Number(rows[0][0])
    },

    *create(names) {
      if (spelling.tryCreationLock) {
        const { rows } = yield statement('state-lock', spelling.tryCreationLock)
        if (Number(rows[0]?.[0]) !== 1) return 'locked'
      }
      const tables = stateTables(names)
      for (const table of spelling.createTables(tables)) yield statement('state-create', table)
      yield statement(
        'state-create',
        sql`insert into ${tables.schemaVersion} (table_name, version, fingerprint, recorded_at)
          values (${ownVersionRow}, ${String(stateVersion)}, '', ${spelling.now}) ${spelling.keepOnConflict(sql`table_name`)}`,
      )
      return 'created'
    },

    *insertRun(names, run) {
      const { run: table } = stateTables(names)
      yield statement(
        'insert-run',
        sql`insert into ${table} (name, active_name, status, table_name, definition_hash, table_hash, transform_hash,
            estimated_rows, pass, created_at)
          values (${run.name}, ${run.name}, ${run.status}, ${run.table}, ${run.definitionHash}, ${run.tableHash},
            ${run.transformHash ?? null}, ${run.estimatedRows}, 0, ${spelling.now}) ${spelling.keepOnConflict(sql`active_name`)}`,
      )
      const active = yield* oneRun(
        'lock-run',
        sql`select ${runColumns} from ${table} where active_name = ${run.name} ${spelling.forUpdate}`,
      )
      if (!active) throw new Error(`the run of "${run.name}" vanished while it was being inserted`)
      return active
    },

    *activeRun(names, name) {
      const { run } = stateTables(names)
      return yield* oneRun('read-run', sql`select ${runColumns} from ${run} where active_name = ${name}`)
    },

    *latestRun(names, name) {
      const { run } = stateTables(names)
      return yield* oneRun(
        'read-run',
        sql`select ${runColumns} from ${run} where name = ${name} order by id desc limit 1`,
      )
    },

    *latestRuns(names) {
      const { run } = stateTables(names)
      const { rows } = yield statement(
        'read-runs',
        sql`select ${runColumns} from ${run} where id in (select max(id) from ${run} group by name) order by id`,
      )
      return rows.map(readRun)
    },

    *lockRun(names, id) {
      const { run } = stateTables(names)
      return yield* oneRun('lock-run', sql`select ${runColumns} from ${run} where id = ${id} ${spelling.forUpdate}`)
    },

    *moveRun(names, id, change) {
      const { run } = stateTables(names)
      const isFirstStart = change.to === 'running'
      const { affected } = yield statement(
        'move-run',
        sql`update ${run} set status = ${change.to}, active_name = ${change.isActive ? sql`name` : null},
            reason_code = ${change.reasonCode ?? null}, reason = ${change.reason ?? null},
            started_at = ${isFirstStart ? sql`coalesce(started_at, ${spelling.now})` : sql`started_at`},
            finished_at = ${change.isFinished ? spelling.now : null}
          where id = ${id} and status = ${change.from}`,
      )
      return affected === 1
    },

    setPass(names, id, pass) {
      const { run } = stateTables(names)
      return statement('start-pass', sql`update ${run} set pass = ${pass} where id = ${id}`)
    },

    setVerification(names, id, json) {
      const { run } = stateTables(names)
      return statement('set-verification', sql`update ${run} set verification = ${json} where id = ${id}`)
    },

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
        sql`select ${shardColumns} from ${checkpoint} where run_id = ${runId} order by shard`,
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

    claimShard(names, shard, claim, worker, leaseMs) {
      const { checkpoint } = stateTables(names)
      return statement(
        'claim-shard',
        sql`update ${checkpoint} set epoch = epoch + 1, seq = seq + 1, claim = ${claim}, worker = ${worker},
            lease_ms = ${leaseMs}, lease_until = ${spelling.after(sql`${leaseMs}`)}, updated_at = ${spelling.now}
          where run_id = ${shard.runId} and shard = ${shard.shard}`,
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
      return statement(
        'fence',
        sql`update ${checkpoint} set ${sql.join(set)} where run_id = ${hold.runId} and shard = ${hold.shard}
          and claim = ${hold.claim} and seq = ${hold.seq}`,
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
          where run_id = ${hold.runId} and shard = ${hold.shard} and claim = ${hold.claim} and seq = ${hold.seq}`,
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

    retryFailures(names, runId) {
      const { failure } = stateTables(names)
      return statement(
        'retry-failures',
        sql`update ${failure} set state = 'conflict', attempts = 0 where run_id = ${runId} and state = 'failed'`,
      )
    },

    *putFailures(names, runId, failures) {
      const { failure } = stateTables(names)
      yield* this.deleteFailures(
        names,
        runId,
        failures.map(({ key }) => key),
      )
      for (const chunk of chunks(failures)) {
        const values = chunk.map(
          (f) =>
            sql`(${runId}, ${keyHash(f.key)}, ${f.key}, ${f.shard}, ${f.state}, ${f.code}, ${f.message}, ${f.attempts}, ${spelling.now})`,
        )
        yield statement(
          'put-failures',
          sql`insert into ${failure} (run_id, key_hash, row_key, shard, state, code, message, attempts, at)
            values ${sql.join(values)}`,
        )
      }
    },

    *deleteFailures(names, runId, keys) {
      const { failure } = stateTables(names)
      for (const chunk of chunks(keys)) {
        yield statement(
          'delete-failures',
          sql`delete from ${failure} where run_id = ${runId} and key_hash in (${chunk.map(keyHash)})`,
        )
      }
    },

    *failures(names, runId, page) {
      const { failure } = stateTables(names)
      const { rows } = yield statement(
        'read-failures',
        sql`select run_id, row_key, shard, state, code, message, attempts, ${spelling.timeText(sql`at`)} from ${failure}
          where run_id = ${runId} ${page.state ? sql`and state = ${page.state}` : sql``}
          ${page.shard === undefined ? sql`` : sql`and shard = ${page.shard}`}
          ${page.after === undefined ? sql`` : sql`and key_hash > ${keyHash(page.after)}`}
          order by key_hash limit ${sql.raw(String(page.limit))}`,
      )
      return rows.map(
        (row): FailureRow => ({
          runId: Number(row[0]),
          key: String(row[1]),
          shard: Number(row[2]),
          state: row[3] === 'conflict' ? 'conflict' : 'failed',
          code: String(row[4]),
          message: String(row[5]),
          attempts: Number(row[6]),
          at: String(row[7]),
        }),
      )
    },

    *countFailures(names, runId) {
      const { failure } = stateTables(names)
      const { rows } = yield statement(
        'count-failures',
        sql`select coalesce(sum(case when state = 'conflict' then 1 else 0 end), 0),
            coalesce(sum(case when state = 'failed' then 1 else 0 end), 0) from ${failure} where run_id = ${runId}`,
      )
      return { conflict: Number(rows[0]?.[0]), failed: Number(rows[0]?.[1]) }
    },

    *failureCounts(names, runId) {
      const { failure } = stateTables(names)
      const { rows } = yield statement(
        'count-failures',
        sql`select state, code, count(*) from ${failure} where run_id = ${runId}
          group by state, code order by count(*) desc, code, state`,
      )
      return rows.map((row) => ({
        state: row[0] === 'conflict' ? 'conflict' : 'failed',
        code: String(row[1]),
        rows: Number(row[2]),
      }))
    },
  }
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += keysPerStatement) yield items.slice(i, i + keysPerStatement)
}
