import { isSql } from '../../dialects/sql.js'
import { checkFunction, isRecord } from './check-values.js'
import { type BackfillDefinition, type Condition, isBackfill } from './definition.js'
import { didYouMean } from './nearest.js'
import type { Refuse } from './refuse.js'

/** A run is begun at once. */
export const always: BackfillDefinition['when'] = Object.freeze({ skip: new Map(), postpone: new Map() })

const members = ['skip', 'postpone']

export function checkWhen(when: unknown, refuse: Refuse): BackfillDefinition['when'] {
  if (when === undefined) return always
  if (!isRecord(when) || isSql(when))
    return refuse('when', 'must be { skip, postpone }: reasons with their conditions.')
  for (const member of Object.keys(when)) {
    if (!members.includes(member)) refuse(`when.${member}`, `is no option. ${didYouMean(member, members)}`)
  }
  return Object.freeze({
    skip: checkConditions('when.skip', when.skip, refuse),
    postpone: checkConditions('when.postpone', when.postpone, refuse),
  })
}

function checkConditions(option: string, conditions: unknown, refuse: Refuse): ReadonlyMap<string, Condition> {
  if (conditions === undefined) return new Map()
  if (!isRecord(conditions) || isSql(conditions)) {
    const example = "{ 'an import is running': sql`select 1 from import where ended_at is null` }"
    return refuse(option, `must be conditions by the reason that they are: ${example}.`)
  }
  return new Map(
    Object.entries(conditions).map(([reason, condition]): [string, Condition] => {
      const at = `${option}["${reason}"]`
      if (reason.trim() === '') refuse(option, 'has a condition without a reason. It is what the status will show.')
      if (!isSql(condition)) {
        const wanted = 'SQL that finds a row, or a function that returns true'
        return [reason, checkFunction<Condition>(at, condition, wanted, refuse)]
      }
      if (condition.text.join('?').trim() === '') refuse(at, 'is empty SQL.')
      return [reason, condition]
    }),
  )
}

/** The names of the definitions that come first. */
export function checkAfter(after: unknown, refuse: Refuse): readonly string[] {
  if (after === undefined) return []
  if (!Array.isArray(after)) return refuse('after', 'must be a list of definitions: [citySlug].')
  const names = after.map((one: unknown) => {
    if (isBackfill(one)) return one.name
    if (one !== undefined) return refuse('after', 'must hold what defineBackfill() returned, and nothing else.')
    return refuse(
      'after',
      'holds undefined: the files of two definitions import each other. If each is to come after the other, neither can begin.',
    )
  })
  return Object.freeze([...new Set(names)])
}
