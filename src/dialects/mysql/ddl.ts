import type { DdlStatements } from '../ddl.js'
import { render, sql } from '../sql.js'
import { limited } from './limited.js'
import { askOnline } from './online.js'
import { tableSql } from './rows.js'
import { spelling } from './spelling.js'

export const ddl: DdlStatements = {
  /** ALTER TABLE `city` MODIFY COLUMN `name` varchar(200) NOT NULL */
  changeType: (table, column, type) => [
    render(sql`ALTER TABLE ${tableSql(table)} MODIFY COLUMN ${sql.id(column)} ${sql.raw(type)}`, spelling, 'ddl'),
  ],
  /** ALTER TABLE `player` DROP INDEX `FK_1` */
  dropForeignKeyIndex: (table, foreignKey) => [
    render(sql`ALTER TABLE ${tableSql(table)} DROP INDEX ${sql.id(foreignKey)}`, spelling, 'ddl'),
  ],
  /** ANALYZE TABLE `city`. Commits, as the DDL of the contract before it has done already. */
  analyze: (table) => render(sql`ANALYZE TABLE ${tableSql(table)}`, spelling, 'ddl'),
  analyzesAfterContract: true,
  askOnline,
  prepareOnline: () => undefined,
  hasLockLimits: true,
  limited,
  // Types have no names here.
  renameType: () => [],
}
