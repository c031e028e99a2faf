import type { ErrorCode } from '../../errors/codes.js'
import { RowshiftError } from '../../errors/rowshift-error.js'

/** Throws what is wrong with an option, `select.id`, and how to mend it. The problem continues a sentence: `is "int", ...`. */
export type Refuse = (option: string, problem: string, code?: ErrorCode) => never

/** Refuses options of one definition, or of another `kind`. `name` is whatever the user gave for it. */
export function refuserOf(name: unknown, kind = 'backfill'): Refuse {
  const subject = typeof name === 'string' && name !== '' ? `${kind} "${name}"` : `a ${kind} without a name`
  return (option, problem, code = 'INVALID_DEFINITION') => {
    throw new RowshiftError(code, {
      message: `${subject}: \`${option}\` ${problem}`,
      details: { backfill: name, option },
    })
  }
}
