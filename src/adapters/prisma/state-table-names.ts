import type { StateNames } from '../../dialects/state-statements.js'
import { stateTableNames } from '../../dialects/state-statements.js'

/** Whether a table is one of rowshift's own. */
export function isStateTable(table: string, { prefix }: StateNames): boolean {
  return stateTableNames.some((name) => table === prefix + name)
}

/**
 * The names of the state tables for `tables.external` of `prisma.config.ts`, so that `prisma migrate dev` leaves them alone.
 *
 *   tables: { external: stateTables({ schema: 'public' }) }
 *
 * @param options `schema`: on PostgreSQL the schema of the connection, usually `public`; left out on MySQL and SQLite.
 */
export function stateTables(options: { readonly schema?: string } = {}): string[] {
  const { schema } = options
  return stateTableNames.map((name) => `${schema === undefined ? '' : `${schema}.`}rowshift_${name}`)
}
