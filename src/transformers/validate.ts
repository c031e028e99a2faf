import { RowshiftError } from '../errors/rowshift-error.js'
import type { Finding } from '../schema-version/finding.js'
import { Refused } from '../schema-version/refused.js'
import { schemaFinisher } from '../schema-version/schema-finisher.js'
import type { StandardSchema } from '../schema-version/shape.js'

/**
 * Checks a row in the middle of a pipeline: by a condition with its complaint, or by a Standard Schema, whose output goes on.
 *
 *   pipe(row, cast('age', 'integer'), validate((row) => row.age >= 0, 'age is negative'), validate(z.looseObject({ name: z.string().min(1) })))
 *
 * @throws RowshiftError RECORD_INVALID with `details.findings`; VALIDATION_UNAVAILABLE for a schema that answers with a promise
 */
export function validate<R>(accepts: (row: R) => boolean, complaint: string): (row: R) => R
export function validate<I extends object, O>(schema: StandardSchema<I, O>): (row: I) => O
export function validate(check: ((row: unknown) => boolean) | StandardSchema<object, unknown>, complaint = '') {
  if (!('~standard' in check)) {
    return (row: unknown) => {
      if (check(row)) return row
      throw invalid([{ path: '', rule: 'validate', message: complaint }])
    }
  }
  // arktype's schemas are functions, too.
  const parse = schemaFinisher(check as StandardSchema<object, unknown>)
  return (row: unknown) => {
    let output: unknown
    try {
      output = parse(row as Readonly<Record<string, unknown>>)
    } catch (error) {
      throw error instanceof Refused ? invalid(error.findings) : error
    }
    if (!(output instanceof Promise)) return output
    output.catch(() => undefined)
    throw new RowshiftError('VALIDATION_UNAVAILABLE', {
      message: 'a schema in a step answers with a promise, and steps do not wait. Make it the schema of the version.',
    })
  }
}

function invalid(findings: readonly Finding[]): RowshiftError {
  const places = findings.map(({ path, rule, message }) => (rule === 'validate' ? message : `${path} (${rule})`))
  return new RowshiftError('RECORD_INVALID', {
    message: `a record is not valid: ${places.join(', ')}. Mend the record, or what comes before in the pipeline.`,
    details: { findings },
  })
}
