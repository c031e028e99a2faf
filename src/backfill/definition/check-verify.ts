import { isSql } from '../../dialects/sql.js'
import { checkFunction, checkInteger, isRecord } from './check-values.js'
import type { Assertion, BackfillDefinition, CheckFunction } from './definition.js'
import { didYouMean } from './nearest.js'
import type { Refuse } from './refuse.js'

type Verify = BackfillDefinition['verify']

/** Nothing is asked but whether anything is left. */
export const noVerify: Verify = Object.freeze({
  sample: 0,
  check: undefined,
  recomputes: false,
  before: new Map(),
  after: new Map(),
})

const assertionOptions = ['before', 'after']
const verifyOptions = ['sample', 'check', 'recompute', ...assertionOptions]

// What the same things are called elsewhere.
const synonyms = { pre: 'before', post: 'after', samplesize: 'sample', recomputed: 'recompute', assert: 'after' }

/** `inPlace`: a column that is read and written. */
export function checkVerify(verify: unknown, inPlace: string | undefined, refuse: Refuse): Verify {
  const options = open(verify, verifyOptions, refuse)
  const { check, recompute = false } = options
  if (check !== undefined)
    checkFunction('verify.check', check, 'a function of the row that returns true or false', refuse)
  if (typeof recompute !== 'boolean') refuse('verify.recompute', 'must be true or false.')
  if (recompute && inPlace !== undefined) {
    refuse(
      'verify.recompute',
      `cannot be: "${inPlace}" is read and written, so what it was computed from is gone. Use \`verify.check\`.`,
    )
  }
  return Object.freeze({
    sample: checkInteger('verify.sample', options.sample, 500, { from: 0 }, refuse),
    check: check as CheckFunction | undefined,
    recomputes: recompute as boolean,
    ...assertionsOf(options, refuse),
  })
}

/** No row is seen by SQL, so nothing can be asked about one. */
export function checkSqlVerify(verify: unknown, refuse: Refuse): Verify {
  return Object.freeze({ ...noVerify, ...assertionsOf(open(verify, assertionOptions, refuse), refuse) })
}

function open(verify: unknown, known: readonly string[], refuse: Refuse): Readonly<Record<string, unknown>> {
  if (verify === undefined) return {}
  if (!isRecord(verify)) return refuse('verify', `must be { ${known.join(', ')} }.`)
  for (const member of Object.keys(verify)) {
    if (known.includes(member)) continue
    const isForRows = verifyOptions.includes(member)
    refuse(
      `verify.${member}`,
      isForRows
        ? 'belongs to defineBackfill(): here no row is seen. Use `before` and `after`.'
        : `is no option. ${didYouMean(member, known, synonyms)}`,
    )
  }
  return verify
}

function assertionsOf({ before, after }: Readonly<Record<string, unknown>>, refuse: Refuse) {
  return { before: checkAssertions('before', before, refuse), after: checkAssertions('after', after, refuse) }
}

function checkAssertions(
  option: 'before' | 'after',
  assertions: unknown,
  refuse: Refuse,
): ReadonlyMap<string, Assertion> {
  if (assertions === undefined) return new Map()
  const example = "{ 'no city without a name': sql`select 1 from city where name = ''` }"
  if (!isRecord(assertions) || isSql(assertions))
    return refuse(`verify.${option}`, `must be assertions by what they say: ${example}.`)
  return new Map(
    Object.entries(assertions).map(([says, assertion]): [string, Assertion] => {
      const at = `verify.${option}["${says}"]`
      if (isSql(assertion)) {
        if (assertion.text.join('?').trim() === '')
          refuse(at, 'is empty SQL. Select the rows that should not be there.')
        return [says, assertion]
      }
      const wanted = 'SQL that selects what should not be there, or a function that returns true'
      return [says, checkFunction<Assertion>(at, assertion, wanted, refuse)]
    }),
  )
}
