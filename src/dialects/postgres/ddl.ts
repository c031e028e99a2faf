import type { DdlStatements } from '../ddl.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import { limited } from './limited.js'
import { prepareOnline } from './online.js'
import { tableSql } from './rows.js'
import { spelling } from './spelling.js'

const statement = (piece: Sql): Statement => render(piece, spelling, 'ddl')

export const ddl: DdlStatements = {
  /** ALTER TABLE "city" ALTER COLUMN "name" TYPE character varying(200) */
  changeType: (table, column, type) => [
    statement(sql`ALTER TABLE ${tableSql(table)} ALTER COLUMN ${sql.id(column)} TYPE ${sql.raw(type)}`),
  ],
  dropForeignKeyIndex: () => [],
  /** ANALYZE "city". Before the contract, so that its locks against everybody are not held meanwhile. */
  analyze: (table) => statement(sql`ANALYZE ${tableSql(table)}`),
  analyzesAfterContract: false,
  askOnline: (text) => ({ text, why: undefined }),
  prepareOnline,
  hasLockLimits: true,
  limited,
  /** ALTER TYPE "public"."post_status_enum" RENAME TO "status" */
  renameType: (schema, from, to) => [
    statement(sql`ALTER TYPE ${schema === undefined ? sql.id(from) : sql.id(schema, from)} RENAME TO ${sql.id(to)}`),
  ],
}
