import { expect, test } from 'vitest'
import { clock, columns, count, counted, duration, key, percent, rate } from '../../src/cli/format.js'

test('counts have groups of three digits', () => {
  expect(count(30_831_936)).toBe('30,831,936')
  expect(counted(1, 'row')).toBe('1 row')
  expect(counted(0, 'row')).toBe('0 rows')
  expect(counted(1_000, 'row')).toBe('1,000 rows')
})

test('a percentage is cut, so that only the end is 100', () => {
  expect(percent(0)).toBe('0.0%')
  expect(percent(0.61449)).toBe('61.4%')
  expect(percent(0.9999)).toBe('99.9%')
  expect(percent(1)).toBe('100%')
})

test.each([
  [0.4, '0.4/s'],
  [9, '9/s'],
  [950.4, '950/s'],
  [999.9, '1k/s'],
  [9_540, '9.5k/s'],
  [107_800, '108k/s'],
  [999_600, '1M/s'],
  [12_300_000, '12M/s'],
])('%d rows a second read %s', (perSecond, text) => {
  expect(rate(perSecond)).toBe(text)
})

test.each([
  [0.2, '1s'],
  [59, '59s'],
  [59.5, '1m00s'],
  [179, '2m59s'],
  [3_599.5, '1h00m'],
  [11_520, '3h12m'],
  [86_399, '1d0h'],
  [187_200, '2d4h'],
])('%d seconds read %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})

test('a time has its date when that is not today', () => {
  const at = new Date(2026, 1, 3, 14, 2, 11)
  expect(clock(at.toISOString(), new Date(2026, 1, 3, 23, 0, 0))).toBe('14:02:11')
  expect(clock(at.toISOString(), new Date(2026, 1, 4, 0, 30, 0))).toBe('2026-02-03 14:02:11')
})

test('a key of one column is its text, a composite one a tuple', () => {
  expect(key('["17"]')).toBe('17')
  expect(key('["17","a b"]')).toBe('(17, a b)')
})

test('columns are as wide as their widest cell, and no line ends in blanks', () => {
  expect(
    columns([
      ['a', 'bb', ''],
      ['ccc', '', ''],
    ]),
  ).toEqual(['a    bb', 'ccc'])
})
