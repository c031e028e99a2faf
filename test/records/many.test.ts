import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ReadableStream } from 'node:stream/web'
import { describe, expect, test } from 'vitest'
import { type ConvertReport, defineVersions, type RecordFailure } from '../../src/index.js'
import { codeOf } from '../support/backfills.js'
import { listOf, UserV2, user } from './users.js'

const toV2 = { from: '1.0.0', to: '2.0.0' } as const
const named = (...names: string[]) => names.map((name) => ({ name }))
/** The second has no name, and a name is required. */
const oneBad = () => named('Ada Lovelace', '', 'Grace Hopper')

describe('an array', () => {
  test('keeps its order, as validated instances', () => {
    const users = user.convertAll(named('Ada Lovelace', 'Grace Hopper'), toV2)
    expect(users.map(({ firstName }) => firstName)).toEqual(['Ada', 'Grace'])
    expect(users.every((one) => one instanceof UserV2)).toBe(true)
  })

  test('fails at its first bad record, which the error names by index, key, version and step', () => {
    const numbered = defineVersions('Order')
      .version('1.0.0', { id: 'integer', total: 'text' })
      .version(
        '2.0.0',
        { id: 'integer', total: 'integer' },
        {
          upgrade({ total }) {
            if (!/^\d+$/.test(total)) throw new Error('no number')
            return { total: Number(total) }
          },
        },
      )
    const rows = [
      { id: 7, total: '1' },
      { id: 8, total: 'x' },
    ]
    let thrown: unknown
    try {
      numbered.convertAll(rows, { from: '1.0.0', key: 'id' })
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({
      code: 'STEP_FAILED',
      details: { index: 1, key: [8], from: '1.0.0', to: '2.0.0', step: '1.0.0 -> 2.0.0' },
    })
    expect((thrown as Error).message).toContain('record 1 (8): versions "Order": the step from 1.0.0 to 2.0.0 threw')
  })

  test('leaves bad records out, or lists them, or tells of them, and keeps their neighbours', () => {
    expect(user.convertAll(oneBad(), { ...toV2, onError: 'skip' }).map(({ firstName }) => firstName)).toEqual([
      'Ada',
      'Grace',
    ])
    const { records, failures, report } = user.convertAll(oneBad(), { ...toV2, onError: 'collect', key: 'name' })
    expect(records.map(({ firstName }) => firstName)).toEqual(['Ada', 'Grace'])
    expect(failures).toMatchObject([
      {
        index: 1,
        key: [''],
        version: '1.0.0',
        step: undefined,
        findings: [{ path: 'firstName', rule: 'isNotEmpty' }],
        error: { code: 'RECORD_INVALID' },
        record: { name: '' },
      },
    ])
    expect(report).toMatchObject({ records: 3, converted: 2, failed: 1, isDone: true })
    const told: RecordFailure[] = []
    user.convertAll(oneBad(), { ...toV2, onError: (failure) => void told.push(failure) })
    expect(told.map(({ index }) => index)).toEqual([1])
  })

  test('holds what is no record at all', () => {
    const { failures } = user.convertAll([null as never, 'x' as never], { ...toV2, onError: 'collect' })
    expect(failures.map(({ error }) => error.code)).toEqual(['RECORD_INVALID', 'RECORD_INVALID'])
  })

  test('holds records of several versions, told by their stamps', () => {
    const note = defineVersions('Note')
      .version('1.0.0', { text: 'text' })
      .version('2.0.0', { body: 'text', v: 'text' }, { upgrade: (row) => ({ body: row.text, v: '' }) })
      .version(
        '3.0.0',
        { body: 'text', v: 'text', loud: 'text' },
        { upgrade: (row) => ({ loud: row.body.toUpperCase() }) },
      )
    const rows = [
      { v: '2.0.0', body: 'b' },
      { text: 'a' },
      { v: '3.0.0', body: 'c', loud: 'C' },
      { v: '9.0.0', body: 'd' },
      { v: 4, body: 'e' },
    ]
    const { records, failures, report } = note.convertAll(rows as never[], {
      from: { key: 'v', none: '1.0.0' },
      onError: 'collect',
    })
    expect(records).toEqual([
      { v: '3.0.0', body: 'b', loud: 'B' },
      { v: '3.0.0', body: 'a', loud: 'A' },
      { v: '3.0.0', body: 'c', loud: 'C' },
    ])
    expect(failures.map(({ index, error }) => [index, error.code])).toEqual([
      [3, 'VERSION_UNKNOWN'],
      [4, 'VERSION_UNKNOWN'],
    ])
    expect(report.steps).toEqual([
      { from: '2.0.0', to: '3.0.0', records: 2 },
      { from: '1.0.0', to: '2.0.0', records: 1 },
    ])
  })
})

describe('a stream', () => {
  test('from a generator is never ahead of its reader', async () => {
    let made = 0
    async function* source() {
      for (;;) yield { name: `Ada ${made++}` }
    }
    const seen: string[] = []
    for await (const { lastName } of user.convertStream(source(), toV2)) {
      seen.push(lastName)
      expect(made).toBe(seen.length)
      if (seen.length === 3) break
    }
    expect(seen).toEqual(['0', '1', '2'])
  })

  test('from a Node stream goes through a pipeline, and waits for a slow target', async () => {
    const source = Readable.from(Array.from({ length: 200 }, (_, i) => ({ name: `Ada ${i}` })))
    const held: (() => void)[] = []
    const seen: string[] = []
    const target = new Writable({
      objectMode: true,
      highWaterMark: 1,
      write(record: UserV2, _, done) {
        seen.push(record.lastName)
        held.push(done)
      },
    })
    const rows = user.convertStream(source, toV2)
    const piped = pipeline(rows, target)
    while (held.length === 0) await new Promise(setImmediate)
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    // The target has answered for none: what was converted is what its buffer holds, and not the rest.
    expect(rows.report.converted).toBeLessThan(5)
    while (seen.length < 200 || held.length > 0) {
      held.shift()?.()
      await new Promise(setImmediate)
    }
    await piped
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => String(i)))
  })

  test('from a web stream goes into a web stream, and is cancelled with it', async () => {
    let cancelled = false
    let made = 0
    const source = new ReadableStream<{ name: string }>(
      {
        pull: (controller) => controller.enqueue({ name: `Ada ${made++}` }),
        cancel() {
          cancelled = true
        },
      },
      { highWaterMark: 0 },
    )
    const reader = ReadableStream.from(user.convertStream(source, toV2)).getReader()
    expect((await reader.read()).value?.lastName).toBe('0')
    expect((await reader.read()).value?.lastName).toBe('1')
    await reader.cancel()
    expect(cancelled).toBe(true)
    expect(made).toBeLessThan(5)
  })

  test('from a web stream that cannot be iterated is read by its reader', async () => {
    const values = named('Ada Lovelace', 'Grace Hopper')
    let isReleased = false
    const source = {
      getReader: () => ({
        read: async () => (values.length > 0 ? { done: false, value: values.shift() } : { done: true }),
        cancel: () => Promise.reject(new Error('not left early')),
        releaseLock() {
          isReleased = true
        },
      }),
    }
    const found = await listOf(user.convertStream(source, toV2))
    expect(found.map(({ lastName }) => lastName)).toEqual(['Lovelace', 'Hopper'])
    expect(isReleased).toBe(true)
  })

  test('gives what came before its first bad record, and keeps the neighbours of those it leaves out', async () => {
    const seen: string[] = []
    const read = async () => {
      for await (const { firstName } of user.convertStream(oneBad(), toV2)) seen.push(firstName)
    }
    expect(await codeOf(read)).toBe('RECORD_INVALID')
    expect(seen).toEqual(['Ada'])
    const collected = user.convertStream(oneBad(), { ...toV2, onError: 'collect' })
    expect((await listOf(collected)).map(({ firstName }) => firstName)).toEqual(['Ada', 'Grace'])
    expect(collected.failures.map(({ index }) => index)).toEqual([1])
    expect(collected.report).toMatchObject({ records: 3, converted: 2, failed: 1, isDone: true })
  })

  test('tries a step again that threw, and not a record that is invalid', async () => {
    let calls = 0
    const flaky = defineVersions('F')
      .version('1.0.0', { id: 'integer' })
      .version(
        '2.0.0',
        { id: 'integer', name: 'text' },
        {
          upgrade({ id }) {
            calls++
            if (calls % 3 !== 0) throw new Error('not now')
            return { name: id === 2 ? (5 as never) : 'x' }
          },
        },
      )
    const options = { from: '1.0.0', retry: { attempts: 3, delayMs: 1 }, onError: 'collect' } as const
    const stream = flaky.convertStream([{ id: 1 }, { id: 2 }], options)
    expect(await listOf(stream)).toEqual([{ id: 1, name: 'x' }])
    expect(calls).toBe(6)
    expect(stream.failures.map(({ error }) => error.code)).toEqual(['RECORD_INVALID'])
    calls = 0
    expect(
      await codeOf(() =>
        listOf(flaky.convertStream([{ id: 1 }], { ...options, onError: 'throw', retry: { attempts: 2, delayMs: 1 } })),
      ),
    ).toBe('STEP_FAILED')
    expect(calls).toBe(2)
  })
})

describe('hooks', () => {
  test('see every record before and after, every failure, and the counts', () => {
    const calls: unknown[] = []
    const reports: ConvertReport[] = []
    user.convertAll(oneBad(), {
      ...toV2,
      onError: 'skip',
      hooks: {
        before: (record, { index, from, to }) => calls.push(['before', index, from, to, record.name]),
        after: (result, { index }) => calls.push(['after', index, (result as UserV2).fullName()]),
        failed: ({ index }) => calls.push(['failed', index]),
        progress: (report) => reports.push(report),
        progressEvery: 2,
      },
    })
    expect(calls).toEqual([
      ['before', 0, '1.0.0', '2.0.0', 'Ada Lovelace'],
      ['after', 0, 'Ada Lovelace'],
      ['before', 1, '1.0.0', '2.0.0', ''],
      ['failed', 1],
      ['before', 2, '1.0.0', '2.0.0', 'Grace Hopper'],
      ['after', 2, 'Grace Hopper'],
    ])
    expect(reports.map(({ records, isDone }) => [records, isDone])).toEqual([
      [2, false],
      [3, true],
    ])
    expect(reports[1]).toMatchObject({ converted: 2, failed: 1, steps: [{ from: '1.0.0', to: '2.0.0', records: 2 }] })
  })

  test('cannot change a record, and stop the conversion by throwing', () => {
    const change = (record: object) => {
      ;(record as { name: string }).name = 'Eve'
    }
    expect(() => user.convertAll(oneBad(), { ...toV2, hooks: { before: change } })).toThrow(TypeError)
    expect(() =>
      user.convertAll(oneBad(), { ...toV2, onError: 'skip', hooks: { after: (r) => change(r as object) } }),
    ).toThrow(TypeError)
    const stop = () => {
      throw new Error('enough')
    }
    expect(() => user.convertAll(oneBad(), { ...toV2, onError: 'skip', hooks: { failed: stop } })).toThrow('enough')
  })
})
