import { render, type Sql, type Statement, sql } from '../sql.js'
import type { StateStatements } from '../state-statements.js'
import { type StateSpelling, stateTables } from './spelling.js'

/** Days that are kept: workers may count their days by different zones, and somebody may want to look back. */
const keptDays = 7

/** Statements on the table of daily budgets: one row a day, for all runs. */
export function stateOfBudget(spelling: StateSpelling): Pick<StateStatements, 'takeRows'> {
  const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

  return {
    *takeRows(names, day, wanted, most) {
      const { budget } = stateTables(names)
      const opened = yield statement(
        'open-budget',
        sql`insert into ${budget} (day, rows_taken) values (${day}, 0) ${spelling.keepOnConflict(sql`day`)}`,
      )
      // Days as text, year first, are in order.
      const oldest = new Date(Date.parse(day) - keptDays * 86_400_000).toISOString().slice(0, 10)
      if (opened.affected > 0) yield statement('forget-days', sql`delete from ${budget} where day < ${oldest}`)
      const { rows } = yield statement(
        'lock-budget',
        sql`select rows_taken from ${budget} where day = ${day} ${spelling.forUpdate}`,
      )
      const given = Math.min(wanted, Math.max(0, most - Number(rows[0]?.[0])))
      if (given !== 0) {
        yield statement('take-rows', sql`update ${budget} set rows_taken = rows_taken + ${given} where day = ${day}`)
      }
      return given
    },
  }
}
