import type { DdlStatements } from '../ddl.js'
import { render, sql } from '../sql.js'
import { tableSql } from './rows.js'
import { spelling } from './spelling.js'

/** SQLite changes no column: the ORM makes the table anew and copies its rows, whatever the change is. */
export const ddl: DdlStatements = {
  changeType: () => [],
  dropForeignKeyIndex: () => [],
  /** ANALYZE "city". What was gathered earlier would go with the table when the ORM makes it anew. */
  analyze: (table) => render(sql`ANALYZE ${tableSql(table)}`, spelling, 'ddl'),
  analyzesAfterContract: true,
  askOnline: (text) => ({ text, why: undefined }),
  prepareOnline: () => undefined,
  // A writer waits for the whole database, as long as the application has said (`busy_timeout`).
  hasLockLimits: false,
  limited: (statements) =>
    statements.map(
      (text) =>
        function* () {
          yield { label: 'ddl', text, parameters: [] }
        },
    ),
  renameType: () => [],
}
