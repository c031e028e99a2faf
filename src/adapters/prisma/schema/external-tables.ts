import { type StateNames, stateTableNames } from '../../../dialects/state-statements.js'
import { RowshiftError } from '../../../errors/rowshift-error.js'
import type { PrismaProject } from './prisma-project.js'

/**
 * Prisma takes a table without a model for one to be dropped, unless its configuration lists it.
 * @throws RowshiftError INVALID_CONFIG with the lines to add
 */
export function requireExternalTables({ configFile, config }: PrismaProject, { prefix }: StateNames): void {
  const external = config.tables?.external ?? []
  const isListed = (table: string) => external.some((name) => name === table || name.endsWith(`.${table}`))
  const missing = stateTableNames.map((name) => prefix + name).filter((table) => !isListed(table))
  if (missing.length === 0 && config.experimental?.externalTables === true) return
  throw new RowshiftError('INVALID_CONFIG', {
    message: `${configFile} does not say that the tables of rowshift are none of Prisma's, so \`prisma migrate dev\` would drop them. Add: experimental: { externalTables: true }, tables: { external: stateTables() }, with stateTables from 'rowshift/prisma' (on PostgreSQL stateTables({ schema: 'public' })).`,
    details: { missing },
  })
}
