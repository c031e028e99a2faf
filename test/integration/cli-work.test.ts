import { expect } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { TcpProxy } from '../../src/testing/tcp-proxy.js'
import { countWhere, createCities, readCities } from '../support/city-table.js'
import { CliProject, citySlugText, configTextFor, dataSourceText } from '../support/cli-project.js'
import { contractTest, contractTestOn, type TestDatabase } from '../support/databases.js'
import { schedule } from '../support/migration-calls.js'

const rows = 1_000

/** Longer than vitest waits by itself: on a busy machine a command takes seconds to start. */
const patiently = { timeout: 30_000 }

/** What a migration has scheduled: the definition of `citySlugText`. */
const citySlug = (name = 'city.slug') =>
  defineBackfill({
    name,
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    batchRows: 100,
    transform: () => undefined,
  })

async function createScheduled(database: TestDatabase, backfill = citySlugText()) {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  await schedule(dataSource, citySlug())
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/city-slug.ts': backfill,
  })
  return { dataSource, project }
}

contractTest('rowshift work does what a migration has scheduled, then exits', async (database) => {
  const { dataSource, project } = await createScheduled(database)
  const { code, document } = await project.json(['work'])
  expect({ code, document }).toMatchObject({
    code: 0,
    document: {
      runs: [{ backfill: 'city.slug', status: 'completed', written: rows, failed: 0 }],
      declined: [],
      neverRun: [],
    },
  })
  const cities = await readCities(dataSource)
  expect(cities.filter(({ id, slug }) => slug !== `city-${id}`)).toEqual([])
  // Once more: there is nothing to do, and that is no failure.
  expect((await project.run(['work'])).stdout).toMatch(/works on 1 backfill until .*\nNothing is left to do\.\n$/)
})

async function takenOver(project: CliProject): Promise<{ readonly from: string; readonly silentMs: number }> {
  const { document } = await project.json(['status'])
  const { backfills } = document as { backfills: { shards: { takenOver: { from: string; silentMs: number } }[] }[] }
  return backfills[0]!.shards[0]!.takenOver
}

contractTest('of two workers one waits and takes over when the other is killed', async (database) => {
  const { dataSource, project } = await createScheduled(database, citySlugText({ waitAt: 350 }))
  const first = project.start(['work'])
  await first.line('waiting')
  const second = project.start(['work'])
  await second.line('city.slug · held by other workers, waiting')
  const { document } = await project.json(['status'])
  expect(document).toMatchObject({
    backfills: [
      {
        status: 'running',
        shards: [
          {
            shard: 0,
            status: 'open',
            worker: expect.stringMatching(/:\d+$/),
            isAlive: true,
            scanned: 300,
            done: null,
            takenOver: null,
          },
          // The second worker has taken half of it, and is done with that.
          { shard: 1, status: 'done', worker: null, isAlive: false, done: 1, written: 350 },
        ],
      },
    ],
  })
  await first.kill()
  expect(await second.line('taken over')).toMatch(
    new RegExp(`^city\\.slug · run \\d+ · taken over from \\S+:${first.pid}, which fell silent$`),
  )
  const told = await project.run(['status'])
  expect(told.stdout).toMatch(
    new RegExp(
      `^ {4}shard 0 {2}\\S+:${second.pid} {2}300 rows {2}taken over from \\S+:${first.pid}, silent \\d+s$`,
      'm',
    ),
  )
  const { silentMs } = await takenOver(project)
  // The lease, and not much more.
  expect(silentMs).toBeGreaterThanOrEqual(5_000)
  await project.write({ go: '' })
  expect(await second.exited).toEqual({ code: 0, signal: null })
  expect(second.lines.slice(-2)).toEqual(['  completed: 1,000 rows written', 'Nothing is left to do.'])
  expect(second.lines.filter((line) => line.includes('held by other workers')).length).toBe(1)
  const cities = await readCities(dataSource)
  expect(cities.filter(({ id, slug }) => slug !== `city-${id}`)).toEqual([])
})

contractTest(
  'rowshift work --watch takes up runs that are scheduled later, until it is told to stop',
  async (database) => {
    const { dataSource, project } = await createScheduled(database)
    const worker = project.start(['work', '--watch'])
    await worker.line('completed: 1,000 rows written')
    await dataSource.query(`update city set slug = null`)
    await schedule(dataSource, citySlug())
    await expect.poll(() => countWhere(dataSource, 'slug is null'), patiently).toBe(0)
    await expect.poll(() => worker.lines.filter((line) => line.includes('completed')).length, patiently).toBe(2)
    worker.signal('SIGTERM')
    expect(await worker.exited).toEqual({ code: 0, signal: null })
  },
)

contractTest('an interrupted worker exits with 3 and says how to go on', async (database) => {
  const { dataSource, project } = await createScheduled(database, citySlugText({ waitAt: 350 }))
  const worker = project.start(['work'])
  await worker.line('waiting')
  worker.signal('SIGTERM')
  await expect.poll(() => worker.errors, patiently).toContain('finishing this batch…')
  await project.write({ go: '' })
  expect(await worker.exited).toEqual({ code: 3, signal: null })
  expect(worker.errors).toMatch(/^ {2}finishing/)
  expect(worker.lines.slice(-3)).toEqual(['Left:', '  city.slug  interrupted', 'Next: rowshift work'])
  expect(await countWhere(dataSource, 'slug is not null')).toBe(400)
})

contractTest('rowshift work declines a run of another definition and does the others', async (database) => {
  const changed = citySlugText().replace(`batchRows: 100`, `batchRows: 100, revision: 2`)
  const { dataSource, project } = await createScheduled(database, changed)
  await project.write({ 'backfills/other.ts': citySlugText({ name: 'city.other' }) })
  await schedule(dataSource, citySlug('city.other'))
  const { code, document } = await project.json(['work'])
  expect({ code, document }).toMatchObject({
    code: 3,
    document: {
      runs: [
        { backfill: 'city.slug', status: 'scheduled' },
        { backfill: 'city.other', status: 'completed', written: rows },
      ],
      declined: [{ backfill: 'city.slug', error: { code: 'DEFINITION_CHANGED' } }],
    },
  })
  const told = await project.run(['work'])
  expect(told.stdout).toMatch(/^city\.slug · declined: DEFINITION_CHANGED: .*rowshift cancel city\.slug/m)
  expect(told.stdout).toContain('Left:\n  city.slug  scheduled: declined by this code\n')
})

contractTest('rowshift work exits with 1 when rows fail, and leaves a failed run alone', async (database) => {
  const { project } = await createScheduled(database, citySlugText({ failAt: [350], maxFailures: 0 }))
  const failed = await project.run(['work'])
  expect(failed.code).toBe(1)
  expect(failed.stdout).toMatch(
    /Left:\n {2}city\.slug {2}failed: ROWS_FAILED: .*\nNext: rowshift failures city\.slug\n$/,
  )
  await project.write({ 'backfills/city-slug.ts': citySlugText({ maxFailures: 0 }) })
  expect((await project.json(['work'])).code).toBe(1)
  expect((await project.json(['run', 'city.slug'])).code).toBe(0)
  expect((await project.json(['work'])).code).toBe(0)
})

contractTest('a run whose table is gone does not keep rowshift work from the others', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 1)
  await schedule(dataSource, citySlug('city.gone'))
  await dataSource.query('drop table city')
  await createCities(dataSource, database.name, rows)
  await schedule(dataSource, citySlug())
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/gone.ts': citySlugText({ name: 'city.gone' }).replace(`table: 'city'`, `table: 'town'`),
    'backfills/city-slug.ts': citySlugText(),
  })
  const { code, document } = await project.json(['work'])
  expect({ code, document }).toMatchObject({
    code: 1,
    document: {
      runs: [
        { backfill: 'city.gone', status: 'scheduled' },
        { backfill: 'city.slug', status: 'completed', written: rows },
      ],
      declined: [],
      stopped: [{ backfill: 'city.gone', error: { code: 'TABLE_NOT_FOUND' } }],
    },
  })
  const told = await project.run(['work'])
  expect(told.stdout).toMatch(
    /^city\.gone · stopped: TABLE_NOT_FOUND: .*\nLeft:\n {2}city\.gone {2}scheduled: TABLE_NOT_FOUND: /m,
  )
})

contractTestOn(
  ['postgres', 'mariadb'],
  'rowshift work --watch outlasts a restart of the database',
  async (database) => {
    const { dataSource, project } = await createScheduled(database)
    const proxy = await new TcpProxy(database.server).listen()
    const { port } = proxy
    await project.write({ 'src/data-source.ts': dataSourceText(database, { port }) })
    const worker = project.start(['work', '--watch'])
    await worker.line('completed: 1,000 rows written')
    await proxy.close()
    await worker.line('database out of reach, waiting: DATABASE_UNAVAILABLE: ')
    await dataSource.query(`update city set slug = null`)
    await schedule(dataSource, citySlug())
    await proxy.listen(port)
    await worker.line('database in reach again')
    await expect.poll(() => worker.lines.filter((line) => line.includes('completed')).length, patiently).toBe(2)
    worker.signal('SIGTERM')
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    await proxy.close()
  },
)

contractTest('rowshift run starts what was merely scheduled, and resumes only what was begun', async (database) => {
  const { project } = await createScheduled(database)
  const { stdout } = await project.run(['run', 'city.slug'])
  expect(stdout).toMatch(/^city\.slug · run \d+ · started\n/)
})
