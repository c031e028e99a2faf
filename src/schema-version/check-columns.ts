import { parseColumn } from '../backfill/definition/columns.js'
import { commonCodecs, requireBoolean, requireBytes, requireValidDate, typeName } from '../dialects/values.js'
import type { Finding } from './finding.js'
import { columnOf, type VersionColumns } from './shape.js'
import type { UntypedRow } from './steps.js'

type Check = (value: unknown) => unknown

const checks: Readonly<Record<string, Check>> = {
  ...Object.fromEntries(Object.entries(commonCodecs).map(([kind, codec]) => [kind, codec.encode])),
  double(value) {
    if (typeof value !== 'number') throw new TypeError(`expected a number, got ${typeName(value)}`)
  },
  boolean: requireBoolean,
  timestamp: requireValidDate,
  bytes: requireBytes,
}

/** What is wrong with a row of a version that is declared by columns: the same rules as for a backfill's writes. */
export function columnChecker(columns: VersionColumns): (row: UntypedRow) => readonly Finding[] {
  const all = Object.entries(columns).map(([name, entry]) => {
    const { kind, isNullable, allowed } = parseColumn(columnOf(entry))
    return { name, kind, isNullable, allowed, check: checks[kind]! }
  })
  return (row) => {
    let findings: Finding[] | undefined
    for (const { name, kind, isNullable, allowed, check } of all) {
      const value = row[name]
      if (value === null && isNullable) continue
      try {
        if (allowed && !allowed.includes(value as string | null))
          throw new TypeError('the value is not one of those listed')
        if (value === undefined) throw new TypeError('the column has no value')
        check(value)
      } catch (error) {
        findings ??= []
        findings.push({ path: name, rule: kind, message: (error as Error).message })
      }
    }
    return findings ?? []
  }
}
