import { RowshiftError } from '../../errors/rowshift-error.js'
import type { BackfillDefinition } from './definition.js'

/**
 * The definitions so that each stands behind those that it comes after; else in the order given.
 * @throws RowshiftError DEPENDENCY_CIRCLE where some wait for each other
 */
export function requireNoCircle(definitions: Iterable<BackfillDefinition>): readonly BackfillDefinition[] {
  const byName = new Map([...definitions].map((definition) => [definition.name, definition]))
  const ordered = new Set<BackfillDefinition>()
  const visit = (definition: BackfillDefinition, path: readonly string[]) => {
    const { name, after } = definition
    if (ordered.has(definition)) return
    if (path.includes(name)) throw circle([...path.slice(path.indexOf(name)), name])
    for (const first of after) {
      const before = byName.get(first)
      if (before) visit(before, [...path, name])
    }
    ordered.add(definition)
  }
  for (const definition of byName.values()) visit(definition, [])
  return [...ordered]
}

function circle(names: readonly string[]): RowshiftError {
  return new RowshiftError('DEPENDENCY_CIRCLE', {
    message: `backfills wait for each other, so none of them could begin: ${names.map((name) => `"${name}"`).join(' comes after ')}. Take one out of \`after\`, or change the order of the sequence.`,
    details: { backfills: names.slice(1) },
  })
}
