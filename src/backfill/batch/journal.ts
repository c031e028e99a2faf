import type { ImageRow, Key } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { writeKey } from '../pages/cursor.js'
import type { PreparedBackfill } from '../prepare-backfill.js'
import type { UpdateSet } from '../transform/transform.js'
import type { WriterContext } from './bulk-writer.js'

/*
 * Before- and after-images of written rows, in the transaction that writes them. What was there before is known: the guard of the
 * update has just compared it. What is there now is asked of the database, whose own conversions and triggers have had their say.
 */

/** Journals the rows of a set that were written: one statement. */
export function* noteImages(context: WriterContext, set: UpdateSet, missed: readonly number[]): Script<void> {
  const { dialect, names, prepared, hold } = context
  if (!prepared.definition.journal) return
  const isMissed = new Set(missed)
  const written = set.rows.filter((_, i) => !isMissed.has(i))
  if (written.length === 0) return
  const keys = prepared.info.key.length
  const rows = written.map((row): ImageRow => {
    const key = row.slice(0, keys) as Key
    const before = set.columns.map(({ position }) => row[keys + position] ?? null)
    return [...key, writeKey(key), JSON.stringify(before)]
  })
  const columns = set.columns.map(({ column }) => column)
  yield* dialect.noteImages(prepared.info, columns, rows, {
    table: dialect.state.journalTable(names),
    runId: hold.runId,
  })
}

/** About how much these rows add to the journal: their keys, and what they were and will be. */
export function journalBytesOf(prepared: PreparedBackfill, sets: readonly UpdateSet[]): number {
  if (!prepared.definition.journal) return 0
  const keys = prepared.info.key.length
  const first = keys + prepared.plan.read.length
  const lengthOf = (text: string | null | undefined) => (text?.length ?? 0) + 3
  let bytes = 0
  for (const { columns, rows } of sets) {
    for (const row of rows) {
      for (let i = 0; i < keys; i++) bytes += lengthOf(row[i])
      for (const [i, { position }] of columns.entries())
        bytes += lengthOf(row[keys + position]) + lengthOf(row[first + i])
    }
  }
  return bytes
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
