import { render, type Sql, type Statement, sql } from '../sql.js'
import { type StateStatements, stateVersion } from '../state-statements.js'
import { type StateSpelling, type StateTables, stateTables } from './spelling.js'

/** Under which name the state tables record their own version, beside those of the application's tables. */
export const ownVersionRow = '(rowshift state tables)'

export function insertOwnVersion(spelling: StateSpelling, { schemaVersion }: StateTables): Sql {
  return sql`insert into ${schemaVersion} (table_name, version, fingerprint, table_columns, recorded_at)
    values (${ownVersionRow}, ${String(stateVersion)}, '', '[]', ${spelling.now}) ${spelling.keepOnConflict(sql`table_name`)}`
}

/** Creates the state tables and tells their version. */
export function stateOfTables(spelling: StateSpelling): Pick<StateStatements, 'version' | 'create'> {
  const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

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
        sql`select version from ${schemaVersion} where table_name = ${ownVersionRow} ${spelling.forRead}`,
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
      yield statement('state-create', insertOwnVersion(spelling, tables))
      return 'created'
    },
  }
}
