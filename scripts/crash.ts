import { AssertionError } from 'node:assert'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { CrashReport } from '../src/testing/index.js'
import { type CrashedName, crashCities, crashed } from '../test/support/crash-cities.js'
import { startServer } from '../test/support/servers/server-process.js'
import { type DatabaseName, TestDatabase } from '../test/support/test-database.js'

/*
 * Kills workers of rowshift at random, on every database, and counts what came of it:
 *
 *   npm run -s crash -- --kills 200 --json [--database postgres] [--backfill cityPage] [--seed 7]
 *
 * Ends with 1 if a row is not as it must be, and with 2 if a database is missing.
 */

// What is published, because its processes are started from there.
const { crashTest } = require('../dist/testing/index.js') as typeof import('../src/testing/index.js')

const names: readonly DatabaseName[] = ['sqlite', 'postgres', 'mariadb']

const urls: Readonly<Record<DatabaseName, string | undefined>> = {
  sqlite: '',
  postgres: process.env.ROWSHIFT_TEST_POSTGRES_URL,
  mariadb: process.env.ROWSHIFT_TEST_MYSQL_URL,
}

const counts = ['kills', 'cuts', 'rows', 'mismatched', 'doubleApplied', 'lostWrites', 'unaccounted'] as const

type Counts = Record<(typeof counts)[number], number>

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '200' },
      database: { type: 'string', multiple: true, default: [...names] },
      backfill: { type: 'string', multiple: true, default: Object.keys(crashed) },
      seed: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const kills = Number(values.kills)
  const seed = values.seed === undefined ? undefined : Number(values.seed)
  const chosen = names.filter((name) => values.database.includes(name))
  const backfills = (Object.keys(crashed) as CrashedName[]).filter((name) => values.backfill.includes(name))
  const isKnown = chosen.length === new Set(values.database).size && backfills.length === new Set(values.backfill).size
  const isUsable = isKnown && Number.isInteger(kills) && kills > 0 && (seed === undefined || Number.isInteger(seed))
  if (!isUsable) {
    process.stderr.write(
      `usage: npm run -s crash -- [--kills 200] [--database ${names.join('|')}]… [--backfill ${Object.keys(crashed).join('|')}]… [--seed 7] [--json]\n`,
    )
    process.exit(2)
  }
  const say = (line: string) => process.stderr.write(`${line}\n`)
  const databases: Partial<Record<DatabaseName, Counts>> = {}
  for (const name of chosen) {
    const found = await crashOn(name, backfills, kills, seed, say)
    databases[name] = found
    if (!values.json)
      process.stdout.write(`${name.padEnd(9)}${counts.map((count) => `${count} ${found[count]}`).join(' · ')}\n`)
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ databases }, undefined, 2)}\n`)
  const faults = Object.values(databases).flatMap((found) => counts.slice(3).map((count) => found[count]))
  process.exitCode = faults.some((fault) => fault > 0) ? 1 : 0
}

/** The kills are shared by the backfills. */
async function crashOn(
  name: DatabaseName,
  backfills: readonly CrashedName[],
  kills: number,
  seed: number | undefined,
  say: (line: string) => void,
): Promise<Counts> {
  const url = urls[name]
  const server = name === 'sqlite' || url ? undefined : await startServer(name)
  if (server && 'unavailable' in server) {
    say(`${name} is not available: ${server.unavailable}`)
    process.exit(2)
  }
  const database = await TestDatabase.create(name, server?.url ?? url ?? '')
  const total: Counts = { kills: 0, cuts: 0, rows: 0, mismatched: 0, doubleApplied: 0, lostWrites: 0, unaccounted: 0 }
  try {
    for (const which of backfills) {
      const startedAt = performance.now()
      const config = join(__dirname, '../test/crash/app/rowshift.config.ts')
      const options = { crashTest, config, database, seed, kills: Math.ceil(kills / backfills.length) }
      const report = await crashCities(which, options).catch(reportOf)
      for (const count of counts) total[count] += report[count] ?? 0
      const seconds = Math.round((performance.now() - startedAt) / 1_000)
      const { rounds, suspensions, writes } = report
      say(
        `${name}: ${report.backfill}, seed ${report.seed}, ${seconds} s: ${rounds} runs, ${report.kills} kills, ${report.cuts} cuts, ${suspensions} suspensions, ${writes} writes of the application`,
      )
      for (const { fault, table, key, columns } of report.differences)
        say(`  ${fault}: ${table}, key ${key.join(', ')} (${columns.join(', ')})`)
    }
  } finally {
    await database.drop()
    await server?.stop()
  }
  return total
}

/** What a crash test has found is what this command is about. */
function reportOf(error: unknown): CrashReport {
  if (error instanceof AssertionError) return error.actual as CrashReport
  throw error
}

void main()
