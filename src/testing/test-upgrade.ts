import { AssertionError } from 'node:assert'
import { inspect, isDeepStrictEqual } from 'node:util'
import { RowshiftError } from '../errors/rowshift-error.js'
import type { Versions } from '../schema-version/define-versions.js'
import type { Finding } from '../schema-version/finding.js'
import type { ShapeType } from '../schema-version/shape.js'
import type { UntypedRow } from '../schema-version/steps.js'
import { type History, historyOf } from '../schema-version/version-history.js'
import { arbitraryRecord, type FastCheck } from './arbitrary-record.js'

/** A record of one version, and what it is as another. */
export type UpgradeCase<M> = {
  [F in keyof M]: {
    [T in keyof M]: {
      readonly from: F
      readonly to: T
      readonly record: ShapeType<M[F]>
      /** The plain fields, as the steps make them. */
      readonly expect: ShapeType<M[T]>
      /** Whether the way back gives the record again. Default false. */
      readonly roundTrip?: boolean
    }
  }[keyof M]
}[keyof M]

/** What `testUpgrade` is told besides its cases. */
export interface UpgradeProperties {
  /** fast-check, which makes records of every version from its shape. */
  readonly fc: FastCheck
  /** Records a version. Default 100. */
  readonly runs?: number
  /** For the same records again. */
  readonly seed?: number
}

/**
 * Tries the steps of versions on records, and validates what comes out: a step that gives what its version refuses does not pass. All
 * that fail are told at once. With `properties`, records that fast-check makes from the shapes are taken from each version to every other
 * that steps lead to, and must come out valid.
 *
 *   await testUpgrade(user, [{ from: '1.0.0', to: '2.0.0', record: { name: 'Ada' }, expect: { firstName: 'Ada' }, roundTrip: true }])
 *   await testUpgrade(user, [], { fc })
 *
 * @throws AssertionError of node:assert, which test runners show with its `actual` and `expected`; what fast-check throws
 */
export async function testUpgrade<M extends object>(
  versions: Versions<M>,
  cases: readonly UpgradeCase<M>[],
  properties?: UpgradeProperties,
): Promise<void> {
  const history = historyOf(versions)!
  if (cases.length === 0 && !properties) {
    throw new AssertionError({ message: `testUpgrade("${history.name}") was given no cases` })
  }
  const actual: unknown[] = []
  const faults: string[] = []
  for (const [i, one] of cases.entries()) {
    const { from, to, record } = one as unknown as UntypedCase
    const outcome = await tryCase(history, one as unknown as UntypedCase)
    actual.push(outcome.value)
    if (outcome.fault !== undefined) {
      faults.push(`case ${i + 1} of ${cases.length}, ${from} to ${to}, ${inspect(record)}: ${outcome.fault}`)
    }
  }
  if (faults.length > 0) {
    throw new AssertionError({
      message: `versions "${history.name}":\n${faults.map((text) => `  ${text}`).join('\n')}`,
      actual,
      expected: cases.map((one) => (one as unknown as UntypedCase).expect),
    })
  }
  if (properties) await tryProperties(history, properties)
}

interface UntypedCase {
  readonly from: string
  readonly to: string
  readonly record: UntypedRow
  readonly expect: UntypedRow
  readonly roundTrip?: boolean
}

interface Outcome {
  readonly value: unknown
  readonly fault?: string
}

async function tryCase(history: History, { from, to, record, expect, roundTrip }: UntypedCase): Promise<Outcome> {
  let value: unknown
  try {
    value = history.converter(from, to, 'plain').convert(record, undefined)
    if (!isDeepStrictEqual(value, expect)) return { value, fault: `gives ${inspect(value)}, not ${inspect(expect)}` }
    await history.converter(from, to, 'validated').convert(record, undefined)
    if (!roundTrip) return { value }
    const back = history.converter(to, from, 'plain').convert(value as UntypedRow, undefined)
    return isDeepStrictEqual(back, record) ? { value } : { value, fault: `comes back as ${inspect(back)}` }
  } catch (error) {
    return { value, fault: faultOf(error) }
  }
}

function faultOf(error: unknown): string {
  if (!(error instanceof RowshiftError)) throw error
  const { findings = [] } = error.details as { findings?: readonly Finding[] }
  const words = findings.map(({ path, message }) => `${path || 'record'}: ${message}`)
  return words.length > 0 ? `is not valid: ${words.join('; ')}` : error.message
}

async function tryProperties(history: History, { fc, runs, seed }: UpgradeProperties): Promise<void> {
  const options = { ...(runs !== undefined && { numRuns: runs }), ...(seed !== undefined && { seed }) }
  for (const from of history.versions) {
    const records = arbitraryRecord(fc, history.requireShape(from), `${history.name} ${from}`)
    const targets = history.versions.filter((to) => to !== from && history.hasPath(from, to))
    const holds = async (record: UntypedRow) => {
      for (const to of targets) {
        const { fault } = await tryConverted(history, from, to, record)
        if (fault !== undefined) throw new AssertionError({ message: `${history.name} ${from} to ${to}: ${fault}` })
      }
    }
    if (targets.length > 0)
      await fc.assert(fc.asyncProperty(records, holds as (record: never) => Promise<void>), options)
  }
}

async function tryConverted(history: History, from: string, to: string, record: UntypedRow): Promise<Outcome> {
  try {
    return { value: await history.converter(from, to, 'validated').convert(record, undefined) }
  } catch (error) {
    return { value: undefined, fault: faultOf(error) }
  }
}
