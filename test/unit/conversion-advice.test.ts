import { expect, test } from 'vitest'
import { advise, type ConversionMeasure } from '../../src/files/measure-conversion.js'

const alone: ConversionMeasure = { workers: 0, chunk: null, recordsPerSecond: 1000, startSeconds: 0.5 }
const threads = (recordsPerSecond: number, chunk = 100): ConversionMeasure => ({
  workers: 2,
  chunk,
  recordsPerSecond,
  startSeconds: 2.5,
})

test('threads are recommended where they are clearly faster, with what earns their start back', () => {
  // Two seconds later, half a millisecond saved with each.
  expect(advise([alone, threads(1500), threads(2000, 1000)])).toEqual({
    recommended: threads(2000, 1000),
    worthFrom: 4000,
  })
})

test('none are where they are no faster, or hardly', () => {
  expect(advise([alone, threads(900)])).toEqual({ recommended: alone, worthFrom: 0 })
  expect(advise([alone, threads(1090)])).toEqual({ recommended: alone, worthFrom: 0 })
})
