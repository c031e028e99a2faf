import type { Table, TableColumn } from 'typeorm'
import type { Statement } from '../../../dialects/sql.js'
import { RowshiftError } from '../../../errors/rowshift-error.js'
import type { RehearsedSchema } from './builder.js'
import type { EntityChange } from './table-changes.js'

/** Adds a step: what it does, and the calls of TypeORM that do it. */
export type Add = (what: string, task: () => Promise<unknown>) => Promise<void>

export const quoted = (name: string): string => `"${name}"`

/** Statements of our own take the way that TypeORM's take. */
export interface Executing {
  executeQueries(up: readonly unknown[], down: readonly unknown[]): Promise<void>
}

export const queriesOf = (statements: readonly Statement[]) => statements.map(({ text }) => ({ query: text }))

export interface ColumnPair {
  readonly oldColumn: TableColumn
  readonly newColumn: TableColumn
}

/** TypeORM changes the database, but not always the columns it holds in memory. */
export async function changeColumns(schema: RehearsedSchema, table: Table, changed: ColumnPair[]): Promise<void> {
  await schema.queryRunner.changeColumns(table, changed)
  for (const { newColumn } of changed) {
    const at = table.columns.findIndex(({ name }) => name === newColumn.name)
    table.columns[at] = newColumn
  }
}

export function unsupported(change: EntityChange, what: string): RowshiftError {
  return new RowshiftError('UNSUPPORTED_CHANGE', {
    message: `"${change.table}" cannot be changed in one migration: ${what}. Make this change in a migration of your own, or in two steps.`,
    details: { table: change.table },
  })
}
