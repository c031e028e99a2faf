import { render, type Sql, type Statement, sql } from '../sql.js'
import type { StateStatements } from '../state-statements.js'
import { type StateSpelling, stateTables } from './spelling.js'

/** Statements on the recorded versions. */
export function stateOfVersions(spelling: StateSpelling): Pick<StateStatements, 'recordedVersions' | 'recordVersion'> {
  const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)
  return {
    *recordedVersions(names) {
      const { schemaVersion } = stateTables(names)
      const { rows } = yield statement(
        'recorded-versions',
        sql`select table_name, version from ${schemaVersion} where table_name not like '(%' ${spelling.forRead}`,
      )
      return new Map(rows.map(([table, version]) => [String(table), String(version)]))
    },
    *recordVersion(names, { table, version }) {
      const { schemaVersion } = stateTables(names)
      yield statement('forget-version', sql`delete from ${schemaVersion} where table_name = ${table}`)
      if (version === undefined) return
      yield statement(
        'record-version',
        sql`insert into ${schemaVersion} (table_name, version, fingerprint, recorded_at)
          values (${table}, ${version}, '', ${spelling.now})`,
      )
    },
  }
}
