import { expect, test } from 'vitest'
import { exitCodeOfEntries, isWorkedOn, nextStep, statusEntries } from '../../src/cli/status-entries.js'
import { type Counters, counterNames, type RunRow, type ShardRow } from '../../src/dialects/state-statements.js'
import type { RunReport } from '../../src/runs/read-status.js'
import type { RunStatus } from '../../src/runs/run-status.js'

const noCounters = Object.fromEntries(counterNames.map((name) => [name, 0])) as Record<keyof Counters, number>

function report(
  status: RunStatus,
  more: { run?: Partial<RunRow>; shards?: readonly Partial<ShardRow>[]; scanned?: number; failed?: number } = {},
): RunReport {
  const run: RunRow = {
    id: 7,
    name: 'city.slug',
    status,
    reasonCode: undefined,
    reason: undefined,
    table: 'city',
    definitionHash: '',
    tableHash: '',
    transformHash: undefined,
    pass: 0,
    estimatedRows: 1_000,
    verification: undefined,
    journalDays: undefined,
    follow: undefined,
    postponedUntil: undefined,
    batchRows: undefined,
    delayMs: undefined,
    targetMs: undefined,
    createdAt: '2026-02-03T14:00:00.000Z',
    startedAt: undefined,
    finishedAt: undefined,
    ...more.run,
  }
  const shards = (more.shards ?? [{}]).map(
    (shard, i): ShardRow => ({
      runId: run.id,
      shard: i,
      status: 'open',
      lowerKey: undefined,
      upperKey: '["1000"]',
      cursorKey: undefined,
      seq: 1,
      epoch: 1,
      claim: undefined,
      worker: undefined,
      leaseMs: 5_000,
      takenFrom: undefined,
      silentMs: undefined,
      isLeased: false,
      batch: undefined,
      updatedAt: '2026-02-03T14:02:11.000Z',
      counters: { ...noCounters, passScanned: more.scanned ?? 0 },
      ...shard,
    }),
  )
  return { run, shards, failures: { conflict: 0, failed: more.failed ?? 0 }, noted: undefined }
}

const held = { claim: 'c', worker: 'web-3:4711', isLeased: true }
const entriesOf = (...reports: RunReport[]) => statusEntries(['city.slug'], reports, reports)

test('a definition without a run is listed, and a run without a definition comes last', () => {
  const entries = statusEntries(
    ['a', 'city.slug'],
    [report('completed', { run: { name: 'old' } }), report('running')],
    [],
  )
  expect(entries.map(({ backfill, status, isDefined }) => [backfill, status, isDefined])).toEqual([
    ['a', 'never run', true],
    ['city.slug', 'running', true],
    ['old', 'completed', false],
  ])
})

test('the rate is what was committed between two readings, by the clock of the database', () => {
  const before = report('running', { scanned: 100, shards: [held] })
  const now = report('running', { scanned: 400, shards: [{ ...held, updatedAt: '2026-02-03T14:02:11.500Z' }] })
  expect(isWorkedOn(now)).toBe(true)
  expect(statusEntries(['city.slug'], [now], [before])[0]).toMatchObject({
    done: 0.4,
    rowsPerSecond: 600,
    secondsLeft: 1,
    shards: [
      { shard: 0, status: 'open', worker: 'web-3:4711', isAlive: true, done: 0.4, scanned: 400, takenOver: null },
    ],
  })
})

test('without a commit in between, or across the start of a sweep, the rate is not known', () => {
  const before = report('running', { scanned: 100, shards: [held] })
  expect(statusEntries(['city.slug'], [before], [before])[0]).toMatchObject({ rowsPerSecond: null, secondsLeft: null })
  const sweep = report('running', { scanned: 900, run: { pass: 1 }, shards: [held] })
  expect(statusEntries(['city.slug'], [sweep], [before])[0]).toMatchObject({ rowsPerSecond: null })
})

test('a shard tells how far it is by where its keys lie, and whom it was taken over from', () => {
  const uuid = (end: string) => `["00000000-0000-4000-8000-0000000000${end}"]`
  const shards = [
    { status: 'done' },
    {
      ...held,
      lowerKey: '["1000"]',
      cursorKey: '["1380"]',
      upperKey: '["2000"]',
      takenFrom: 'web-5:910',
      silentMs: 6_000,
    },
    { ...held, isLeased: false, lowerKey: '["2000"]', upperKey: '["3000"]' },
    { lowerKey: uuid('00'), cursorKey: uuid('40'), upperKey: uuid('80') },
    // Taken up again by the worker that had let it lapse.
    {
      ...held,
      lowerKey: '["Bergen"]',
      cursorKey: '["Oslo"]',
      upperKey: '["Tromso"]',
      takenFrom: 'web-3:4711',
      silentMs: 9,
    },
    // As texts they are in order.
    { lowerKey: '["10"]', cursorKey: '["9"]', upperKey: '["95"]' },
    { lowerKey: '["1","a"]', cursorKey: '["2","a"]', upperKey: '["3","a"]' },
  ] as const
  expect(entriesOf(report('running', { shards }))[0]!.shards).toMatchObject([
    { shard: 0, status: 'done', worker: null, isAlive: false, done: 1, takenOver: null },
    { worker: 'web-3:4711', isAlive: true, done: 0.38, takenOver: { from: 'web-5:910', silentMs: 6_000 } },
    { worker: 'web-3:4711', isAlive: false, done: 0, takenOver: null },
    { worker: null, done: 0.5, takenOver: null },
    { worker: 'web-3:4711', done: null, takenOver: null },
    { done: null },
    { done: null },
  ])
})

test('an open gate tells its samples', () => {
  const verification = JSON.stringify({ isPassed: true, remaining: 0, checked: 500, refused: [] })
  expect(entriesOf(report('completed', { run: { verification } }))[0]).toMatchObject({
    done: 1,
    gate: { isOpen: true, samples: 500, refused: 0 },
  })
})

test.each([
  ['completed', 0, undefined],
  ['failed', 1, 'rowshift run city.slug'],
  ['paused', 3, 'rowshift resume city.slug'],
  ['scheduled', 3, 'rowshift work'],
  ['interrupted', 3, 'rowshift work'],
  ['cancelled', 3, 'rowshift run city.slug'],
  ['undone', 3, undefined],
] as const)('a run that is %s exits with %d, next: %s', (status, exitCode, next) => {
  const entries = entriesOf(report(status))
  expect(exitCodeOfEntries(entries)).toBe(exitCode)
  expect(nextStep(entries)).toBe(next)
})

test('a running run needs a worker only when nobody is alive on it', () => {
  expect(nextStep(entriesOf(report('running', { shards: [held] })))).toBeUndefined()
  expect(nextStep(entriesOf(report('running', { shards: [{ ...held, isLeased: false }] })))).toBe('rowshift work')
})

test('what failed is more urgent than what waits', () => {
  const failed = report('failed', { run: { name: 'user.name', id: 8 }, failed: 3 })
  expect(nextStep(statusEntries(['city.slug', 'user.name'], [report('paused'), failed], []))).toBe(
    'rowshift failures user.name',
  )
})

test('what was cancelled or undone and is no longer defined keeps no exit code', () => {
  expect(exitCodeOfEntries(statusEntries([], [report('cancelled')], []))).toBe(0)
  expect(exitCodeOfEntries(statusEntries([], [report('undone')], []))).toBe(0)
  expect(exitCodeOfEntries(statusEntries([], [report('interrupted')], []))).toBe(3)
  expect(exitCodeOfEntries(statusEntries(['never.run'], [], []))).toBe(3)
  expect(exitCodeOfEntries([])).toBe(0)
})
