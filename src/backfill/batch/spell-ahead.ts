import type { PreparedTransform } from '../prepare/prepare-backfill.js'
import type { ShardContext } from '../shard-context.js'
import type { ChangeSet } from '../transform/change-set.js'
import type { Changes } from '../transform/transform.js'
import { Turns } from '../transform/turns.js'

/**
 * The changes, with their rows spelled as they will be sent, while the batch before them is written: else the database would wait for that
 * once it has nothing to do.
 */
export async function spellAhead<C extends Changes>(
  { dialect, prepared: { plan } }: ShardContext,
  { destination }: PreparedTransform,
  changes: C,
): Promise<C> {
  const turns = new Turns()
  const sets: ChangeSet[] = []
  for (const set of changes.sets) {
    const speller = destination.speller(dialect, plan, set)
    if (!speller) {
      sets.push(set)
      continue
    }
    for (const row of set.rows) {
      if (turns.isOver) await turns.next()
      speller.add(row)
    }
    sets.push({ ...set, ahead: { rows: set.rows, texts: speller.texts() } })
  }
  return { ...changes, sets }
}
