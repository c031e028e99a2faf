import { expect } from 'vitest'
import { countWhere, createCities, readCities } from '../support/city-table.js'
import { CliProject, citySlugText, configTextFor } from '../support/cli-project.js'
import { contractTest, contractTestOn, type TestDatabase } from '../support/databases.js'
import { nothingToVerify } from '../support/verification.js'

const rows = 1_000

/** Longer than vitest waits by itself: on a busy machine a command takes seconds to start. */
const patiently = { timeout: 30_000 }

async function createProject(database: TestDatabase, backfill = citySlugText()) {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, rows)
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/city-slug.ts': backfill,
  })
  return { dataSource, project }
}

contractTest('rowshift run migrates every row and prints one JSON document', async (database) => {
  const { dataSource, project } = await createProject(database)
  const { code, document } = await project.json(['run', 'city.slug'])
  expect(document).toMatchObject({
    status: 'completed',
    backfill: 'city.slug',
    isResumed: false,
    coverage: 'every-match',
    counts: { written: rows, failures: 0 },
    verification: { isPassed: true },
  })
  expect(code).toBe(0)
  const cities = await readCities(dataSource)
  expect(cities.filter(({ id, slug }) => slug !== `city-${id}`)).toEqual([])
})

contractTest('rowshift run tells people what it does, in plain lines where there is no terminal', async (database) => {
  const { project } = await createProject(database)
  const { code, stdout, stderr } = await project.run(['run', 'city.slug'])
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    // A line of progress only when it takes longer than five seconds.
    stdout: expect.stringMatching(
      /^city\.slug · run \d+ · started\n(city\.slug {2,}.*\n)* {2}completed: 1,000 rows written\n$/,
    ),
    stderr: '',
  })
})

for (const [signal, databases] of [
  ['SIGINT', ['sqlite', 'postgres', 'mariadb']],
  ['SIGTERM', ['sqlite']],
] as const) {
  contractTestOn(databases, `${signal} finishes the batch in hand, and the same command resumes`, async (database) => {
    const { dataSource, project } = await createProject(database, citySlugText({ waitAt: 350 }))
    const child = project.start(['run', 'city.slug'])
    await child.line('waiting')
    child.signal(signal)
    await expect.poll(() => child.errors, patiently).toContain('finishing this batch…')
    await project.write({ go: '' })
    expect(await child.exited).toEqual({ code: 3, signal: null })
    expect(child.output()).toMatch(/interrupted at \d+\.\d%, nothing lost\./)
    expect(child.lines.at(-1)).toBe('Continue: rowshift run city.slug')
    expect(await countWhere(dataSource, 'slug is not null')).toBe(400)

    expect((await project.json(['status'])).document).toMatchObject({
      backfills: [
        { status: 'interrupted', scanned: 400, gate: { isOpen: false }, shards: [{ worker: null, takenOver: null }] },
      ],
    })
    const resumed = await project.run(['run', 'city.slug'])
    expect(resumed.stdout).toMatch(/^city\.slug · run \d+ · resumed at \d+\.\d% \(checkpoint [\d: -]+\)\n/)
    expect(resumed.code).toBe(0)
    const cities = await readCities(dataSource)
    expect(cities.filter(({ id, slug }) => slug !== `city-${id}`)).toEqual([])
  })
}

contractTest('a second SIGINT gives the batch up, and nothing is lost', async (database) => {
  const { dataSource, project } = await createProject(database, citySlugText({ waitAt: 350 }))
  const child = project.start(['run', 'city.slug', '--json'])
  await expect.poll(() => child.errors, patiently).toContain('waiting')
  child.signal('SIGINT')
  await expect.poll(() => child.errors, patiently).toContain('finishing this batch…')
  // What follows at once counts as the same press.
  await new Promise((resolve) => setTimeout(resolve, 500))
  child.signal('SIGINT')
  expect(await child.exited).toEqual({ code: 3, signal: null })
  expect(child.errors).toContain('giving this batch up…')
  expect(JSON.parse(child.lines.join('\n'))).toMatchObject({ status: 'unfinished', reason: 'interrupted' })
  expect(await countWhere(dataSource, 'slug is not null')).toBe(300)

  await project.write({ go: '' })
  const { code, document } = await project.json(['run', 'city.slug'])
  expect({ code, document }).toMatchObject({ code: 0, document: { isResumed: true, counts: { written: rows } } })
})

contractTest('failed rows fail the run, are listed by key, and are tried again', async (database) => {
  const { dataSource, project } = await createProject(
    database,
    citySlugText({ failAt: [101, 102, 103], maxFailures: 0 }),
  )
  const failed = await project.run(['run', 'city.slug'])
  expect(failed.code).toBe(1)
  expect(failed.stdout).toMatch(/failed: ROWS_FAILED: .*\nNext: rowshift failures city\.slug\n$/)
  expect((await project.json(['status'])).code).toBe(1)

  const { code, document } = await project.json(['failures', 'city.slug', '--limit', '2'])
  expect({ code, document }).toMatchObject({
    code: 0,
    document: {
      backfill: 'city.slug',
      status: 'failed',
      total: 3,
      counts: [{ code: 'TRANSFORM_FAILED', state: 'failed', rows: 3 }],
      failures: [
        { key: [expect.stringMatching(/^10[123]$/)], state: 'failed', code: 'TRANSFORM_FAILED', attempts: 1 },
        { key: [expect.stringMatching(/^10[123]$/)], message: expect.stringMatching(/^Error at /), step: 'transform' },
      ],
    },
  })
  const listed = await project.run(['failures', 'city.slug', '-n', '2'])
  expect(listed.stdout).toMatch(
    /· failed · 3 failures\n {2}TRANSFORM_FAILED in transform {2}3 rows\n {4}10\d {2}failed {2}1 attempt {2}Error at .*\n.*\n {2}1 more: --limit 3\n/,
  )
  expect(listed.stdout).not.toContain('City')

  await project.write({ 'backfills/city-slug.ts': citySlugText({ maxFailures: 0 }) })
  expect((await project.json(['replay'])).document).toMatchObject({
    replayed: [{ backfill: 'city.slug', cleared: 3, remaining: 0, result: { status: 'completed' } }],
  })
  expect(await countWhere(dataSource, 'slug is null')).toBe(0)
  expect((await project.run(['replay'])).stdout).toBe('no failures\n')
  expect((await project.run(['failures', 'city.slug'])).stdout).toContain('completed · no failures')
})

contractTest(
  'failures within the limit let a run complete, and keep its gate shut until they are replayed',
  async (database) => {
    const { dataSource, project } = await createProject(database, citySlugText({ failAt: [101, 102] }))
    const run = await project.run(['run', 'city.slug'])
    expect(run.code).toBe(3)
    expect(run.stdout).toMatch(/completed: 998 rows written.*\nNext: rowshift failures city\.slug\n$/s)
    expect(await project.json(['status'])).toMatchObject({
      code: 3,
      document: { backfills: [{ status: 'completed', failed: 2, gate: { isOpen: false } }] },
    })
    await project.write({ 'backfills/city-slug.ts': citySlugText() })
    expect((await project.run(['replay', 'city.slug'])).code).toBe(0)
    expect(await countWhere(dataSource, 'slug is null')).toBe(0)
    expect((await project.json(['status'])).code).toBe(0)
  },
)

contractTest('rowshift verify looks at the table, whatever its runs say', async (database) => {
  const { dataSource, project } = await createProject(database)
  const before = await project.json(['verify', 'city.slug'])
  expect(before).toEqual({
    code: 1,
    document: { backfill: 'city.slug', ...nothingToVerify, isPassed: false, remaining: rows, lastRun: null },
  })
  expect((await project.run(['verify', 'city.slug'])).stdout).toBe(
    'city.slug did not pass: 1,000 rows still match `where`\nNext: rowshift run city.slug\n',
  )
  await dataSource.query(`update city set slug = 'x'`)
  expect(await project.run(['verify', 'city.slug'])).toEqual({
    code: 0,
    stdout: 'city.slug passed: no row matches any more\n',
    stderr: '',
  })
  await project.run(['run', 'city.slug'])
  await dataSource.query('update city set slug = null where id = 1')
  expect((await project.run(['verify', 'city.slug'])).stdout).toBe(
    'city.slug did not pass: 1 row still matches `where`\n  run 1, completed: passed\nNext: rowshift run city.slug\n',
  )
  expect((await project.json(['verify', 'city.slug'])).document).toMatchObject({
    remaining: 1,
    lastRun: { runId: 1, status: 'completed', isPassed: true, remaining: 0 },
  })
})
