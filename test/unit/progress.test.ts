import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Rate, shareDone } from '../../src/backfill/progress.js'
import { KeySample } from '../../src/backfill/verify/verify.js'

test('the share done is a number from 0 to below 1, whatever the estimate', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer(), (scanned, estimatedRows) => {
      const share = shareDone({ scanned, estimatedRows })
      expect(share).toBeGreaterThanOrEqual(0)
      expect(share).toBeLessThan(1)
    }),
  )
})

test('a rate is unknown until two moments are known, then that of the last seconds', () => {
  const rate = new Rate(10_000)
  expect(rate.perSecond).toBeUndefined()
  rate.add(0, 0)
  expect(rate.perSecond).toBeUndefined()
  expect(rate.secondsLeft(100)).toBeUndefined()
  rate.add(1000, 500)
  expect(rate.perSecond).toBe(500)
  expect(rate.secondsLeft(1000)).toBe(2)
  for (let second = 2; second <= 30; second++) rate.add(second * 1000, 500 + (second - 1) * 100)
  expect(rate.perSecond).toBeCloseTo(100)
})

test('a sample holds every key with the same chance', () => {
  const counts = new Array<number>(100).fill(0)
  let seed = 1
  // Park and Miller's generator, so that the test is the same every time.
  const random = () => {
    seed = (seed * 48271) % 2147483647
    return seed / 2147483647
  }
  for (let round = 0; round < 2000; round++) {
    const sample = new KeySample(10, random)
    for (let key = 0; key < 100; key++) sample.add([String(key)])
    expect(sample.keys).toHaveLength(10)
    for (const [key] of sample.keys) counts[Number(key)]!++
  }
  // 200 expected of each; five standard deviations are 67.
  for (const count of counts) expect(Math.abs(count - 200)).toBeLessThan(67)
})
