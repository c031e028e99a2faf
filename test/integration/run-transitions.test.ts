import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import { keep, ownTransactions } from '../../src/backfill/connection/transaction.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { defineBackfill } from '../../src/index.js'
import { fakeRun } from '../../src/runs/control/fake-run.js'
import { replayFailures } from '../../src/runs/control/replay.js'
import { controlRun } from '../../src/runs/control/run-control.js'
import { moveRun } from '../../src/runs/move-run.js'
import { isActive, type RunStatus, transitions } from '../../src/runs/run-status.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { codeOf, portTo, runBackfill } from '../support/backfills.js'
import { createCities } from '../support/city-table.js'
import { contractTest } from '../support/databases.js'
import { schedule } from '../support/migration-calls.js'
import type { StatementHooks } from '../support/observed-database.js'

/* Every edge of the transition table: that the store goes along it, that it goes along no other, and what takes it. */

const statuses = Object.keys(transitions) as RunStatus[]
const activeStatuses = statuses.filter(isActive)
/** Workers come to these by themselves; to a failed one when somebody names it. */
const workable = activeStatuses.filter((status) => status !== 'paused')

type Edge = `${RunStatus} -> ${RunStatus}`
const edges = statuses.flatMap((from) => transitions[from].map((to): Edge => `${from} -> ${to}`))

/** One city, whose key leaves room for others before it. */
const onlyId = 100

const citySlug = ({ onRow = async (_id: number) => {}, maxFailures = 0 } = {}) =>
  defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer', name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    reverse: 'not-needed',
    maxFailures,
    // Bound, so that its text is the same whatever it does.
    transform: fill.bind(undefined, onRow),
  })

async function fill(onRow: (id: number) => Promise<void>, { id, name }: { id: number; name: string }) {
  await onRow(id)
  return { slug: name }
}

async function scheduleRun(dataSource: DataSource): Promise<void> {
  await dataSource.query(`insert into city (id, name) values (${onlyId}, 'Oslo')`)
  await schedule(dataSource, citySlug())
}

/** Puts the run in a status, by hand. */
async function putIn(dataSource: DataSource, status: RunStatus): Promise<void> {
  const name = isActive(status) ? 'name' : 'null'
  // A completed one can be cancelled as long as it follows changes.
  const follow = status === 'completed' ? `'on'` : 'null'
  await dataSource.query(
    `update rowshift_run set status = '${status}', active_name = ${name}, follow = ${follow}, reason_code = null, finished_at = null`,
  )
}

async function readRun(dataSource: DataSource) {
  const [run] = await dataSource.query('select id, status, active_name, reason_code, finished_at from rowshift_run')
  return {
    id: Number(run.id),
    status: run.status as RunStatus,
    isActive: run.active_name !== null,
    code: run.reason_code as string | null,
    isFinished: run.finished_at !== null,
  }
}

contractTest('moves a run along every edge of the table, and along no other', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 0)
  await scheduleRun(dataSource)
  const port = portTo(dataSource)
  const scope = ownTransactions(port.dialect, batchLimits)
  const session = await port.connect()
  function* change(id: number, to: RunStatus) {
    const run = yield* port.dialect.state.lockRun(port.stateNames, id)
    yield* moveRun(port, run!, to, { code: 'THROTTLED', reason: 'a test' })
    return keep(undefined)
  }
  const moved: Edge[] = []
  try {
    for (const from of statuses) {
      for (const to of statuses) {
        await putIn(dataSource, from)
        const before = await readRun(dataSource)
        const code = await codeOf(session.run(scope.wrap(change(before.id, to))))
        const after = await readRun(dataSource)
        if (code !== undefined) {
          expect([from, to, code, after]).toEqual([from, to, 'RUN_TRANSITION', before])
          continue
        }
        moved.push(`${from} -> ${to}`)
        const isFinished = ['completed', 'failed', 'cancelled', 'undone'].includes(to)
        expect(after).toEqual({ id: before.id, status: to, isActive: isActive(to), code: 'THROTTLED', isFinished })
      }
    }
  } finally {
    await session.release()
  }
  expect(moved.sort()).toEqual([...edges].sort())
})

contractTest('takes every edge of the table, each by what the table says', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 0)
  await scheduleRun(dataSource)
  const taken = new Set<Edge>()

  /** The edges that something takes which begins with a run in a status. */
  async function edgesOf(from: RunStatus, act: (hooks: StatementHooks) => Promise<unknown>): Promise<readonly Edge[]> {
    for (const table of ['rowshift_failure', 'rowshift_checkpoint', 'rowshift_run', 'city'])
      await dataSource.query(`delete from ${table}`)
    await scheduleRun(dataSource)
    await putIn(dataSource, from)
    const found: Edge[] = []
    const after: StatementHooks['after'] = ({ label, parameters }, { affected }) => {
      if (label === 'move-run' && affected === 1) found.push(`${parameters.at(-1)} -> ${parameters[0]}` as Edge)
    }
    await act({ after })
    for (const edge of found) taken.add(edge)
    const { status } = await readRun(dataSource)
    expect(status).toBe(found.at(-1)?.split(' -> ')[1] ?? from)
    return found
  }

  for (const from of workable) {
    const claimed: Edge[] = from === 'running' ? [] : [`${from} -> running`]
    expect(await edgesOf(from, (hooks) => runBackfill(dataSource, citySlug(), { hooks }))).toEqual([
      ...claimed,
      'running -> completed',
    ])

    const waitedEnough = new AbortController()
    let waits = 0
    const throttled = (hooks: StatementHooks) =>
      runBackfill(dataSource, citySlug(), {
        hooks,
        stop: waitedEnough.signal,
        pace: { checkEveryMs: 100, throttle: () => 'a sale is on' },
        onWait: () => ++waits === 2 && waitedEnough.abort(),
      })
    expect(await edgesOf(from, throttled)).toEqual([
      `${from} -> postponed`,
      'postponed -> postponed',
      'postponed -> interrupted',
    ])
  }
  const stop = new AbortController()
  const stopped = (hooks: StatementHooks) =>
    runBackfill(dataSource, citySlug({ onRow: async () => stop.abort() }), { hooks, stop: stop.signal })
  expect(await edgesOf('scheduled', stopped)).toEqual(['scheduled -> running', 'running -> interrupted'])

  const refused = citySlug({ onRow: () => Promise.reject(new Error('no slug for it')) })
  expect(await edgesOf('scheduled', (hooks) => runBackfill(dataSource, refused, { hooks }))).toEqual([
    'scheduled -> running',
    'running -> failed',
  ])

  let refusals = 0
  const refusedOnce = citySlug({
    maxFailures: 1,
    onRow: async () => {
      if (++refusals === 1) throw new Error('no slug for it')
    },
  })
  const replayed = async (hooks: StatementHooks) => {
    await runBackfill(dataSource, refusedOnce)
    return replayFailures({ database: portTo(dataSource, hooks), definition: definitionOf(refusedOnce) })
  }
  expect(await edgesOf('scheduled', replayed)).toEqual([
    'completed -> interrupted',
    'interrupted -> running',
    'running -> completed',
  ])

  // Somebody inserts a row behind every one that is migrated.
  const old = citySlug({
    onRow: async (id) => void (await dataSource.query(`insert into city (id, name) values (${id - 1}, 'Older')`)),
  })
  expect(await edgesOf('scheduled', (hooks) => runBackfill(dataSource, old, { hooks }))).toEqual([
    'scheduled -> running',
    'running -> paused',
  ])

  expect(await edgesOf('paused', (hooks) => runBackfill(dataSource, citySlug(), { hooks }))).toEqual([])

  const asked = { pause: 'paused', resume: 'scheduled', cancel: 'cancelled' } as const
  for (const action of ['pause', 'resume', 'cancel'] as const) {
    for (const from of statuses) {
      let code: string | undefined
      const found = await edgesOf(from, async (hooks) => {
        code = await codeOf(controlRun(portTo(dataSource, hooks), 'city.slug', action))
      })
      const isAllowed = transitions[from].includes(asked[action])
      expect([action, from, found]).toEqual([action, from, isAllowed ? [`${from} -> ${asked[action]}`] : []])
      expect(code).toBe(isAllowed ? undefined : isActive(from) ? 'RUN_TRANSITION' : 'RUN_NOT_FOUND')
    }
  }

  const definition = definitionOf(citySlug())
  for (const from of activeStatuses) {
    const fake = (hooks: StatementHooks) => fakeRun(portTo(dataSource, hooks), definition)
    expect(await edgesOf(from, fake)).toEqual([`${from} -> completed`])
  }
  const undo = (hooks: StatementHooks) =>
    undoInForeground({ database: portTo(dataSource, hooks), definition, run: undefined })
  for (const from of activeStatuses) expect(await edgesOf(from, undo)).toEqual([`${from} -> cancelled`])
  expect(await edgesOf('completed', undo)).toEqual(['completed -> undone'])

  expect([...taken].sort()).toEqual([...edges].sort())
})
