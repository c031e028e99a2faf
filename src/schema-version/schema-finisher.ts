import type { Finding } from './finding.js'
import { Refused } from './refused.js'
import type { SchemaIssue, SchemaResult, StandardSchema } from './shape.js'
import type { UntypedRow } from './steps.js'

/** Makes the result of a row; a promise only where a validator answers with one. */
export type Finish = (row: UntypedRow) => unknown

/** A schema's output. @throws Refused */
export function schemaFinisher({ '~standard': standard }: StandardSchema<object, unknown>): Finish {
  const answer = (result: SchemaResult<unknown>) => {
    if (!result.issues) return result.value
    throw new Refused(result.issues.map((issue) => findingOf(standard.vendor, issue)))
  }
  return (row) => {
    const result = standard.validate(row)
    return result instanceof Promise ? result.then(answer) : answer(result)
  }
}

function findingOf(vendor: string, { path = [], message }: SchemaIssue): Finding {
  const keys = path.map((part) => String(typeof part === 'object' ? part.key : part))
  return { path: keys.join('.'), rule: vendor, message }
}
