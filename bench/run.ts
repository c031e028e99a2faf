/*
 * Benchmarks, against the built package:
 *
 *   npm run -s bench -- --only records --json
 *
 * A suite is a file here that exports a function giving measures; add it to `suites`.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import type { Measure } from './measure.js'
import { records } from './records.js'

const suites: Readonly<Record<string, () => Promise<readonly Measure[]>>> = { records }

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'boolean', default: false } } })
  const names = values.only?.split(',') ?? Object.keys(suites)
  const unknown = names.find((name) => !Object.hasOwn(suites, name))
  if (unknown !== undefined) throw new Error(`there is no suite "${unknown}": ${Object.keys(suites).join(', ')}`)
  const report: Record<string, readonly Measure[]> = {}
  for (const name of names) {
    report[name] = await suites[name]!()
    if (!values.json) for (const measure of report[name]) console.log(lineOf(measure))
  }
  const machine = { node: process.version, cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length }
  if (values.json) console.log(JSON.stringify({ machine, suites: report }, null, 2))
}

function lineOf({ name, unit, perSecond, bestPerSecond, perCpuSecond }: Measure): string {
  const rate = (value: number) => value.toLocaleString('en-US').padStart(12)
  return `${name.padEnd(52)}${rate(perSecond)} ${unit}/s   best ${rate(bestPerSecond)}   by processor time ${rate(perCpuSecond)}`
}

main().catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
