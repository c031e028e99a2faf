import type { Cell, Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import type { RunRow, StateStatements } from '../state-statements.js'
import { number, text } from './cells.js'
import { type StateSpelling, stateTables } from './spelling.js'

/** Statements on the run table. */
export function stateOfRuns(
  spelling: StateSpelling,
): Pick<
  StateStatements,
  | 'insertRun'
  | 'adoptRun'
  | 'activeRun'
  | 'latestRun'
  | 'latestRuns'
  | 'lockRun'
  | 'moveRun'
  | 'setPass'
  | 'setPace'
  | 'pace'
  | 'setTransformHash'
  | 'setVerification'
  | 'endFollow'
  | 'hasFollowedBefore'
> {
  const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

  const runColumns = sql`id, name, status, reason_code, reason, table_name, definition_hash, table_hash, transform_hash, pass,
    estimated_rows, verification, journal_days, follow, ${spelling.timeText(sql`postponed_until`)}, batch_rows, delay_ms, target_ms,
    ${spelling.timeText(sql`created_at`)}, ${spelling.timeText(sql`started_at`)},
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
    journalDays: number(row[12]),
    follow: text(row[13]) as RunRow['follow'],
    postponedUntil: text(row[14]),
    batchRows: number(row[15]),
    delayMs: number(row[16]),
    targetMs: number(row[17]),
    createdAt: String(row[18]),
    startedAt: text(row[19]),
    finishedAt: text(row[20]),
  })

  function* oneRun(label: string, query: Sql): Script<RunRow | undefined> {
    const { rows } = yield statement(label, query)
    return rows[0] && readRun(rows[0])
  }

  return {
    *insertRun(names, run) {
      const { run: table } = stateTables(names)
      yield statement(
        'insert-run',
        sql`insert into ${table} (name, active_name, status, table_name, definition_hash, table_hash,
            estimated_rows, journal_days, follow, pass, created_at)
          values (${run.name}, ${run.name}, ${run.status}, ${run.table}, ${run.definitionHash}, ${run.tableHash},
            ${run.estimatedRows}, ${run.journalDays ?? null}, ${run.follow ?? null}, 0, ${spelling.now}) ${spelling.keepOnConflict(sql`active_name`)}`,
      )
      const active = yield* oneRun(
        'lock-run',
        sql`select ${runColumns} from ${table} where active_name = ${run.name} ${spelling.forUpdate}`,
      )
      if (!active) throw new Error(`the run of "${run.name}" vanished while it was being inserted`)
      return active
    },

    *adoptRun(names, id, run) {
      const { run: table } = stateTables(names)
      yield statement(
        'adopt-run',
        sql`update ${table} set table_name = ${run.table}, definition_hash = ${run.definitionHash}, table_hash = ${run.tableHash},
            estimated_rows = ${run.estimatedRows}, journal_days = ${run.journalDays ?? null},
            follow = ${run.follow ?? null}
          where id = ${id} and definition_hash = ''`,
      )
      const adopted = yield* oneRun(
        'lock-run',
        sql`select ${runColumns} from ${table} where id = ${id} ${spelling.forUpdate}`,
      )
      if (!adopted) throw new Error(`run ${id} of "${run.name}" vanished while it was being adopted`)
      return adopted
    },

    *activeRun(names, name) {
      const { run } = stateTables(names)
      return yield* oneRun(
        'read-run',
        sql`select ${runColumns} from ${run} where active_name = ${name} ${spelling.forRead}`,
      )
    },

    *latestRun(names, name) {
      const { run } = stateTables(names)
      return yield* oneRun(
        'read-run',
        sql`select ${runColumns} from ${run} where name = ${name} order by id desc limit 1 ${spelling.forRead}`,
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
            postponed_until = ${change.postponedMs === undefined ? null : spelling.after(sql`${change.postponedMs}`)},
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

    setPace(names, id, { batchRows, delayMs, targetMs }) {
      const { run } = stateTables(names)
      return statement(
        'set-pace',
        sql`update ${run} set batch_rows = ${batchRows ?? null}, delay_ms = ${delayMs ?? null},
          target_ms = ${targetMs ?? null} where id = ${id}`,
      )
    },

    *pace(names, id) {
      const { run } = stateTables(names)
      const { rows } = yield statement(
        'read-pace',
        sql`select batch_rows, delay_ms, target_ms from ${run} where id = ${id}`,
      )
      const [batchRows, delayMs, targetMs] = (rows[0] ?? []).map(number)
      return { batchRows, delayMs, targetMs }
    },

    setTransformHash(names, id, hash) {
      const { run } = stateTables(names)
      return statement('set-transform', sql`update ${run} set transform_hash = ${hash} where id = ${id}`)
    },

    setVerification(names, id, json) {
      const { run } = stateTables(names)
      return statement('set-verification', sql`update ${run} set verification = ${json} where id = ${id}`)
    },

    *hasFollowedBefore(names, { id, name }) {
      const { run } = stateTables(names)
      const { rows } = yield statement(
        'read-runs',
        sql`select 1 from ${run} where name = ${name} and id < ${id} and follow is not null limit 1`,
      )
      return rows.length > 0
    },

    endFollow(names, name) {
      const { run } = stateTables(names)
      return statement('end-follow', sql`update ${run} set follow = 'over' where name = ${name} and follow = 'on'`)
    },
  }
}
