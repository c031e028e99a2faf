import type { MigrationFolder } from './read-folders.js'

/** Up to where migrations can be applied, and what has to be done there. */
export type Stop =
  /** Backfills have to be run to their end when the first `count` migrations are applied. */
  | { readonly at: 'backfills'; readonly count: number; readonly names: readonly string[] }
  /** A run has to be completed by others before there is more to apply. */
  | { readonly at: 'gate'; readonly count: number; readonly name: string; readonly migration: string }
  /** Nothing stands in the way of the rest. */
  | { readonly at: 'end' }

/** The first stop of a deploy. Which backfills are done is known from their runs alone. */
export function nextStop(folders: readonly MigrationFolder[], isCompleted: (name: string) => boolean): Stop {
  for (const [i, { name: migration, gates, backfills }] of folders.entries()) {
    const shut = gates.find((name) => !isCompleted(name))
    if (shut !== undefined) return { at: 'gate', count: i, name: shut, migration }
    const names = backfills.filter((name) => !isCompleted(name))
    if (names.length > 0) return { at: 'backfills', count: i + 1, names }
  }
  return { at: 'end' }
}
