import { expect, test } from 'vitest'
import { WorkerChoice } from '../../src/schema-version/parallel/worker-choice.js'

/** Tells what each number of threads costs until it is settled; the numbers that were tried. */
function decide(most: number, costOf: (workers: number) => number) {
  const choice = new WorkerChoice(most)
  const tried: number[] = []
  while (!choice.isSettled) {
    tried.push(choice.workers)
    choice.measured(costOf(choice.workers))
  }
  return { workers: choice.workers, tried }
}

test('grows while threads are faster, and takes the number before when they are not', () => {
  expect(decide(8, (workers) => 1 / (workers + 1))).toEqual({ workers: 8, tried: [0, 2, 4, 8] })
  expect(decide(6, (workers) => 1 / (workers + 1))).toEqual({ workers: 6, tried: [0, 2, 4, 6] })
  expect(decide(8, (workers) => (workers > 2 ? 0.5 : 1 / (workers + 1)))).toEqual({ workers: 2, tried: [0, 2, 4] })
})

test('goes on without threads where they are no faster, and on a single core', () => {
  expect(decide(8, () => 1)).toEqual({ workers: 0, tried: [0, 2] })
  expect(decide(8, (workers) => (workers === 0 ? 1 : 0.95))).toEqual({ workers: 0, tried: [0, 2] })
  expect(decide(1, () => 1)).toEqual({ workers: 0, tried: [] })
})
