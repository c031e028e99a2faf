import { AssertionError } from 'node:assert'
import { once } from 'node:events'
import { cp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type AddressInfo, createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import type * as Testing from '../../src/testing/index.js'
import type { CrashReport } from '../../src/testing/index.js'
import type * as MemberModule from '../../src/testing/member.js'
import { createCities } from '../support/city-table.js'
import { CliProject, configTextFor } from '../support/cli-project.js'
import { crashCities } from '../support/crash-cities.js'
import { contractTest, contractTestOn, type TestDatabase, typeormTestOn } from '../support/databases.js'

/* The crash-test kit as applications use it: the compiled package, a config file, processes of their own. */

const app = join(__dirname, 'app')

async function createProject({ adapter }: TestDatabase): Promise<CliProject> {
  const files = await readdir(app)
  const texts = await Promise.all(files.map(async (file) => [file, await readFile(join(app, file), 'utf8')] as const))
  const project = await CliProject.createEmpty(Object.fromEntries(texts))
  if (adapter === 'prisma') await project.linkPrisma()
  return project
}

/** The application's config for the adapter of the test. */
const configIn = ({ folder }: CliProject, { adapter }: TestDatabase) =>
  join(folder, adapter === 'prisma' ? 'rowshift.prisma.config.ts' : 'rowshift.config.ts')

/** `rowshift/testing` as the project has installed it. */
function testingIn({ folder }: CliProject): typeof Testing {
  return createRequire(join(folder, 'app.js'))('rowshift/testing')
}

/** Gives the project a copy of rowshift of its own, in which one text of a file is another. */
async function breakRowshift({ folder }: CliProject, file: string, text: string, broken: string): Promise<void> {
  const link = join(folder, 'node_modules/rowshift')
  const whole = await realpath(link)
  await rm(link)
  await cp(join(whole, 'dist'), join(link, 'dist'), { recursive: true })
  await cp(join(whole, 'package.json'), join(link, 'package.json'))
  await symlink(join(whole, 'node_modules'), join(link, 'node_modules'))
  const path = join(link, 'dist', file)
  const source = await readFile(path, 'utf8')
  expect(source.split(text).length, `${text} in ${file}`).toBe(2)
  await writeFile(
    path,
    source.replace(text, () => broken),
  )
}

/** What a crash test reports, whether it passes or not. */
async function reportOf(running: Promise<CrashReport>): Promise<CrashReport> {
  try {
    return await running
  } catch (error) {
    if (error instanceof AssertionError) return error.actual as CrashReport
    throw error
  }
}

/** Processes that are killed and started again take long on a busy machine. */
const patientMs = 180_000

/** A smaller `npm run crash`. */
contractTest(
  'crashTest finds no row amiss after workers were killed among live writers',
  async (database) => {
    const project = await createProject(database)
    const { crashTest } = testingIn(project)
    const config = configIn(project, database)
    const report = await crashCities('citySlug', { crashTest, config, database, kills: 2, rows: 300 })
    expect(report).toMatchObject({ mismatched: 0, doubleApplied: 0, lostWrites: 0, unaccounted: 0, differences: [] })
    expect(report.kills).toBe(2)
    expect(report.writes).toBeGreaterThan(0)
  },
  patientMs,
)

contractTestOn(
  ['sqlite'],
  'crashTest finds rows that are migrated twice when the fence lets everybody pass',
  async (database) => {
    const project = await createProject(database)
    await breakRowshift(
      project,
      'dialects/state/shards.js',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source of a template
      '\n          and claim = ${hold.claim} and seq = ${hold.seq}${isWithin}`',
      '`',
    )
    const { crashTest } = testingIn(project)
    const config = configIn(project, database)
    const error: unknown = await crashCities('stopVisits', { crashTest, config, database, kills: 1, rows: 600 }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(AssertionError)
    const { actual, message } = error as AssertionError
    const { doubleApplied, differences } = actual as CrashReport
    expect(doubleApplied).toBeGreaterThan(0)
    expect(differences[0]).toEqual({
      fault: 'doubleApplied',
      table: 'stop',
      key: [expect.stringMatching(/^\d+$/)],
      columns: ['visits'],
    })
    expect(message).toMatch(
      /^backfill "stop\.visits" does not survive a crash: doubleApplied \d+ of \d+ rows, the first in "stop" with key \["\d+"\] \(visits\)\. Seed \d+\.$/,
    )
  },
  patientMs,
)

contractTestOn(
  ['sqlite'],
  'crashTest finds writes of the application that are lost without a guard',
  async (database) => {
    const project = await createBusyCities(database)
    const guard = '(0, texts_js_1.isAsRead)(column, '
    const open = `((...read) => (0, sql_js_1.sql) \`(\${(0, texts_js_1.isAsRead)(...read)} or true)\`)(column, `
    await breakRowshift(project, 'dialects/sqlite/rows.js', guard, open)
    const report = await reportOf(crashBusyCities(project, database))
    expect(report).toMatchObject({ kills: 1 })
    expect(report.lostWrites).toBeGreaterThan(0)
  },
  patientMs,
)

/** A way to the server on which connections are lost, each as soon as it is there, until so many have been. */
async function lossyWayTo({ server }: TestDatabase, losses: number): Promise<{ port: number; lost: () => number }> {
  let lost = 0
  const way = createServer((client) => {
    if (lost < losses) {
      lost++
      client.resetAndDestroy()
      return
    }
    const onward = createConnection(server)
    for (const socket of [client, onward]) socket.on('error', () => undefined)
    client.pipe(onward).pipe(client)
  })
  await once(way.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void way.close())
  return { port: (way.address() as AddressInfo).port, lost: () => lost }
}

// Prisma's pools connect when a connection is asked for, not when they are opened.
typeormTestOn(
  ['postgres', 'mariadb'],
  'a worker of a crash test opens its database however often its connection is cut meanwhile',
  async (database) => {
    const project = await createProject(database)
    const { Member } = createRequire(join(project.folder, 'app.js'))(
      join(project.folder, 'node_modules/rowshift/dist/testing/member.js'),
    ) as typeof MemberModule
    const config = configIn(project, database)
    const openOn = async (port: number, isCut: boolean) => {
      const env = { CRASH_DATA_SOURCE: JSON.stringify(database.dataSourceOptions()), CRASH_PORT: `${port}` }
      const task = { backfill: 'city.slug', config, dataSource: undefined, counter: undefined, isCut }
      const member = new Member(task, env)
      onTestFinished(() => member.kill())
      await member.ask('ready')
    }
    const way = await lossyWayTo(database, 12)
    await openOn(way.port, true)
    expect(way.lost()).toBe(12)
    // Whose connections nobody cuts says at once what is in its way.
    await expect(openOn((await lossyWayTo(database, 1)).port, false)).rejects.toMatchObject({
      code: 'UNEXPECTED_ERROR',
    })
  },
  patientMs,
)

/** A slow transform, so that writes of the application meet rows between their read and their write. */
const busyCities = `import { setTimeout as sleep } from 'node:timers/promises'
import { defineBackfill } from 'rowshift'

export const citySlug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text', touched: 'integer' },
  write: { slug: 'text', touched: 'integer' },
  where: { slug: null },
  batchRows: 30,
  async transform(row) {
    await sleep(200)
    return { slug: row.name, touched: row.touched + 1 }
  },
})
`

const citySlug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text', touched: 'integer' },
  write: { slug: 'text', touched: 'integer' },
  where: { slug: null },
  transform: () => undefined,
})

async function createBusyCities(database: TestDatabase): Promise<CliProject> {
  return CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/city-slug.ts': busyCities,
  })
}

async function crashBusyCities(
  project: CliProject,
  database: TestDatabase,
  options: Partial<Testing.CrashTestOptions<typeof citySlug>> = {},
): Promise<CrashReport> {
  const dataSource = await database.connect()
  return testingIn(project).crashTest({
    backfill: citySlug,
    config: join(project.folder, 'rowshift.config.ts'),
    counter: 'touched',
    kills: 1,
    workers: 2,
    async prepare() {
      await dataSource.query('drop table if exists city')
      await createCities(dataSource, database.name, 150)
    },
    // All rows, so that each of its writes meets whatever is being transformed.
    writers: [() => dataSource.query('update city set touched = touched + 1000')],
    ...options,
  })
}

contractTestOn(
  ['sqlite'],
  'crashTest says why it cannot tell anything',
  async (database) => {
    const project = await createBusyCities(database)
    const dataSource = await database.connect()
    const why = (options: Partial<Testing.CrashTestOptions<typeof citySlug>>) =>
      crashBusyCities(project, database, options).then(
        () => 'nothing',
        (error: Error) => error.message,
      )
    await createCities(dataSource, database.name, 2)
    let made = 0
    expect(await why({ prepare: () => dataSource.query(`update city set name = 'City ${++made}' where id = 2`) })).toBe(
      'CRASH_TEST_UNUSABLE: backfill "city.slug": `prepare` has made other rows than before: "city", key ["2"] (name). Name columns that may differ (times, random values) in `ignore`.',
    )
    expect(await why({ prepare: () => dataSource.query('delete from city') })).toContain('`prepare` has made no rows')
    expect(await why({ kills: 0 })).toContain('`kills` must be a whole number from 1 on')
    expect(await why({ workers: 1.5 })).toContain('`workers` must be a whole number from 1 on')
    expect(await why({ counter: 'visits' as never })).toContain('"visits", which backfill "city.slug" does not write')
    expect(await why({ prepare: () => Promise.reject(new Error('no such table')) })).toBe('no such table')
    const unknown = defineBackfill.sql({ name: 'city.slugs', table: 'city', set: { slug: 'x' } })
    expect(await why({ backfill: unknown as never })).toMatch(/^UNKNOWN_BACKFILL: /)
  },
  patientMs,
)
