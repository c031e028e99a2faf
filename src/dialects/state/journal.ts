import { render, type Sql, type Statement, sql } from '../sql.js'
import type { JournalEntry, StateStatements } from '../state-statements.js'
import { type StateSpelling, stateTables } from './spelling.js'

/** Ids a statement lists: far below the bind limits of every database. */
const idsPerStatement = 5_000

/** Statements on the journal table. Each dialect's own `noteImages` writes to it, because it reads the user's rows. */
export function stateOfJournal(
  spelling: StateSpelling,
): Pick<
  StateStatements,
  | 'journalTable'
  | 'journaledRuns'
  | 'countJournal'
  | 'journalBytes'
  | 'journal'
  | 'deleteJournal'
  | 'expiredJournals'
  | 'purgeJournal'
  | 'dropJournal'
> {
  const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

  return {
    journalTable: (names) => stateTables(names).journal,

    *journaledRuns(names, name) {
      const { run } = stateTables(names)
      const { rows } = yield statement(
        'read-runs',
        sql`select id from ${run} where name = ${name} and journal_days > 0 order by id`,
      )
      return rows.map((row) => Number(row[0]))
    },

    *countJournal(names, runIds) {
      const { journal } = stateTables(names)
      const { rows } = yield statement(
        'measure-journal',
        sql`select count(*) from ${journal} where run_id in (${runIds})`,
      )
      return Number(rows[0]?.[0])
    },

    *journalBytes(names, runId) {
      const { checkpoint } = stateTables(names)
      const { rows } = yield statement(
        'measure-journal',
        sql`select sum(journal_bytes) from ${checkpoint} where run_id = ${runId}`,
      )
      return Number(rows[0]?.[0])
    },

    *journal(names, runIds, upTo, limit) {
      const { journal } = stateTables(names)
      const { rows } = yield statement(
        'read-journal',
        sql`select id, row_key, written, before_image, after_image, table_name from ${journal}
          where id <= ${upTo} and run_id in (${runIds}) order by id desc limit ${sql.raw(String(limit))}`,
      )
      return rows.map(
        (row): JournalEntry => ({
          id: Number(row[0]),
          table: row[5] === null ? undefined : String(row[5]),
          key: String(row[1]),
          columns: JSON.parse(String(row[2])) as string[],
          before: JSON.parse(String(row[3])) as (string | null)[] | null,
          after: JSON.parse(String(row[4])) as (string | null)[] | null,
        }),
      )
    },

    *deleteJournal(names, ids) {
      const { journal } = stateTables(names)
      for (let i = 0; i < ids.length; i += idsPerStatement) {
        yield statement(
          'delete-journal',
          sql`delete from ${journal} where id in (${ids.slice(i, i + idsPerStatement)})`,
        )
      }
    },

    *expiredJournals(names) {
      const { run, journal } = stateTables(names)
      const expiry = spelling.after(sql`journal_days * -86400000.0`)
      const { rows } = yield statement(
        'read-runs',
        sql`select id from ${run} where journal_days > 0 and active_name is null and coalesce(finished_at, created_at) < ${expiry}
          or journal_days = 0 and exists (select 1 from ${journal} where run_id = ${run}.id) order by id`,
      )
      return rows.map((row) => Number(row[0]))
    },

    *purgeJournal(names, runId, limit) {
      const { journal } = stateTables(names)
      const { rows } = yield statement(
        'read-journal',
        sql`select id from ${journal} where run_id = ${runId} order by id limit ${sql.raw(String(limit))}`,
      )
      const last = rows.at(-1)
      if (!last) return 0
      const { affected } = yield statement(
        'delete-journal',
        sql`delete from ${journal} where run_id = ${runId} and id <= ${Number(last[0])}`,
      )
      return affected
    },

    dropJournal(names, runId) {
      const { run } = stateTables(names)
      return statement('drop-journal', sql`update ${run} set journal_days = 0 where id = ${runId}`)
    },
  }
}
