import type { Database } from '../../adapters/database.js'
import { reading } from '../../backfill/connection/transaction.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { withSession } from '../control/run-control.js'
import type { Tenants } from './tenants.js'

/**
 * Where tenants have led so far. Two that lead to the same state tables would share their runs: the second one would count as done
 * because the first one is.
 */
export class TenantPlaces {
  readonly #tenants = new Map<string, string>()

  /**
   * @throws RowshiftError TENANTS_SHARE_STATE, before anything is read or written there; DATABASE_UNAVAILABLE; what `database` and its
   * source throw of ours
   */
  async open(name: string, database: Tenants['database']): Promise<Database> {
    const opened = await openNamed(name, database)
    try {
      await this.#requireAlone(name, opened)
    } catch (error) {
      await opened.close()
      throw error
    }
    return { ...opened, label: `${name} · ${opened.label}` }
  }

  async #requireAlone(name: string, database: Database): Promise<void> {
    const { dialect, stateNames, label } = database
    const place = await withSession(database, { doing: `looking where tenant "${name}" is` }, (session, scope) =>
      session.run(reading(dialect, scope, dialect.identity())),
    )
    const key = JSON.stringify([dialect.name, place, stateNames.prefix])
    const other = this.#tenants.get(key)
    if (other !== undefined && other !== name) {
      throw new RowshiftError('TENANTS_SHARE_STATE', {
        message: `tenants "${other}" and "${name}" lead to the same state tables (${label}), so one would count as done when the other is. Make \`tenants.database\` give each its own schema, database or file.`,
        details: { tenants: [other, name] },
      })
    }
    this.#tenants.set(key, name)
  }
}

async function openNamed(name: string, database: Tenants['database']): Promise<Database> {
  let source: unknown
  try {
    source = await database(name)
    if (typeof (source as { open?: unknown } | null)?.open !== 'function') {
      throw new RowshiftError('INVALID_CONFIG', {
        message: `\`tenants.database\` must return what \`typeorm()\` or \`prisma()\` returns, and did not for "${name}".`,
        details: { tenant: name },
      })
    }
    return await (source as Awaited<ReturnType<Tenants['database']>>).open()
  } catch (cause) {
    if ((cause as Partial<RowshiftError> | null)?.name === 'RowshiftError') throw cause
    throw new RowshiftError('DATABASE_UNAVAILABLE', {
      message: `the database of tenant "${name}" could not be opened: ${cause instanceof Error ? cause.message : String(cause)}. Check what \`tenants.database\` makes for it, and that the server is up.`,
      details: { tenant: name },
      cause,
      retryable: true,
    })
  }
}
