import { expect, test } from 'vitest'
import { Pace, type PaceSettings, pageCharacters } from '../../src/backfill/pacing.js'

const leaseMs = 5_000

const paced = (settings: Partial<PaceSettings> = {}) =>
  new Pace({ batchRows: undefined, delayMs: 0, targetMs: 500, ...settings })

/** A batch of as many rows as the pace says, each of which takes the database so long. */
function batch(pace: Pace, msPerRow: number, share = 1): number {
  const keys = pace.rows
  const ms = keys * msPerRow
  pace.took({ keys, rows: keys * share, databaseMs: ms, totalMs: ms }, leaseMs)
  return pace.rows
}

test('batches begin with as many rows as the definition allows, and never have more', () => {
  const pace = paced({ batchRows: 700 })
  expect(pace.rows).toBe(700)
  expect(batch(pace, 0.001)).toBe(700)
})

test('without a limit batches begin small, double to 2,000 rows, then grow by a fifth, to 50,000 at most', () => {
  const pace = paced()
  const sizes = [pace.rows, ...Array.from({ length: 8 }, () => batch(pace, 0.001))]
  expect(sizes).toEqual([100, 200, 400, 800, 1_600, 2_000, 2_400, 2_880, 3_456])
  for (let i = 0; i < 30; i++) batch(pace, 0.001)
  expect(pace.rows).toBe(50_000)
})

test('batches settle below the target and stay there', () => {
  const pace = paced()
  for (let i = 0; i < 30; i++) batch(pace, 0.1)
  // 450 ms, nine tenths of the target.
  expect(pace.rows).toBe(4_500)
  batch(pace, 0.1)
  expect(pace.rows).toBe(4_500)
})

test('a batch that takes longer than the target makes the next one smaller, by half at most', () => {
  const pace = paced({ batchRows: 4_000 })
  expect(batch(pace, 0.2)).toBe(2_250)
  expect(batch(pace, 30)).toBe(1_125)
  for (let i = 0; i < 20; i++) batch(pace, 9_000)
  // One key alone would not tell what a batch costs without it.
  expect(pace.rows).toBeLessThanOrEqual(2)
})

test('the way to a database far away shrinks no batch', () => {
  const pace = paced({ batchRows: 1_000 })
  pace.answered(180)
  pace.answered(150)
  pace.answered(400)
  pace.took({ keys: 1_000, rows: 1_000, databaseMs: 1_000, totalMs: 1_000 }, leaseMs)
  expect(pace.rows).toBe(1_000)
  pace.took({ keys: 1_000, rows: 1_000, databaseMs: 4 * 150 + 750, totalMs: 1_350 }, leaseMs)
  expect(pace.rows).toBe(600)
})

test('what each batch takes however few its keys are does not make them ever smaller', () => {
  const pace = paced({ batchRows: 10_000, targetMs: 200 })
  // 300 ms for another table and 0.02 a key: fewer keys alone would never come below the target.
  const took = (keys: number, awaitedMs = 0) => {
    const ms = 300 + 0.02 * keys + awaitedMs
    pace.took({ keys, rows: keys, databaseMs: ms, totalMs: ms }, leaseMs)
  }
  for (let i = 0; i < 50; i++) took(pace.rows)
  expect(pace.rows).toBe(10_000)
  // As little as a batch that had to wait for something.
  took(pace.rows, 1_000)
  for (let i = 0; i < 50; i++) took(pace.rows)
  expect(pace.rows).toBe(10_000)
})

test('not even where that is more than half of the lease, or where a batch has come down to one row', () => {
  const pace = paced({ batchRows: 10_000, targetMs: 200 })
  const took = (keys: number) => {
    const ms = 3_000 + 0.02 * keys
    pace.took({ keys, rows: keys, databaseMs: ms, totalMs: ms }, leaseMs)
  }
  for (let i = 0; i < 50; i++) took(pace.rows)
  expect(pace.rows).toBe(10_000)

  const single = paced({ batchRows: 1, targetMs: 200 })
  for (let i = 0; i < 10; i++) single.took({ keys: 1, rows: 1, databaseMs: 300, totalMs: 300 }, leaseMs)
  single.override({ batchRows: 10_000 })
  for (let i = 0; i < 50; i++) {
    const keys = single.rows
    single.took({ keys, rows: keys, databaseMs: 300 + 0.02 * keys, totalMs: 300 + 0.02 * keys }, leaseMs)
  }
  expect(single.rows).toBe(10_000)
})

test('batches that had to wait are not taken for what each batch takes', () => {
  const pace = paced({ batchRows: 4_000 })
  for (let i = 0; i < 10; i++) batch(pace, 0.2)
  expect(pace.rows).toBe(2_250)
  const keys = pace.rows
  pace.took({ keys, rows: keys, databaseMs: 900, totalMs: 900 }, leaseMs)
  expect(pace.rows).toBe(1_125)
  pace.took({ keys: 1_125, rows: 1_125, databaseMs: 450, totalMs: 450 }, leaseMs)
  for (let i = 0; i < 20; i++) {
    batch(pace, 0.2)
    // Less than twice the target, and only until it is known better.
    expect(pace.rows).toBeLessThan(4_500)
  }
  expect(pace.rows).toBe(2_250)
})

test('a page that had been read before does not shrink the next one twice', () => {
  const pace = paced({ batchRows: 1_000 })
  const slow = { keys: 1_000, rows: 1_000, databaseMs: 5_000, totalMs: 5_000 }
  pace.took(slow, leaseMs)
  pace.took(slow, leaseMs)
  expect(pace.rows).toBe(500)
})

test('a slow transform alone shrinks batches only when they outlast half of the lease', () => {
  const pace = paced({ batchRows: 1_000 })
  pace.took({ keys: 1_000, rows: 1_000, databaseMs: 20, totalMs: 2_000 }, leaseMs)
  expect(pace.rows).toBe(1_000)
  pace.took({ keys: 1_000, rows: 1_000, databaseMs: 20, totalMs: 2_600 }, leaseMs)
  expect(pace.rows).toBeLessThan(900)
})

test('a target longer than half of the lease is cut to it', () => {
  const pace = paced({ batchRows: 1_000, targetMs: 60_000 })
  pace.took({ keys: 1_000, rows: 1_000, databaseMs: 5_000, totalMs: 5_000 }, leaseMs)
  expect(pace.rows).toBe(500)
})

test('pages with few rows to write grow as if all were to be written, for the next may have many', () => {
  const pace = paced()
  // 0.1 ms for 40 rows.
  expect(batch(pace, 0.001, 0.4)).toBe(200)
  // 100 ms for 20 rows would be a second for all of them.
  expect(batch(pace, 0.5, 0.1)).toBe(200)
  // 100 ms for 100 rows, 200 ms for all.
  expect(batch(pace, 0.5, 0.5)).toBe(400)
  // Nothing was to be written, and it took long.
  expect(batch(pace, 100, 0)).toBe(200)
})

test('a short batch that had to wait does not make those after it as short', () => {
  const pace = paced({ batchRows: 5_000 })
  pace.took({ keys: 3, rows: 3, databaseMs: 1_000, totalMs: 1_000 }, leaseMs)
  expect(pace.rows).toBe(2_500)
})

test('a fault halves the next batch at once', () => {
  const pace = paced({ batchRows: 1_000 })
  pace.halve()
  expect(pace.rows).toBe(500)
  expect(batch(pace, 0.001)).toBe(1_000)
})

test('wide rows make small pages, and narrow ones larger pages again by and by', () => {
  const pace = paced({ batchRows: 1_000 })
  pace.read(100, 100 * 65_536)
  expect(pace.rows).toBe(pageCharacters / 65_536)
  pace.read(100, 100)
  expect(pace.rows).toBe(255)
  for (let i = 0; i < 10; i++) pace.read(100, 100)
  expect(pace.rows).toBe(1_000)
  // One row may be wider than a page should be: it is a page of its own.
  pace.read(1, 2 * pageCharacters)
  expect(pace.rows).toBe(1)
})

test('new settings hold from the next page on', () => {
  const pace = paced({ batchRows: 1_000 })
  pace.override({ batchRows: 50, delayMs: 7 })
  expect(pace.rows).toBe(50)
  expect(pace.settings.delayMs).toBe(7)
  pace.override({})
  expect(pace.settings).toEqual({ batchRows: 1_000, delayMs: 0, targetMs: 500 })
  expect(batch(pace, 0.001)).toBe(100)
})
