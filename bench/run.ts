/*
 * Benchmarks, against the built package:
 *
 *   npm run bench                                    everything, for an hour
 *   npm run -s bench -- --quick --json               a look at it, within a minute and a half
 *   npm run -s bench -- --only records --json        conversions alone
 *   npm run bench -- --database postgres --rows 200000 --plot plot.svg
 *
 * What each figure means stands in docs/performance.md.
 */
import { writeFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import type { DatabaseName } from '../test/support/test-database.js'
import { type Extent, type Figures, measureDatabase } from './databases/suite.js'
import { plot } from './plot.js'
import { type ConversionExtent, records } from './records.js'
import { figuresTable, peersTable, recordsTable } from './tables.js'

const databases: readonly DatabaseName[] = ['postgres', 'mariadb', 'sqlite']
const suites = ['databases', 'records'] as const

const whole: Extent = {
  rows: 1_000_000,
  fewRows: 5_000,
  manyRows: 10_000_000,
  rounds: 3,
  batchRows: 10_000,
  aloneMs: 10_000,
}
const quick: Extent = { rows: 20_000, fewRows: 200, manyRows: 60_000, rounds: 1, batchRows: 5_000, aloneMs: 500 }

const wholeConversions: ConversionExtent = { threadedRecords: 400_000, rounds: 9, threadedRounds: 3 }
const quickConversions: ConversionExtent = { threadedRecords: 100_000, rounds: 3, threadedRounds: 1 }

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [...suites] },
      database: { type: 'string', multiple: true, default: [...databases] },
      rows: { type: 'string' },
      plot: { type: 'string' },
    },
  })
  for (const name of values.only) requireKnown(suites, name, '--only')
  for (const name of values.database) requireKnown(databases, name, '--database')
  const extent = extentOf(values.quick ? quick : whole, values.rows)
  const conversions = values.quick ? quickConversions : wholeConversions
  const say = (text: string) => (values.json ? process.stderr : process.stdout).write(`${text}\n`)

  const document: Record<string, unknown> = { machine, extent, conversions }
  if (values.only.includes('records')) {
    const measures = await records(conversions)
    document.records = measures
    if (!values.json) say(recordsTable(measures))
  }
  if (values.only.includes('databases')) {
    const all = new Map<DatabaseName, Figures>()
    for (const name of databases.filter((name) => values.database.includes(name))) {
      const figures = await measureDatabase(name, extent, (what) => say(`${name}: ${what}`))
      document[name] = figures
      all.set(name, figures)
      if (!values.json) say(peersTable(name, figures))
    }
    if (!values.json) say(figuresTable(all))
    if (values.plot !== undefined) {
      const bars = [...all].flatMap(([database, { peers }]) => peers.map((score) => ({ database, ...score })))
      await writeFile(values.plot, await plot(bars))
    }
  }
  if (values.json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
}

const machine = {
  node: process.version,
  system: `${process.platform} ${release()}`,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
}

function requireKnown(known: readonly string[], name: string, option: string): void {
  if (!known.includes(name)) throw new Error(`${option}: there is no "${name}": ${known.join(', ')}`)
}

function extentOf(extent: Extent, rows: string | undefined): Extent {
  if (rows === undefined) return extent
  const given = Number(rows)
  if (!Number.isInteger(given) || given < 10_000) throw new Error('--rows: a number, 10000 or more')
  return {
    ...extent,
    rows: given,
    fewRows: Math.min(extent.fewRows, given),
    manyRows: Math.max(given, Math.min(extent.manyRows, 10 * given)),
  }
}

main()
  .catch((error: unknown) => {
    console.error(error)
    process.exitCode = 1
  })
  // Left to end by itself, Node 20 was seen to go round in its own cleanup of handles for ever.
  .finally(() => process.exit())
