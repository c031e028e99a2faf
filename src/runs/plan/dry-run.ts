import type { Database } from '../../adapters/database.js'
import type { BackfillDefinition } from '../../backfill/definition/definition.js'
import { usualRows } from '../../backfill/pacing.js'
import type { RowFailure } from '../../backfill/transform/transform.js'
import { withSession } from '../control/run-control.js'
import { countFirst, openPreview, previewPage } from './preview.js'

/** What one batch would do. */
export interface DryRunReport {
  readonly backfill: string
  /** Keys looked at. */
  readonly scanned: number
  readonly written: number
  /** Rows that the transform leaves as they are. */
  readonly left: number
  /** Rows that somebody changed between read and write: a run reads them again. */
  readonly conflicts: number
  readonly failures: readonly RowFailure[]
  readonly seconds: number
}

/**
 * Does the first batch with matching rows and rolls it back. Needs no run and no state tables, and leaves none.
 * @throws RowshiftError WHERE_STILL_TRUE, and what the checks of the definition throw
 */
export function dryRun(
  database: Database,
  definition: BackfillDefinition,
  options: { readonly abort: AbortSignal },
): Promise<DryRunReport> {
  const doing = `trying a batch of backfill "${definition.name}"`
  return withSession(database, { doing }, async (session, scope) => {
    const place = await openPreview(database, session, scope, definition)
    const { range } = await countFirst(place, { untilMatch: true })
    const nothing = { scanned: 0, written: 0, left: 0, conflicts: 0, failures: [], seconds: 0 }
    if (!range) return { backfill: definition.name, ...nothing }
    const { scanned, changes, trial, seconds } = await previewPage(
      place,
      { ...range, limit: definition.batchRows ?? usualRows },
      { isTried: true, signal: options.abort },
    )
    return { backfill: definition.name, ...nothing, scanned, left: changes?.left ?? 0, ...trial, seconds }
  })
}
