import type { Dialect, ImageRow, Journal, Key } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import type { ColumnInfo, TableInfo } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { writeKey } from '../pages/cursor.js'
import type { PreparedBackfill } from '../prepare/prepare-backfill.js'
import type { Changes } from '../transform/transform.js'
import type { WriterContext } from './bulk-writer.js'

/*
 * Before- and after-images of written rows, in the transaction that writes them. What was there before is known: a guard has just
 * compared it, or it was read under a lock. What is there now is asked of the database, whose own conversions and triggers have had their
 * say.
 */

/** A row that was written, as it was before; null = it was not there. */
export const imageOf = (key: Key, before: readonly (string | null)[] | null): ImageRow => [
  ...key,
  writeKey(key),
  JSON.stringify(before),
]

/** Journals rows that were written: one statement. */
export function* noteImages(
  dialect: Dialect,
  info: TableInfo,
  columns: readonly ColumnInfo[],
  images: readonly ImageRow[],
  journal: Journal | undefined,
): Script<void> {
  if (journal && images.length > 0) yield* dialect.noteImages(info, columns, images, journal)
}

/** About how much these changes add to the journal: keys, and what the rows were and will be. */
export function journalBytesOf({ definition, plan, work }: PreparedBackfill, { sets }: Pick<Changes, 'sets'>): number {
  if (!definition.journal || work.form !== 'transform') return 0
  return sets.reduce((sum, set) => sum + work.destination.journalBytes(plan, set), 0)
}

/**
 * Inside the transaction that has counted its own bytes: what all shards have committed, and this one.
 * @throws RowshiftError JOURNAL_FULL
 */
export function* requireJournalRoom({ dialect, names, prepared, hold }: WriterContext): Script<void> {
  const { journal, name } = prepared.definition
  if (!journal) return
  const bytes = yield* dialect.state.journalBytes(names, hold.runId)
  if (bytes <= journal.maxBytes) return
  throw new RowshiftError('JOURNAL_FULL', {
    message: `the journal of "${name}" would exceed its ${journal.maxBytes} bytes. Raise \`journal.maxBytes\` and run it again: it goes on from its checkpoint, and all of it can still be undone.`,
    details: { backfill: name, run: hold.runId, maxBytes: journal.maxBytes },
  })
}
