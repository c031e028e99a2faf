import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { Progress } from '../../src/backfill/progress.js'
import { createOutput } from '../../src/cli/output.js'
import { createProgressDisplay, Meter } from '../../src/cli/progress-bar.js'

const at = (scanned: number, more: Partial<Progress> = {}): Progress => ({
  backfill: 'city.slug',
  runId: 7,
  pass: 0,
  scanned,
  estimatedRows: 1_000,
  written: scanned,
  conflicts: 0,
  failures: 0,
  ...more,
})

/** A display over a stream that keeps what is written to it, and a clock that is set by hand. */
function createDisplay({ isTTY = false, columns = 100, isJson = false } = {}) {
  const stdout = Object.assign(new PassThrough(), { isTTY, columns }) as unknown as NodeJS.WriteStream
  let written = ''
  ;(stdout as unknown as PassThrough).on('data', (chunk) => {
    written += chunk
  })
  let time = 0
  const output = createOutput(isJson, { stdout, stderr: stdout, env: {} })
  const display = createProgressDisplay(output, () => time)
  return {
    display,
    raw: () => written,
    /** The states of the line, one after another. */
    frames: () =>
      stripVTControlCharacters(written.replaceAll('\x1B[1G', '\n'))
        .split('\n')
        .map((line) => line.trimEnd())
        .filter((line) => line !== ''),
    wait(ms: number) {
      time += ms
    },
  }
}

test('there is no rate and no remaining time until they are known', () => {
  const meter = new Meter()
  meter.add(at(100), 0)
  expect(meter.text()).toBe('10.0%  100 rows')
  meter.add(at(300), 1_000)
  expect(meter.text()).toBe('30.0%  300 rows  200/s  4s left')
})

test('more rows than estimated never make more than 99.9 %, but the end does', () => {
  const meter = new Meter()
  meter.add(at(0), 0)
  meter.add(at(1_200), 1_000)
  expect(meter.text()).toBe('99.9%  1,200 rows  1.2k/s')
  expect(meter.share).toBeLessThan(1)
  expect(meter.text('done')).toBe(' 100%  1,200 rows  1.2k/s')
})

test('an empty estimate divides nothing by zero', () => {
  const meter = new Meter()
  meter.add(at(0, { estimatedRows: 0 }), 0)
  expect(meter.text()).toBe(' 0.0%  0 rows')
})

test('a sweep, conflicts and failures are told, and a sweep has a rate of its own', () => {
  const meter = new Meter()
  meter.add(at(0), 0)
  meter.add(at(1_000), 1_000)
  meter.add(at(200, { pass: 1, conflicts: 12, failures: 3 }), 2_000)
  expect(meter.text()).toBe('20.0%  200 rows · sweep 1 · conflicts 12 · failures 3')
  meter.add(at(400, { pass: 1 }), 3_000)
  expect(meter.text()).toBe('40.0%  400 rows  200/s  3s left · sweep 1')
})

test('a terminal shows a bar in one line, which is full only at the end', () => {
  const { display, frames, raw, wait } = createDisplay({ isTTY: true })
  display.update(at(614))
  wait(1_000)
  display.update(at(1_000))
  display.stop('done')
  expect(frames()).toEqual([
    '  ██████████████████░░░░░░░░░░░░  61.4%  614 rows',
    '  ██████████████████████████████   100%  1,000 rows  386/s',
  ])
  // The cursor is hidden and shown again, and never sent to a place that may have scrolled away.
  expect(raw()).toContain('\x1B[?25l')
  expect(raw()).toContain('\x1B[?25h')
  for (const savedPosition of ['\x1B7', '\x1B8']) expect(raw()).not.toContain(savedPosition)
})

test('a terminal too narrow for a bar shows the numbers', () => {
  const { display, frames } = createDisplay({ isTTY: true, columns: 24 })
  display.update(at(614))
  display.stop()
  expect(frames()).toEqual(['  61.4%  614 rows'])
})

test('elsewhere there is a line every five seconds, and none before', () => {
  const { display, frames, wait } = createDisplay()
  for (let scanned = 0; scanned <= 120; scanned += 10) {
    display.update(at(scanned))
    wait(1_000)
  }
  display.stop('done')
  expect(frames()).toEqual([
    'city.slug   5.0%  50 rows  10/s  1m35s left',
    'city.slug  10.0%  100 rows  10/s  1m30s left',
  ])
})

test('with --json there is nothing', () => {
  const { display, raw, wait } = createDisplay({ isTTY: true, isJson: true })
  display.update(at(1))
  wait(60_000)
  display.update(at(2))
  display.stop('done')
  expect(raw()).toBe('')
})
