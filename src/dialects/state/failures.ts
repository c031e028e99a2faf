import { createHash } from 'node:crypto'
import type { Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import type { FailureRow, FailureStep, StateNames, StateStatements } from '../state-statements.js'
import { type StateSpelling, stateTables } from './spelling.js'

/** Rows a statement that lists keys takes at a time: far below the bind limits of every database. */
const keysPerStatement = 500

/** Keys are compared by bytes through their hash, whatever the collation of the table. */
function keyHash(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** Statements on the failure table. */
export function stateOfFailures(
  spelling: StateSpelling,
): Pick<
  StateStatements,
  'retryFailures' | 'putFailures' | 'failures' | 'countFailures' | 'failureCounts' | 'deleteFailures' | 'failedKeys'
> {
  const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

  function* deleteFailures(names: StateNames, runId: number, keys: readonly string[]): Script<void> {
    const { failure } = stateTables(names)
    for (const chunk of chunks(keys)) {
      yield statement(
        'delete-failures',
        sql`delete from ${failure} where run_id = ${runId} and key_hash in (${chunk.map(keyHash)})`,
      )
    }
  }

  return {
    retryFailures(names, runId) {
      const { failure } = stateTables(names)
      return statement(
        'retry-failures',
        sql`update ${failure} set state = 'conflict', attempts = 0 where run_id = ${runId} and state = 'failed'`,
      )
    },

    *putFailures(names, runId, failures) {
      const { failure } = stateTables(names)
      yield* deleteFailures(
        names,
        runId,
        failures.map(({ key }) => key),
      )
      for (const chunk of chunks(failures)) {
        const values = chunk.map(
          (f) =>
            sql`(${runId}, ${keyHash(f.key)}, ${f.key}, ${f.shard}, ${f.state}, ${f.code}, ${f.step}, ${f.message}, ${f.attempts}, ${spelling.now})`,
        )
        yield statement(
          'put-failures',
          sql`insert into ${failure} (run_id, key_hash, row_key, shard, state, code, step, message, attempts, at)
            values ${sql.join(values)}`,
        )
      }
    },

    deleteFailures,

    *failures(names, runId, page) {
      const { failure } = stateTables(names)
      const { rows } = yield statement(
        'read-failures',
        sql`select run_id, row_key, shard, state, code, step, message, attempts, ${spelling.timeText(sql`at`)} from ${failure}
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
          step: String(row[5]) as FailureStep,
          message: String(row[6]),
          attempts: Number(row[7]),
          at: String(row[8]),
        }),
      )
    },

    *failedKeys(names, runId, keys) {
      const { failure } = stateTables(names)
      const found = new Set<string>()
      for (const chunk of chunks(keys)) {
        const { rows } = yield statement(
          'failed-keys',
          sql`select row_key from ${failure}
            where run_id = ${runId} and state = 'failed' and key_hash in (${chunk.map(keyHash)})`,
        )
        for (const [key] of rows) found.add(String(key))
      }
      return found
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
        sql`select state, code, step, count(*) from ${failure} where run_id = ${runId}
          group by state, code, step order by count(*) desc, code, step, state`,
      )
      return rows.map((row) => ({
        state: row[0] === 'conflict' ? 'conflict' : 'failed',
        code: String(row[1]),
        step: String(row[2]) as FailureStep,
        rows: Number(row[3]),
      }))
    },
  }
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += keysPerStatement) yield items.slice(i, i + keysPerStatement)
}
