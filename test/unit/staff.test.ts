import { expect, test } from 'vitest'
import { Staff, type Surroundings, type Threads } from '../../src/schema-version/parallel/staff.js'
import type { ThreadTask } from '../../src/schema-version/parallel/thread-task.js'

/* How many threads take part in a conversion, by clocks that stand where the test says. */

const task: ThreadTask = {
  file: 'places.ts',
  name: 'Place',
  versions: ['1.0.0', '2.0.0'],
  to: '2.0.0',
  as: 'plain',
  finish: {},
  stamp: undefined,
  retry: undefined,
}

interface Started {
  readonly workers: number
  isEnded: boolean
}

interface ChunkTimes {
  /** What converting it took, wherever that was. */
  readonly work: number
  /** How long it held the caller up; as long as it took, if left out. */
  readonly cost?: number
  /** What its way to a thread and back would take, of the caller and the thread together. */
  readonly way?: number
}

/** A staff that is told of chunks of a hundred records as if they had been converted. */
async function staffOf(options: { readonly most: number; readonly records?: number; readonly failing?: boolean }) {
  let clock = 0
  const started: Started[] = []
  const surroundings: Surroundings = {
    most: options.most,
    clockMs: () => clock,
    processorMs: () => clock,
    async startThreads(workers) {
      const crew: Started = { workers, isEnded: false }
      started.push(crew)
      const end = async () => {
        crew.isEnded = true
      }
      const threads: Threads = {
        workers,
        ahead: workers * 2,
        async ready() {
          if (options.failing) throw new Error('no module')
        },
        convert: () => expect.unreachable('nothing is converted'),
        dismiss: end,
        end,
      }
      return threads
    },
  }
  const staff = new Staff(undefined, task, surroundings)
  await staff.start(options.records)
  return {
    staff,
    started,
    workers: () => staff.crew?.workers ?? 0,
    async chunks(count: number, { work, cost = work, way = work / 10 }: ChunkTimes) {
      for (let i = 0; i < count; i++) {
        clock += cost
        staff.spent(cost)
        if (staff.isWayAsked) {
          clock += way / 20
          staff.triedWay(5, way / 20)
        }
        await staff.done(100, work)
      }
    },
  }
}

test('is none at first, and more where a chunk holds the caller up for less', async () => {
  const { staff, started, workers, chunks } = await staffOf({ most: 4 })
  // Less than a second of work: as long as it takes to be as fast as it will, and to start threads.
  await chunks(9, { work: 100 })
  expect(started).toEqual([])
  await chunks(3, { work: 100 })
  expect(workers()).toBe(2)
  await chunks(12, { work: 100, cost: 50 })
  expect(workers()).toBe(4)
  await chunks(22, { work: 100, cost: 25 })
  expect(workers()).toBe(4)
  expect(started).toEqual([
    { workers: 2, isEnded: true },
    { workers: 4, isEnded: false },
  ])
  await staff.end()
  expect(started.every(({ isEnded }) => isEnded)).toBe(true)
})

test('goes back where threads hold the caller up for as long, and stays there', async () => {
  const { started, workers, chunks } = await staffOf({ most: 4 })
  await chunks(12, { work: 100 })
  expect(workers()).toBe(2)
  await chunks(10, { work: 100, cost: 95 })
  expect(workers()).toBe(0)
  await chunks(50, { work: 100 })
  expect([workers(), started]).toEqual([0, [{ workers: 2, isEnded: true }]])
})

test('starts no thread where the way there takes as long as the work, and asks no longer what it takes', async () => {
  const { staff, started, chunks } = await staffOf({ most: 4 })
  await chunks(4, { work: 100, way: 200 })
  expect(staff.isWayAsked).toBe(true)
  await chunks(50, { work: 100, way: 200 })
  expect([staff.isWayAsked, started]).toEqual([false, []])
})

test('starts no thread for the rest of a list that is done before they would be', async () => {
  const few = await staffOf({ most: 4, records: 2_000 })
  await few.chunks(20, { work: 100 })
  expect(few.started).toEqual([])
  const many = await staffOf({ most: 4, records: 10_000 })
  await many.chunks(12, { work: 100 })
  expect(many.started).toHaveLength(1)
})

test('ends with what a thread died of before it was ready', async () => {
  const { staff, chunks } = await staffOf({ most: 2, failing: true })
  await expect(chunks(20, { work: 100 })).rejects.toThrow('no module')
  await staff.end()
})
