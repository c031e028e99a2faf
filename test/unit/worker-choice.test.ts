import { expect, test } from 'vitest'
import { timeOf } from '../../src/schema-version/parallel/prospect.js'
import { WorkerChoice } from '../../src/schema-version/parallel/worker-choice.js'

/** A record that takes a millisecond, and a tenth of that to move. */
const promising = { all: 1, converting: 1, processors: 1, way: 0.1 }

/** Tells what each number of threads costs until it is settled; the numbers that were tried. */
function decide(
  most: number,
  costOf: (workers: number) => number,
  prospect = promising,
  left = Number.POSITIVE_INFINITY,
) {
  const choice = new WorkerChoice(most)
  const tried: number[] = []
  choice.begin(prospect, left)
  while (!choice.isSettled) {
    tried.push(choice.workers)
    choice.measured(costOf(choice.workers), left)
  }
  return { workers: choice.workers, tried }
}

const shared = (workers: number) => 1 / workers

test('grows while threads are faster, and takes the number before when they are not', () => {
  expect(decide(8, shared)).toEqual({ workers: 8, tried: [2, 4, 8] })
  expect(decide(6, shared)).toEqual({ workers: 6, tried: [2, 4, 6] })
  expect(decide(8, (workers) => (workers > 2 ? 0.5 : 1 / workers))).toEqual({ workers: 2, tried: [2, 4] })
})

test('goes on without threads where they are no faster, and on a single core', () => {
  expect(decide(8, () => 1)).toEqual({ workers: 0, tried: [2] })
  expect(decide(8, () => 0.95)).toEqual({ workers: 0, tried: [2] })
  expect(decide(1, () => 1)).toEqual({ workers: 0, tried: [] })
})

test('tries none that measuring without threads does not promise to be worth its start', () => {
  const none = { workers: 0, tried: [] }
  // To move a record takes as long as to convert it.
  expect(decide(8, shared, { ...promising, way: 1 })).toEqual(none)
  // It is read and used for longer than it is converted.
  expect(decide(8, shared, { ...promising, all: 20, processors: 20 })).toEqual(none)
  // Garbage is collected by the second processor already.
  expect(decide(2, shared, { ...promising, processors: 1.7 })).toEqual(none)
  expect(decide(8, shared, { ...promising, processors: 1.7 }).tried).toEqual([2, 4, 8])
})

test('tries none where too few records are left to earn its start', () => {
  // Each saves 0.4 ms, a start takes a second.
  expect(decide(2, shared, promising, 2_500)).toEqual({ workers: 0, tried: [] })
  expect(decide(2, shared, promising, 2_600).tried).toEqual([2])
  // Four would save 0.25 ms more.
  expect(decide(4, shared, promising, 3_000)).toEqual({ workers: 2, tried: [2] })
  expect(decide(4, shared, promising, 4_100).tried).toEqual([2, 4])
})

test('a record takes as long as the slowest of caller, threads and processors', () => {
  const record = { all: 3, converting: 2, processors: 4, way: 0.5 }
  expect(timeOf(record, 0, 4)).toBe(3)
  expect(timeOf(record, 1, 4)).toBe(2.5)
  expect(timeOf(record, 4, 4)).toBe(1.5)
  expect(timeOf(record, 2, 2)).toBe(2.5)
})
