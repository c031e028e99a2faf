import { RowshiftError } from '../../errors/rowshift-error.js'
import { checkName } from './check-parts.js'
import type { Backfill } from './define-backfill.js'
import { type BackfillDefinition, backfillOf, definitionOf } from './definition.js'
import { refuserOf } from './refuse.js'
import { requireNoCircle } from './require-no-circle.js'

/** Backfills that are run one after another, under one name: what {@link sequence} returns. */
export interface Sequence {
  readonly kind: 'sequence'
  /** What `rowshift run` calls it by. */
  readonly name: string
  /** In their order; each but the first comes `after` the one before it. */
  readonly backfills: readonly Backfill[]
}

// Registered, so that two copies of rowshift in one process understand each other's sequences.
const sequenceKey = Symbol.for('rowshift.sequence')

/**
 * Backfills in the order in which they are to run. Workers, `rowshift run` and migrations keep it; the gate asks for all of them, and
 * undoing begins with the last.
 *
 *   export const city3 = sequence('city@3.0.0', [citySlug, citySearch])
 *
 * @throws RowshiftError INVALID_DEFINITION, and DEPENDENCY_CIRCLE where one of them comes `after` a later one
 */
export function sequence(name: string, backfills: readonly [Backfill, ...Backfill[]]): Sequence {
  const refuse = refuserOf(name, 'sequence')
  checkName(name, refuse)
  if (!Array.isArray(backfills) || backfills.length === 0)
    refuse('backfills', 'must be a list of what defineBackfill() returned: sequence(name, [citySlug, citySearch]).')
  const given = backfills.map(definitionOf)
  const members = given.map((definition, i) => {
    if (given.findIndex((other) => other.name === definition.name) < i)
      refuse('backfills', `names "${definition.name}" twice.`)
    const before = given[i - 1]
    return before ? comingAfter(definition, [before.name]) : definition
  })
  requireNoCircle(members)
  const made = { kind: 'sequence', name, backfills: Object.freeze(members.map(backfillOf)) } as const
  return Object.freeze(Object.defineProperty(made, sequenceKey, { value: true }))
}

export function isSequence(value: unknown): value is Sequence {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, sequenceKey)
}

/** The definitions of a backfill, one, or of a sequence, in their order. */
export function definitionsOf(given: Backfill | Sequence): readonly BackfillDefinition[] {
  return isSequence(given) ? given.backfills.map(definitionOf) : [definitionOf(given)]
}

/** The same definition, waiting for these as well. */
export function comingAfter(definition: BackfillDefinition, names: readonly string[]): BackfillDefinition {
  const after = [...new Set([...definition.after, ...names])]
  return after.length === definition.after.length
    ? definition
    : Object.freeze({ ...definition, after: Object.freeze(after) })
}

/** For what is about one backfill. */
export function refuseSequence({ name, backfills }: Sequence): RowshiftError {
  const names = backfills.map((backfill) => `"${backfill.name}"`).join(', ')
  return new RowshiftError('UNKNOWN_BACKFILL', {
    message: `"${name}" is a sequence, and this is about one backfill: ${names}.`,
    details: { sequence: name, backfills: backfills.map((backfill) => backfill.name) },
  })
}
