import type { UpdateRow } from './dialect.js'

/**
 * Rows of an update as they are sent, made ahead of their transaction: to spell them takes about as long as all else that is done
 * between two batches, during which the database would have nothing to do.
 */
export interface SpelledRows {
  readonly rows: readonly UpdateRow[]
  /** The dialect's own business. */
  readonly texts: readonly string[]
}

/** Spells rows one by one, so that others can have a turn between them. */
export interface RowSpeller {
  add(row: UpdateRow): void
  texts(): readonly string[]
}
