import { RowshiftError } from '../../errors/rowshift-error.js'
import type { Backfill } from './define-backfill.js'
import type { BackfillDefinition } from './definition.js'
import { definitionFingerprint } from './definition-fingerprint.js'
import { requireNoCircle } from './require-no-circle.js'
import { comingAfter, definitionsOf, type Sequence } from './sequence.js'

/**
 * Definitions by name, those of sequences too, each behind those that it comes after. The same definition may come twice, as it does
 * when a file re-exports it.
 *
 * @throws RowshiftError DUPLICATE_BACKFILL when two different definitions share a name
 * @throws RowshiftError DEPENDENCY_CIRCLE when some wait for each other
 * @throws RowshiftError INVALID_DEFINITION for something that is no definition, naming what it found
 */
export function collectBackfills(list: readonly (Backfill | Sequence)[]): ReadonlyMap<string, BackfillDefinition> {
  const found = new Map<string, BackfillDefinition>()
  for (const definition of list.flatMap(definitionsOf)) {
    const other = found.get(definition.name)
    if (other === undefined) found.set(definition.name, definition)
    else if (!isSame(other, definition)) throw duplicate(other, definition)
    // One of them may be a member of a sequence.
    else found.set(definition.name, comingAfter(other, definition.after))
  }
  return new Map(requireNoCircle(found.values()).map((definition) => [definition.name, definition]))
}

// A fingerprint leaves out the names of entity classes, because builds shorten them; within one process they tell.
function isSame(a: BackfillDefinition, b: BackfillDefinition): boolean {
  return a === b || (definitionFingerprint(a) === definitionFingerprint(b) && sourceText(a) === sourceText(b))
}

function duplicate(a: BackfillDefinition, b: BackfillDefinition): RowshiftError {
  const [first, second] = [sourceText(a), sourceText(b)]
  const where = first === second ? `both about ${first}` : `one about ${first}, one about ${second}`
  return new RowshiftError('DUPLICATE_BACKFILL', {
    message: `two different backfills are named "${a.name}", ${where}. Rename one: a run is found by its name.`,
    details: { backfill: a.name, tables: [first, second] },
  })
}

/** What a source is called: the table's name, the class's, or what a schema or model token says of itself. */
function sourceText({ source }: BackfillDefinition): string {
  if (typeof source === 'string') return `table ${source}`
  if (typeof source === 'function') return `entity ${source.name || 'without a name'}`
  const { name, model, options } = source as { name?: unknown; model?: unknown; options?: { name?: unknown } }
  return `model ${String(name ?? model ?? options?.name ?? 'without a name')}`
}
