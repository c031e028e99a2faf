import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { listenForInterrupts } from '../../src/cli/signals.js'

function createInterrupts() {
  const source = new EventEmitter()
  const told: string[] = []
  let time = 0
  const interrupts = listenForInterrupts({
    onStop: () => told.push('stop'),
    onAbort: () => told.push('abort'),
    exit: (code) => told.push(`exit ${code}`),
    now: () => time,
    process: source as unknown as NodeJS.Process,
  })
  const press = (signal: string, afterMs: number) => {
    time += afterMs
    source.emit(signal)
  }
  return { interrupts, press, source, told }
}

test('the first signal stops, the second aborts, the third leaves with 3', () => {
  const { interrupts, press, told } = createInterrupts()
  press('SIGINT', 0)
  expect([interrupts.stop.aborted, interrupts.abort.aborted]).toEqual([true, false])
  press('SIGTERM', 1_000)
  expect([interrupts.stop.aborted, interrupts.abort.aborted]).toEqual([true, true])
  press('SIGINT', 1_000)
  expect(told).toEqual(['stop', 'abort', 'exit 3'])
})

test('a Ctrl-C that npm passes on is the same press', () => {
  const { press, told } = createInterrupts()
  press('SIGINT', 0)
  press('SIGINT', 5)
  expect(told).toEqual(['stop'])
  press('SIGINT', 400)
  press('SIGINT', 5)
  expect(told).toEqual(['stop', 'abort'])
})

test('afterwards signals have their usual effect', () => {
  const { interrupts, source } = createInterrupts()
  interrupts.dispose()
  expect(source.eventNames()).toEqual([])
})
