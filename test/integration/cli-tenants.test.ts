import { expect } from 'vitest'
import { CliProject, citySlugText, configTextFor } from '../support/cli-project.js'
import { contractTest, contractTestOn, type TestDatabase, type TestTarget } from '../support/databases.js'
import { runRowshift } from '../support/rowshift-command.js'
import { TestTenants } from '../support/tenants.js'

const names = ['acme', 'globex', 'initech']
const rows = 5

async function createProject(
  database: TestDatabase,
  target: TestTarget,
  { options = {}, backfill = {} }: { options?: object; backfill?: Parameters<typeof citySlugText>[0] } = {},
) {
  const tenants = await TestTenants.create(names, rows, database, target)
  const project = await CliProject.create(database, {
    'rowshift.config.ts': tenants.configText(options),
    'backfills/city-slug.ts': citySlugText({ maxFailures: 0, ...backfill }).replace(
      'return {',
      "if (row.name === 'bad') throw new Error('no slug for it')\n    return {",
    ),
  })
  const rename = (tenant: string, name: string) =>
    tenants.app(tenant).query(`update city set name = '${name}' where id = 3`)
  const run = async (...args: string[]) => {
    const { code, out, err } = await runRowshift(project.folder, args)
    return { code, out: out + err }
  }
  const json = async (...args: string[]) => {
    const { code, out } = await runRowshift(project.folder, [...args, '--json'])
    return { code, document: JSON.parse(out) }
  }
  return { tenants, project, rename, run, json }
}

contractTest(
  'run --each-tenant: the canary goes ahead, each line names its tenant, the end is told of all',
  async (database, target) => {
    const { tenants, rename, run } = await createProject(database, target, { options: { canary: 'globex' } })
    await rename('globex', 'bad')
    const stopped = await run('run', 'city.slug', '--each-tenant')
    expect(stopped.code).toBe(1)
    expect(stopped.out).toMatch(/^globex │ city\.slug · run 1 · started\nglobex │ {3}failed: ROWS_FAILED/)
    expect(stopped.out).toMatch(/^globex │ Next: rowshift failures city\.slug --tenant globex$/m)
    expect(stopped.out).toContain('3 tenants: 0 completed, 1 failed, 2 not started\n')
    expect(stopped.out).toMatch(
      /\n {2}globex +failed +ROWS_FAILED: .*\n {2}acme +not started\n {2}initech +not started\n/,
    )
    expect(stopped.out).toContain('Stopped: tenant "globex" goes ahead of the others and is failed.')
    expect(stopped.out).not.toContain('acme │')
    await rename('globex', 'good')
    const done = await run('run', 'city.slug', '--each-tenant')
    expect(done).toMatchObject({ code: 0, out: expect.stringContaining('3 tenants: 3 completed\n') })
    expect(done.out.match(/^\w+ │ {3}completed: \d rows? written/gm)).toHaveLength(3)
    expect(await tenants.filled()).toEqual([rows, rows, rows])
    const again = await run('run', 'city.slug', '--each-tenant')
    expect(again.out).toContain('acme │ city.slug · completed before\n')
  },
)

contractTest(
  '--json has every tenant; a further command runs what is left; --tenant is about one',
  async (database, target) => {
    const { tenants, rename, json } = await createProject(database, target)
    await rename('globex', 'bad')
    expect(await json('run', 'city.slug', '--each-tenant')).toMatchObject({
      code: 1,
      document: {
        tenants: [
          { tenant: 'acme', status: 'completed', code: null, answer: { runId: 1, counts: { written: rows } } },
          { tenant: 'globex', status: 'failed', code: 'ROWS_FAILED', answer: { status: 'failed' } },
          { tenant: 'initech', status: 'not-started', code: null, answer: null },
        ],
        counts: { completed: 1, failed: 1, unfinished: 0, notStarted: 1 },
        stopped: { code: 'TOO_MANY_TENANTS_FAILED' },
      },
    })
    // What is not done is looked at as well, though one has failed.
    expect(await json('status', '--each-tenant')).toMatchObject({
      code: 1,
      document: {
        tenants: [
          { answer: { backfills: [{ backfill: 'city.slug', status: 'completed', done: 1, written: rows }] } },
          { answer: { backfills: [{ status: 'failed', failed: 1 }] } },
          { tenant: 'initech', status: 'unfinished', answer: { backfills: [{ status: 'never run' }] } },
        ],
        stopped: null,
      },
    })
    await rename('globex', 'good')
    expect(await json('run', 'city.slug', '--tenant', 'globex')).toMatchObject({ code: 0, document: { runId: 1 } })
    expect((await tenants.filled())[2]).toBe(0)
    expect(await json('run', 'city.slug', '--each-tenant')).toMatchObject({
      code: 0,
      document: {
        tenants: [{ answer: { isFromBefore: true } }, { answer: { isFromBefore: true } }, { answer: { runId: 1 } }],
      },
    })
    expect(await json('undo', 'city.slug', '--each-tenant')).toMatchObject({
      code: 1,
      document: { tenants: [{ code: 'IRREVERSIBLE' }, { status: 'not-started' }, { status: 'not-started' }] },
    })
  },
)

contractTest(
  'killed in the middle, the same command goes on at the checkpoint of the tenant it was at',
  async (database, target) => {
    const { tenants, project } = await createProject(database, target, { backfill: { waitAt: 4 } })
    await tenants.app('acme').query('update city set slug = name')
    const args = ['run', 'city.slug', '--each-tenant']
    await project.write({
      'backfills/city-slug.ts': citySlugText({ waitAt: 4 }).replace('batchRows: 100', 'batchRows: 1'),
    })
    const child = project.start(args)
    await child.line(/^globex │ city\.slug/)
    await child.line('waiting')
    await child.kill()
    const [, half, untouched] = await tenants.filled()
    expect([half, untouched]).toEqual([3, 0])
    await project.write({ go: '' })
    const { code, document } = await project.json(args)
    expect({ code, document }).toMatchObject({
      code: 0,
      document: {
        tenants: [
          { tenant: 'acme', answer: { isFromBefore: true } },
          { tenant: 'globex', answer: { runId: 1, isResumed: true, counts: { written: rows } } },
          { tenant: 'initech', answer: { runId: 1, isResumed: false, counts: { written: rows } } },
        ],
      },
    })
    expect(await tenants.filled()).toEqual([rows, rows, rows])
  },
)

contractTestOn(
  ['sqlite'],
  'Ctrl-C finishes the batch in hand and begins no further tenant',
  async (database, target) => {
    const { tenants, project } = await createProject(database, target, { backfill: { waitAt: 4 } })
    await tenants.app('acme').query('update city set slug = name')
    const child = project.start(['run', 'city.slug', '--each-tenant'])
    await child.line('waiting')
    child.signal('SIGINT')
    await expect.poll(() => child.errors, { timeout: 10_000 }).toContain('beginning no further tenant…')
    await project.write({ go: '' })
    expect(await child.exited).toMatchObject({ code: 3 })
    expect(child.errors).toContain('globex │   finishing this batch…')
    expect(child.output()).toContain('3 tenants: 1 completed, 1 unfinished, 1 not started')
    expect(child.output()).toContain('Stopped: interrupted')
    expect((await tenants.filled())[2]).toBe(0)
  },
)

contractTestOn(['sqlite'], 'says which tenants there are, and what goes with what', async (database, target) => {
  const { json } = await createProject(database, target, { options: { canary: 'globex' } })
  const without = await CliProject.create(database, { 'rowshift.config.ts': configTextFor(database) })
  const messageOf = async (call: Promise<{ code: number | null; document: { error?: { message: string } } }>) => {
    const { code, document } = await call
    return `${code} ${document.error?.message}`
  }
  const refused = (...args: string[]) => messageOf(json(...args))
  expect(await refused('status')).toMatch(/^2 .*name one by `--tenant`, or `--each-tenant`/)
  expect(await refused('status', '-t', 'globx')).toMatch(/^2 .*lists no tenant "globx"\. Did you mean "globex"\?/)
  expect(await refused('work', '--watch', '--each-tenant')).toMatch(/^2 .*cannot be used with/)
  expect(await refused('init', '--each-tenant')).toMatch(/^2 .*unknown option/)
  expect(await refused('run', 'city.slugs', '--each-tenant')).toMatch(/^2 UNKNOWN_BACKFILL/)
  for (const args of [['--each-tenant'], ['--tenant', 'acme']])
    expect(await messageOf(without.json(['status', ...args]) as never)).toMatch(/^2 .*has no `tenants`\. Leave/)
})
