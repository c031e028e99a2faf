import { followerId } from '../follow.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import type { Note, StateStatements } from '../state-statements.js'
import { type StateSpelling, stateTables } from './spelling.js'

/** Ids a statement lists: far below the bind limits of every database. */
const idsPerStatement = 1_000

/** Statements on the notes that triggers write. */
export function stateOfNotes(
  spelling: StateSpelling,
): Pick<StateStatements, 'notes' | 'countNotes' | 'deleteNotes' | 'dropNotes'> {
  const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

  return {
    *notes(names, backfill, limit) {
      const { change } = stateTables(names)
      const { rows } = yield statement(
        'read-notes',
        sql`select id, row_key from ${change} where follower = ${followerId(names, backfill)} order by id limit ${sql.raw(String(limit))}`,
      )
      return rows.map((row): Note => ({ id: String(row[0]), key: String(row[1]) }))
    },

    *countNotes(names, backfill) {
      const { change } = stateTables(names)
      const { rows } = yield statement(
        'count-notes',
        sql`select count(*) from ${change} where follower = ${followerId(names, backfill)}`,
      )
      return Number(rows[0]?.[0])
    },

    *deleteNotes(names, ids) {
      const { change } = stateTables(names)
      for (let i = 0; i < ids.length; i += idsPerStatement) {
        yield statement('delete-notes', sql`delete from ${change} where id in (${ids.slice(i, i + idsPerStatement)})`)
      }
    },

    dropNotes(names, backfill) {
      const { change } = stateTables(names)
      return statement('drop-notes', sql`delete from ${change} where follower = ${followerId(names, backfill)}`)
    },
  }
}
