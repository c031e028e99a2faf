import { describe, expect, test, vi } from 'vitest'
import type { Script } from '../../src/dialects/script.js'
import { customThrottle } from '../../src/runs/throttle/custom.js'
import { databaseLoad } from '../../src/runs/throttle/database-load.js'
import { freeMemory } from '../../src/runs/throttle/memory.js'
import { checkPace } from '../../src/runs/throttle/pace-options.js'
import { RowBudget } from '../../src/runs/throttle/row-budget.js'
import { heldAbove, type Place, type Primary, type Throttle } from '../../src/runs/throttle/throttle.js'
import { Throttles } from '../../src/runs/throttle/throttles.js'
import { parseWindow, timeWindows, WallClock } from '../../src/runs/throttle/window.js'

/** Runs scripts that send nothing. */
const answer = async <T>(script: Script<T>) => script.next().value as T
const primary: Primary = { ask: answer, change: answer }
const at = (now: number): Place => ({ ...primary, now: () => now })

const minute = 60_000
const hour = 60 * minute

function windows(texts: readonly string[], timeZone = 'UTC'): Throttle {
  return timeWindows(
    texts.map((text) => parseWindow(text)!),
    new WallClock(timeZone),
    texts,
  )
}

describe('a time window', () => {
  test.each([
    ['22:00-06:00', { from: 1_320, to: 360 }],
    ['00:00-24:00', { from: 0, to: 1_440 }],
    ['9:00-17:00', undefined],
    ['22:00-24:30', undefined],
    ['25:00-26:00', undefined],
    ['08:00-08:00', undefined],
    ['08:00', undefined],
  ])('%s is %o', (text, window) => expect(parseWindow(text)).toEqual(window))

  test.each([
    ['2026-02-03T21:59:59Z', 1_000],
    ['2026-02-03T22:00:00Z', undefined],
    ['2026-02-04T00:00:00Z', undefined],
    ['2026-02-04T05:59:59Z', undefined],
    ['2026-02-04T06:00:00Z', 16 * hour],
  ])('over midnight: at %s it opens in %o ms', async (time, forMs) => {
    const held = await windows(['22:00-06:00']).look(at(Date.parse(time)))
    expect(held).toEqual(forMs === undefined ? undefined : { reason: 'outside of 22:00-06:00', forMs })
  })

  test('is of the zone that is named', async () => {
    const berlin = windows(['22:00-06:00'], 'Europe/Berlin')
    expect(await berlin.look(at(Date.parse('2026-02-03T21:00:00Z')))).toBeUndefined()
    expect(await berlin.look(at(Date.parse('2026-07-03T20:00:00Z')))).toBeUndefined()
    expect(await berlin.look(at(Date.parse('2026-02-03T20:00:00Z')))).toMatchObject({ forMs: hour })
  })

  test('does not come on the day on which the clock leaves it out', async () => {
    // Berlin, 2026-03-29: 02:00 is followed by 03:00.
    const night = windows(['02:00-03:00'], 'Europe/Berlin')
    expect(await night.look(at(Date.parse('2026-03-28T01:30:00Z')))).toBeUndefined()
    expect(await night.look(at(Date.parse('2026-03-29T00:59:00Z')))).toMatchObject({ forMs: 23 * hour + minute })
    expect(await night.look(at(Date.parse('2026-03-29T01:00:00Z')))).toMatchObject({ forMs: 23 * hour })
  })

  test('comes twice where the clock is put back', async () => {
    // Berlin, 2026-10-25: 03:00 is followed by 02:00.
    const night = windows(['02:00-03:00'], 'Europe/Berlin')
    for (const open of ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z'])
      expect(await night.look(at(Date.parse(open)))).toBeUndefined()
    expect(await night.look(at(Date.parse('2026-10-25T02:00:00Z')))).toMatchObject({ forMs: 23 * hour })
  })
})

describe('a measure', () => {
  test('above its limit is a reason, at the limit it is none', () => {
    expect(heldAbove('lock waits', { value: 9 }, 5)).toEqual({ reason: 'lock waits 9 > 5' })
    expect(heldAbove('lock waits', { value: 5 }, 5)).toBeUndefined()
  })

  test('that is unknown or no number is a reason, and never zero', () => {
    expect(heldAbove('lag', { unknown: 'no replica is connected' }, 5)).toEqual({
      reason: 'lag could not be measured: no replica is connected',
    })
    expect(heldAbove('lag', { value: Number.NaN }, 5)).toEqual({
      reason: 'lag could not be measured: NaN is no number',
    })
  })
})

test('little memory that is left is a reason, and so is memory that cannot be measured', async () => {
  const left = [800, 799.6, Number.NaN]
  const memory = freeMemory(800, () => left.shift()!)
  expect(await memory.look(at(0))).toBeUndefined()
  expect(await memory.look(at(0))).toEqual({ reason: 'free memory 799 MiB < 800 MiB' })
  expect(await memory.look(at(0))).toEqual({ reason: 'free memory could not be measured: NaN is no number' })
})

test('the memory that is left to this process is asked of the system', async () => {
  expect(await freeMemory(1).look(at(0))).toBeUndefined()
  expect(await freeMemory(100_000_000).look(at(0))).toEqual({
    reason: expect.stringMatching(/^free memory \d+ MiB < 100000000 MiB$/),
  })
})

test.each([
  [undefined, undefined],
  [false, undefined],
  [true, { reason: 'own throttle' }],
  ['a sale is on', { reason: 'a sale is on' }],
])('an own throttle that answers %o', async (answered, held) => {
  expect(await customThrottle(() => answered).look(at(0))).toEqual(held)
  expect(await customThrottle(async () => answered).look(at(0))).toEqual(held)
})

/** All throttles with a clock that is set by hand. */
function create(throttles: readonly Throttle[], budget?: RowBudget) {
  let now = Date.parse('2026-02-03T12:00:00Z')
  const slept: number[] = []
  const all = new Throttles(throttles, budget, 5_000, {
    now: () => now,
    async sleep(ms) {
      slept.push(ms)
      now += ms
    },
  })
  return { all, slept, pass: (ms: number) => (now += ms) }
}

const go: Throttle = { name: 'nothing', look: async () => undefined }

describe('throttles', () => {
  test('tell every reason, and when the last may be over', async () => {
    const { all } = create([
      go,
      { name: 'a', look: async () => ({ reason: 'a 2 > 1' }) },
      { name: 'b', look: async () => ({ reason: 'b', forMs: 60_000 }) },
    ])
    expect(await all.look(primary)).toEqual({ reason: 'a 2 > 1; b', forMs: 60_000 })
  })

  test('that throw, reject, or answer what they should not, hold', async () => {
    const thrown = { name: 'thrown', look: () => Promise.reject(new Error('permission denied')) }
    const own = customThrottle(() => 7 as never)
    const refused = databaseLoad(
      'lock waits',
      function* () {
        throw new Error('connection lost')
      },
      5,
    )
    const { all } = create([thrown, own, refused])
    expect((await all.look(primary))?.reason).toBe(
      'thrown could not be measured: permission denied; ' +
        'own throttle could not be measured: the function must return a reason as text, true, false or undefined; ' +
        'lock waits could not be measured: connection lost',
    )
  })

  test('that throw before they return a promise hold as well', async () => {
    const { all } = create([
      {
        name: 'hasty',
        look() {
          throw new Error('at once')
        },
      },
    ])
    expect((await all.look(primary))?.reason).toBe('hasty could not be measured: at once')
  })

  test('that never answer hold', async () => {
    const mute = { name: 'mute', look: () => new Promise<undefined>(() => undefined) }
    const all = new Throttles([mute], undefined, 5_000, undefined, 10)
    expect((await all.look(primary))?.reason).toBe('mute could not be measured: no answer within 0.01 s')
  })

  test('are asked every few seconds, not for every batch', async () => {
    const look = vi.fn(async () => undefined)
    const { all, pass } = create([{ name: 'counted', look }])
    for (let i = 0; i < 10; i++) expect(await all.admit(100, primary)).toBe(true)
    expect(look).toHaveBeenCalledTimes(1)
    pass(5_000)
    await all.admit(100, primary)
    expect(look).toHaveBeenCalledTimes(2)
    // A clock that was put back does not make the answer hold for longer.
    pass(-hour)
    await all.admit(100, primary)
    expect(look).toHaveBeenCalledTimes(3)
  })

  test('are waited for until they may be over, for a minute at most', async () => {
    const { all, slept } = create([])
    const { signal } = new AbortController()
    await all.wait({ reason: '', forMs: 5_000 }, signal)
    await all.wait({ reason: '', forMs: hour }, signal)
    expect(slept).toEqual([5_000, 60_000])
  })
})

describe('a daily budget', () => {
  /** What the tables hold, by day. */
  function createBudget(rowsPerDay: number, taken = new Map<string, number>()) {
    const statements: number[] = []
    const budget = new RowBudget(rowsPerDay, new WallClock('UTC'), function* (day, wanted, most) {
      const before = taken.get(day) ?? 0
      const given = Math.min(wanted, Math.max(0, most - before))
      taken.set(day, before + given)
      statements.push(given)
      return given
    })
    return { budget, taken, statements }
  }

  test('is taken in parts, and what is left of them is given back', async () => {
    const { budget, taken, statements } = createBudget(10_000)
    const { all } = create([], budget)
    for (let i = 0; i < 6; i++) expect(await all.admit(10, primary)).toBe(true)
    expect(statements).toEqual([50, 50])
    all.refund(4)
    await all.giveBack(primary)
    expect(taken).toEqual(new Map([['2026-02-03', 56]]))
  })

  test('that is used up holds until the next day begins in its zone', async () => {
    const { budget } = createBudget(100)
    const { all, pass } = create([], budget)
    expect(await all.admit(100, primary)).toBe(true)
    expect(await all.admit(1, primary)).toBe(false)
    expect(await all.look(primary)).toEqual({ reason: 'the 100 rows of 2026-02-03 are written', forMs: 12 * hour })
    pass(12 * hour)
    expect(await all.look(primary)).toBeUndefined()
    expect(await all.admit(100, primary)).toBe(true)
  })

  test('admits a smaller page where a larger one does not fit', async () => {
    const { budget } = createBudget(100)
    const { all } = create([], budget)
    expect(await all.admit(70, primary)).toBe(true)
    expect(await all.admit(70, primary)).toBe(false)
    expect(await all.look(primary)).toBeUndefined()
    expect(all.mostRows).toBe(30)
    expect(await all.admit(30, primary)).toBe(true)
  })

  test('is never exceeded by workers that share it', async () => {
    const taken = new Map<string, number>()
    const workers = [1, 2, 3].map(() => create([], createBudget(1_000, taken).budget).all)
    let written = 0
    for (let i = 0; i < 100; i++) for (const worker of workers) if (await worker.admit(7, primary)) written += 7
    expect(written).toBeLessThanOrEqual(1_000)
    expect(written).toBeGreaterThan(1_000 - 3 * 7)
  })

  test('that cannot be asked holds', async () => {
    const { all } = create(
      [],
      new RowBudget(10, new WallClock('UTC'), function* () {
        throw new Error('no table')
      }),
    )
    expect((await all.look(primary))?.reason).toBe('row budget could not be measured: no table')
    expect(await all.admit(1, primary)).toBe(false)
  })
})

describe('the options of pace', () => {
  test.each([
    [[], 'pace.0', undefined],
    ['fast', 'pace', 'must be an object'],
    [{ targetMS: 5 }, 'pace.targetMS', 'Did you mean "targetMs"?'],
    [{ targetMs: 0 }, 'pace.targetMs', 'must be an integer from 1'],
    [{ maxReplicaLagMs: '5s' }, 'pace.maxReplicaLagMs', 'must be an integer from 0'],
    [{ windows: ['10pm'] }, 'pace.windows', 'must be a list of times of the day'],
    [{ windows: [] }, 'pace.windows', 'must be a list'],
    [{ windows: '22:00-06:00' }, 'pace.windows', 'must be a list'],
    [{ timeZone: 'Mars/Olympus' }, 'pace.timeZone', 'must be a time zone'],
    [{ throttle: 'no' }, 'pace.throttle', 'must be a function'],
    [{ replicas: [] }, 'pace.replicas', 'must be a list'],
    [{ replicas: [{ open() {} }] }, 'pace.replicas', 'needs `maxReplicaLagMs`'],
  ])('%o', (pace, option, message) => {
    if (message === undefined) return expect(checkPace(pace)).toEqual([])
    expect(() => checkPace(pace)).toThrow(
      expect.objectContaining({
        code: 'INVALID_CONFIG',
        message: expect.stringContaining(message),
        details: { option },
      }),
    )
  })
})
