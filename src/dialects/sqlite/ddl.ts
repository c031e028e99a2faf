import type { DdlStatements } from '../ddl.js'

/** SQLite changes no column: the ORM makes the table anew and copies its rows, whatever the change is. */
export const ddl: DdlStatements = {
  changeType: () => [],
  dropForeignKeyIndex: () => [],
  prepareOnline: () => undefined,
  *runLimited() {
    throw new Error('nothing is prepared here')
  },
  renameType: () => [],
}
