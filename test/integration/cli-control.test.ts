import { expect } from 'vitest'
import { createCities, readCities } from '../support/city-table.js'
import { CliProject, citySlugText, configTextFor } from '../support/cli-project.js'
import { contractTest, type TestDatabase } from '../support/databases.js'

async function createProject(database: TestDatabase, backfill = citySlugText({ waitAt: 350 })) {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 1_000)
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/city-slug.ts': backfill,
  })
  return { dataSource, project }
}

contractTest('a run is paused by another process, and resumed by a third', async (database) => {
  const { dataSource, project } = await createProject(database)
  const runner = project.start(['run', 'city.slug'])
  await runner.line('waiting')
  const paused = await project.run(['pause', 'city.slug'])
  expect(paused).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^city\.slug · run \d+ is paused\. .*\nNext: rowshift resume city\.slug\n$/),
  })
  await project.write({ go: '' })
  expect(await runner.exited).toEqual({ code: 3, signal: null })
  expect(runner.lines.at(-1)).toBe('Next: rowshift resume city.slug')
  // The batch that was in hand when the pause returned was refused.
  expect((await readCities(dataSource)).filter(({ slug }) => slug !== null).length).toBe(300)

  const again = await project.run(['run', 'city.slug'])
  expect(again.code).toBe(3)
  expect(again.stdout).toMatch(/run \d+ is paused at \d+\.\d%: .*\nNext: rowshift resume city\.slug\n$/)
  expect((await project.json(['work'])).code).toBe(3)
  expect(await project.json(['pause', 'city.slug'])).toMatchObject({
    code: 1,
    document: { error: { code: 'RUN_TRANSITION' } },
  })

  expect(await project.json(['resume', 'city.slug'])).toMatchObject({
    code: 0,
    document: { backfill: 'city.slug', status: 'scheduled' },
  })
  expect((await project.json(['work'])).code).toBe(0)
  expect((await readCities(dataSource)).filter(({ id, slug }) => slug !== `city-${id}`)).toEqual([])
})

contractTest('a cancelled run ends whoever works on it, and a new one passes over its rows', async (database) => {
  const { project } = await createProject(database)
  const runner = project.start(['run', 'city.slug'])
  await runner.line('waiting')
  expect(await project.json(['cancel', 'city.slug'])).toMatchObject({ code: 0, document: { status: 'cancelled' } })
  await project.write({ go: '' })
  expect(await runner.exited).toEqual({ code: 3, signal: null })
  expect(runner.output()).toContain('was cancelled. Rows already written stay as they are.')
  expect(await project.json(['cancel', 'city.slug'])).toMatchObject({
    code: 1,
    document: { error: { code: 'RUN_NOT_FOUND', details: { backfill: 'city.slug' } } },
  })
  expect(await project.json(['run', 'city.slug'])).toMatchObject({
    code: 0,
    document: { isResumed: false, counts: { written: 700 } },
  })
})

contractTest('rowshift set changes the pace of a run while it goes on, and takes nothing else', async (database) => {
  const { project } = await createProject(database)
  const runner = project.start(['run', 'city.slug'])
  await runner.line('waiting')
  expect(await project.json(['set', 'city.slug', 'batch-rows=200', 'delay-ms=1'])).toMatchObject({
    code: 0,
    document: { backfill: 'city.slug', batchRows: 200, delayMs: 1, targetMs: null },
  })
  const back = await project.run(['set', 'city.slug', 'batch-rows=default'])
  expect(back.stdout).toMatch(/^city\.slug · run \d+ · batch-rows default · delay-ms 1 · target-ms default\n$/)
  const refused = { code: 2, document: { error: { code: 'INVALID_USAGE' } } }
  expect(await project.json(['set', 'city.slug', 'batch-rows=0'])).toMatchObject(refused)
  expect(await project.json(['set', 'city.slug', 'batch-row=5'])).toMatchObject(refused)
  await project.write({ go: '' })
  expect((await runner.exited).code).toBe(0)
  expect(await project.json(['set', 'city.slug', 'delay-ms=5'])).toMatchObject({
    code: 1,
    document: { error: { code: 'RUN_NOT_FOUND' } },
  })
})

contractTest('a run is paused even when its definition does not compile', async (database) => {
  const { project } = await createProject(database)
  const runner = project.start(['run', 'city.slug'])
  await runner.line('waiting')
  await project.write({ 'backfills/city-slug.ts': 'export const citySlug = defineBackfill({' })
  expect((await project.run(['pause', 'city.slug'])).code).toBe(0)
  await project.write({ go: '' })
  expect((await runner.exited).code).toBe(3)
})

contractTest('rowshift status shows every backfill, from never run to completed', async (database) => {
  const { project } = await createProject(database)
  await project.write({ 'backfills/other.ts': citySlugText({ name: 'city.other' }) })
  const none = await project.run(['status'])
  expect(none).toMatchObject({ code: 3, stderr: '' })
  expect(none.stdout.split('\n').slice(1)).toEqual([
    '  backfill    status     done  rate  left  failed  gate',
    '  city.slug   never run  -     -     -     -       shut',
    '  city.other  never run  -     -     -     -       shut',
    'Next: rowshift run city.slug',
    '',
  ])

  const runner = project.start(['run', 'city.slug'])
  await runner.line('waiting')
  const running = await project.run(['status'])
  expect(running.code).toBe(3)
  expect(running.stdout).toMatch(
    /^ {2}city\.slug {3}running {4}\d\d\.\d% +- +- +0 +shut\n {4}shard 0 {2}\S+:\d+ {2}\d\d\.\d%$/m,
  )
  await project.write({ go: '' })
  expect((await runner.exited).code).toBe(0)
  expect((await project.run(['status'])).stdout).toMatch(/^ {2}city\.slug {3}completed {2}100% +- +- +0 +open$/m)

  await project.run(['run', 'city.other'])
  const done = await project.json(['status'])
  expect(done).toMatchObject({
    code: 0,
    document: {
      next: null,
      backfills: [
        { backfill: 'city.slug', status: 'completed', done: 1, written: 1_000, gate: { isOpen: true } },
        { backfill: 'city.other', status: 'completed', done: 1, written: 0, gate: { isOpen: true } },
      ],
    },
  })
})

contractTest('rowshift status tells how fast a run is while somebody works on it', async (database) => {
  const slow = citySlugText().replace('batchRows: 100', 'batchRows: 5, delayMs: 100')
  const { project } = await createProject(database, slow)
  const runner = project.start(['run', 'city.slug'])
  await runner.line('city.slug · run')
  const statusNow = async () => {
    const { document } = await project.json(['status'])
    return (document as { backfills: { rowsPerSecond: number | null; secondsLeft: number | null }[] }).backfills[0]!
  }
  // Five rows a batch, and never more than ten batches a second. The first batch is counted from when the run was taken up.
  const isRate = ({ rowsPerSecond }: { rowsPerSecond: number | null }) => rowsPerSecond! > 0 && rowsPerSecond! <= 50
  await expect.poll(statusNow, { timeout: 20_000 }).toSatisfy(isRate)
  await expect.poll(async () => (await statusNow()).secondsLeft, { timeout: 20_000 }).toBeGreaterThan(0)
  await runner.kill()
})
