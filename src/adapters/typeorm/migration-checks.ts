import type { Backfill } from '../../backfill/definition/define-backfill.js'
import { definitionOf } from '../../backfill/definition/definition.js'
import { reverseOf } from '../../backfill/definition/reverse-of.js'
import { requireWritten as requireWrittenDefinition } from '../../backfill/prepare/prepare-backfill.js'
import { RowshiftError } from '../../errors/rowshift-error.js'

/*
 * What a generated migration asks before its first statement. On MySQL that statement could not be rolled back.
 */

/**
 * Checks that a generated definition has its function.
 * @throws RowshiftError NOT_WRITTEN
 */
export function requireWritten(definition: Backfill): void {
  requireWrittenDefinition(definitionOf(definition))
}

/**
 * Checks that a change can be taken back, for the first line of a `down`.
 * @throws RowshiftError IRREVERSIBLE when the definition has no `reverse`
 */
export function requireReversible(definition: Backfill): void {
  reverseOf(definitionOf(definition))
}

/**
 * The first line of a `down` whose `up` dropped columns that nothing can compute: it always throws. Delete the line to get the
 * columns back without their values.
 * @throws RowshiftError IRREVERSIBLE
 */
export function refuseLoss(...columns: readonly string[]): void {
  throw new RowshiftError('IRREVERSIBLE', {
    message: `the values of ${columns.map((column) => `"${column}"`).join(', ')} are gone and nothing says how to compute them. Nothing was changed. Delete \`refuseLoss\` from the migration's \`down\` to get the structure back without them.`,
    details: { columns },
  })
}
