import { render, type Sql, type Statement, sql } from '../sql.js'
import type { StateStatements } from '../state-statements.js'
import { text } from './cells.js'
import { type StateSpelling, stateTables } from './spelling.js'
import { ownVersionRow } from './tables.js'

/** Statements on the recorded versions of the application's tables. */
export function stateOfVersions(
  spelling: StateSpelling,
): Pick<StateStatements, 'recordedVersions' | 'recordVersion' | 'forgetVersion'> {
  const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)
  return {
    *recordedVersions(names) {
      const { schemaVersion } = stateTables(names)
      const { rows } = yield statement(
        'recorded-versions',
        sql`select table_name, version, fingerprint, table_columns, migration, ${spelling.timeText(sql`recorded_at`)}
          from ${schemaVersion} where table_name <> ${ownVersionRow} order by table_name ${spelling.forRead}`,
      )
      return rows.map(([table, version, fingerprint, columns, migration, recordedAt]) => ({
        table: String(table),
        version: String(version),
        fingerprint: String(fingerprint),
        columns: JSON.parse(String(columns)),
        migration: text(migration),
        recordedAt: String(recordedAt),
      }))
    },
    *recordVersion(names, { table, version, fingerprint, columns, migration }) {
      yield* this.forgetVersion(names, table)
      const { schemaVersion } = stateTables(names)
      yield statement(
        'record-version',
        sql`insert into ${schemaVersion} (table_name, version, fingerprint, table_columns, migration, recorded_at)
          values (${table}, ${version}, ${fingerprint}, ${JSON.stringify(columns)}, ${migration ?? null}, ${spelling.now})`,
      )
    },
    *forgetVersion(names, table) {
      const { schemaVersion } = stateTables(names)
      yield statement('forget-version', sql`delete from ${schemaVersion} where table_name = ${table}`)
    },
  }
}
