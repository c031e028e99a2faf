import { readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { advise, type ConversionAdvice } from '../../src/files/measure-conversion.js'
import type * as rowshift from '../../src/index.js'
import { CliProject } from '../support/cli-project.js'
import type * as orders from './fixtures/orders.js'
import { listOf } from './users.js'

/* In threads, of the compiled package: each loads the module of the versions from an application's folder. */

const repository = join(__dirname, '../..')
const fixture = readFileSync(join(__dirname, 'fixtures/orders.ts'), 'utf8')

let project: CliProject
let file: string
let versions: typeof orders
let threads: Worker[]

beforeEach(async () => {
  project = await CliProject.createEmpty({ 'versions/orders.ts': fixture })
  for (const name of ['class-validator', 'class-transformer'])
    symlinkSync(join(repository, 'node_modules', name), join(project.folder, 'node_modules', name))
  file = join(project.folder, 'versions/orders.ts')
  versions = (await load(file)) as typeof orders
  threads = []
  const seen = (worker: Worker) => threads.push(worker)
  process.on('worker', seen)
  onTestFinished(() => void process.off('worker', seen))
})

/** As the application loads its files. */
async function load(path: string): Promise<unknown> {
  const require = createRequire(join(project.folder, 'package.json'))
  const { loadModule } = require(join(project.folder, 'node_modules/rowshift/dist/adapters/load-module.js')) as {
    loadModule(path: string): Promise<unknown>
  }
  return loadModule(path)
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i)
const places = (count: number, ms = 0) => range(count).map((id) => ({ id, ms }))
const areGone = () => threads.every(({ threadId }) => threadId === -1)

/** Every fifth has no valid total, every seventh an item without a name. */
const mixed = (count: number) =>
  range(count).map((id) => ({
    id,
    total: id % 5 === 4 ? 'x' : `${id}.50`,
    items: [{ name: `item ${id}` }, { name: id % 7 === 6 ? '' : 'b' }],
  })) as unknown as orders.OrderV1[]

const plainError = ({ code, message, details, cause }: rowshift.RowshiftError) => {
  const { name, message: words } = (cause ?? {}) as Error
  return { code, message, details, cause: { name, words } }
}
const told = (failures: readonly rowshift.RecordFailure[]) =>
  failures.map(({ error, ...rest }) => ({ ...rest, error: plainError(error) }))
const counts = ({ seconds: _, ...report }: rowshift.ConvertReport) => report

describe('in threads', () => {
  test('records, failures, counts and hooks are those of one thread, in the same order', async () => {
    const { order } = versions
    const convert = async (as: rowshift.ResultKind, parallel?: rowshift.Parallel) => {
      const calls: unknown[] = []
      const hooks: rowshift.ConvertHooks = {
        before: (record, place) => calls.push(['before', place, record.id]),
        after: (result, place) => calls.push(['after', place, (result as orders.OrderV2).id]),
        failed: ({ index }) => calls.push(['failed', index]),
        progress: (report) => calls.push(['progress', counts(report)]),
        progressEvery: 10,
      }
      const options = { from: '1.0.0', as, onError: 'collect', key: 'id', hooks } as const
      const { records, failures, report } = await order.convertAll(mixed(100), {
        ...options,
        ...(parallel && { parallel }),
      })
      return { records, failures: told(failures), report: counts(report), calls }
    }
    for (const as of ['plain', 'validated'] as const) {
      const [alone, together] = [await convert(as), await convert(as, { workers: 2, chunk: 7 })]
      expect(together).toStrictEqual(alone)
      expect(together.records).toHaveLength(as === 'validated' ? 68 : 80)
      if (as === 'plain') continue
      const [first] = together.records as orders.OrderV2[]
      expect([first!.secret(), first!.items[0]!.label()]).toEqual(['kept', '<item 0>'])
    }
    expect(areGone()).toBe(true)
  })

  test('values of every kind come through, and versions that stand in the records', async () => {
    const { note } = versions
    const rows = range(40).map((i) => ({
      ...(i % 3 > 0 && { v: i % 3 === 1 ? '1.0.0' : i % 2 === 0 ? '2.0.0' : '9.0.0' }),
      at: new Date(1e12 + i * 1e10),
      data: Buffer.from(`bytes ${i}`),
      big: 2n ** 60n + BigInt(i),
      more: { list: [new Map([[i, new Set([i])]])], bare: Object.assign(Object.create(null), { i }), none: undefined },
      ...(i % 3 === 2 && { year: 1999 }),
    }))
    const convert = async (parallel?: rowshift.Parallel) => {
      const { records, failures, report } = await note.convertAll(rows as never[], {
        from: { key: 'v', none: '1.0.0' },
        as: 'plain',
        onError: 'collect',
        ...(parallel && { parallel }),
      })
      return { records, failures: told(failures), report: counts(report) }
    }
    const [alone, together] = [await convert(), await convert({ workers: 2, chunk: 4 })]
    expect(together).toStrictEqual(alone)
    expect(together.failures.map(({ error }) => error.code)).toContain('VERSION_UNKNOWN')
    expect((together.records[0] as unknown as (typeof rows)[0]).data).toBeInstanceOf(Buffer)
  })

  test('whole chunks are converted by threads, which are gone afterwards', async () => {
    const rows = await listOf(
      versions.place.convertStream(places(100, 2), { from: '1.0.0', parallel: { workers: 2, chunk: 10 } }),
    )
    expect(rows.map(({ id }) => id)).toEqual(range(100))
    const chunks = range(10).map((i) => new Set(rows.slice(i * 10, i * 10 + 10).map(({ thread }) => thread)))
    expect(chunks.every(({ size }) => size === 1)).toBe(true)
    expect([...usedBy(rows)]).not.toContain(0)
    expect(threads).toHaveLength(2)
    expect(areGone()).toBe(true)
  })

  test('a stream gives what came before its first bad record, and is never far ahead of its reader', async () => {
    let made = 0
    async function* source() {
      for (;;) yield mixed(made + 1)[made++]!
    }
    const seen: number[] = []
    const stream = versions.order.convertStream(source(), {
      from: '1.0.0',
      key: 'id',
      parallel: { workers: 2, chunk: 3 },
    })
    const read = async () => {
      for await (const { id } of stream) seen.push(id)
    }
    await expect(read()).rejects.toMatchObject({
      code: 'STEP_FAILED',
      details: { index: 4, key: [4], step: '1.0.0 -> 2.0.0' },
    })
    expect(seen).toEqual([0, 1, 2, 3])
    // Two chunks a thread, and the one that is being read from.
    expect(made).toBeLessThanOrEqual(15)
    expect(areGone()).toBe(true)
  })

  test('an error of the source comes after the records before it, and a source that is left is closed', async () => {
    let isClosed = false
    function* source(fails: boolean) {
      try {
        yield* places(5)
        if (fails) throw new Error('the source broke')
        yield* places(1000)
      } finally {
        isClosed = true
      }
    }
    const options = { from: '1.0.0', parallel: { workers: 1, chunk: 2 } } as const
    const seen: number[] = []
    const read = async () => {
      for await (const { id } of versions.place.convertStream(source(true), options)) seen.push(id)
    }
    await expect(read()).rejects.toThrow('the source broke')
    expect(seen).toEqual(range(5))
    isClosed = false
    for await (const _ of versions.place.convertStream(source(false), options)) break
    expect([isClosed, areGone()]).toEqual([true, true])
  })

  test('a step that threw is tried again', async () => {
    const rows = range(6).map((id) => ({ id }))
    const options = { from: '1.0.0', retry: { attempts: 3, delayMs: 1 }, parallel: { workers: 1, chunk: 2 } } as const
    const found = await listOf(versions.flaky.convertStream(rows, options))
    expect(found.map(({ name }) => name)).toEqual(range(6).map((id) => `n${id}`))
  })

  test('a file is converted by as many as the command says', async () => {
    await project.write({
      'places.jsonl': places(60)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(''),
    })
    const upgrade = (...more: string[]) =>
      project.json(['versions', 'upgrade', 'Place', '1.0.0', '2.0.0', 'places.jsonl', 'out.jsonl', ...more])
    const written = () =>
      readFileSync(join(project.folder, 'out.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    const report = { converted: 60, failed: 0, steps: [{ from: '1.0.0', to: '2.0.0', records: 60 }] }
    expect(await upgrade('--workers', '2')).toMatchObject({ code: 0, document: { report } })
    expect(written().map(({ id }) => id)).toEqual(range(60))
    expect([...usedBy(written())]).not.toContain(0)
    expect(await upgrade('--workers', 'auto')).toMatchObject({ code: 0, document: { report } })
    // Done before a thread was worth it.
    expect([...usedBy(written())]).toEqual([0])
  })

  test('a file is validated by as many as the command says', async () => {
    const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
    const row = (id: number, ms = 0) => ({ v: '1.0.0', id, ms })
    await project.write({ 'good.jsonl': lines(range(60).map((id) => row(id))), 'deadly.jsonl': lines([row(1, -1)]) })
    const validate = (name: string, workers: string) =>
      project.json(['versions', 'validate', 'Place', '2.0.0', name, '--stamp', 'v', '--workers', workers])
    expect(await validate('good.jsonl', '2')).toMatchObject({
      code: 0,
      document: { report: { converted: 60, failed: 0 } },
    })
    // Its step ends the process that takes it: here that of a thread.
    expect(await validate('deadly.jsonl', '1')).toMatchObject({
      code: 1,
      document: { error: { code: 'PARALLEL_UNAVAILABLE', message: expect.stringContaining('a thread ended') } },
    })
    expect(await validate('good.jsonl', 'many')).toMatchObject({ code: 2 })
  })
})

test('what is fastest for a file is measured, and nothing is written', async () => {
  await project.write({
    'places.jsonl': places(300)
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  })
  const before = readdirSync(project.folder)
  const { code, document } = await project.json([
    'versions',
    'bench',
    'Place',
    '1.0.0',
    '2.0.0',
    'places.jsonl',
    '--records',
    '250',
  ])
  const { measures, ...advice } = document as ConversionAdvice
  expect(code).toBe(0)
  expect(advice).toMatchObject({ file: 'places.jsonl', records: 250, failed: 0 })
  expect(measures[0]).toMatchObject({ workers: 0, chunk: null })
  expect(measures.some(({ workers, chunk }) => workers === 2 && chunk === 100)).toBe(true)
  expect(measures.every(({ recordsPerSecond }) => recordsPerSecond > 0)).toBe(true)
  expect(advice).toMatchObject(advise(measures))
  expect(readdirSync(project.folder)).toEqual(before)
})

const usedBy = (rows: readonly { readonly thread: number }[]) => new Set(rows.map(({ thread }) => thread))

describe('how many threads', () => {
  test('is found while records are converted, which keep their order', async () => {
    const few = await versions.place.convertAll(places(50), { from: '1.0.0', parallel: true })
    expect([...usedBy(few)]).toEqual([0])
    expect(threads).toEqual([])

    function* endless() {
      for (let id = 0; ; id++) yield { id, ms: 1 }
    }
    let next = 0
    const used = new Set<number>()
    for await (const { id, thread } of versions.place.convertStream(endless(), { from: '1.0.0', parallel: true })) {
      expect(id).toBe(next++)
      used.add(thread)
      if (thread > 0) break
    }
    expect(used.size).toBe(2)
    expect(areGone()).toBe(true)
  })
})

describe('what cannot be moved to a thread is said', () => {
  const messageOf = async (work: () => unknown) => {
    const error = await Promise.resolve()
      .then(work)
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'PARALLEL_UNAVAILABLE' })
    return (error as Error).message
  }

  test('functions that no module exports, before anything is read', async () => {
    const { defineVersions } = createRequire(join(project.folder, 'x.js'))('rowshift') as typeof rowshift
    const local = defineVersions('Local')
      .version('1.0.0', { id: 'integer' })
      .version('2.0.0', { id: 'integer', twice: 'integer' }, { upgrade: ({ id }) => ({ twice: 2 * id }) })
    const never = (function* (): Generator<never> {
      expect.unreachable('nothing is read')
    })()
    const convert = (parallel: rowshift.Parallel) => local.convertStream(never, { from: '1.0.0', parallel })
    expect(await messageOf(() => convert(true))).toContain('no module is known that exports these')
    expect(await messageOf(() => convert({ module: join(project.folder, 'no.ts') }))).toContain('there is no module')
    expect(() => convert({ workers: 0, module: file })).toThrow('`parallel.workers` is a whole number from 1')
    const elsewhere = { module: pathToFileURL(file), workers: 1 }
    expect(await messageOf(() => local.convertAll([{ id: 1 }], { from: '1.0.0', parallel: elsewhere }))).toContain(
      'exports none of that name',
    )
    const other = defineVersions('Place').version('1.0.0', { id: 'integer' })
    expect(await messageOf(() => other.convertAll([{ id: 1 }], { from: '1.0.0', parallel: elsewhere }))).toContain(
      'are others: 1.0.0, 2.0.0',
    )
  })

  test('a module that converts records while it is loaded', async () => {
    const text = `import { defineVersions } from 'rowshift'
export const eager = defineVersions('Eager').version('1.0.0', { id: 'integer' }).version('2.0.0', { id: 'integer' })
export const rows = await eager.convertAll([{ id: 1 }], { from: '1.0.0', parallel: { module: import.meta.url, workers: 1 } })
`
    await project.write({ 'versions/eager.ts': text })
    expect(await messageOf(() => load(join(project.folder, 'versions/eager.ts')))).toContain('converts records itself')
  })

  test.each([undefined, 1])('records and results that are no plain data, with %s workers', async (workers) => {
    const parallel = { module: file, ...(workers && { workers }) }
    const { place, priced } = versions
    const odd = { ...places(1)[0]!, call: () => 1 }
    expect(await messageOf(() => place.convertAll([places(1)[0]!, odd], { from: '1.0.0', parallel }))).toContain(
      'record 1 has, in "call", a function, which cannot be moved to a thread',
    )
    const foreign = Object.assign(new (class Row {})(), places(1)[0]!)
    expect(await messageOf(() => place.convertAll([foreign], { from: '1.0.0', parallel }))).toContain(
      'record 0 is an instance of Row',
    )
    const circle = { ...places(1)[0]!, self: {} }
    circle.self = circle
    expect(await messageOf(() => place.convertAll([circle], { from: '1.0.0', parallel }))).toContain('holds itself')
    const rows = [{ price: 1 }]
    expect(await messageOf(() => priced.convertAll(rows, { from: '1.0.0', as: 'instance', parallel }))).toContain(
      'record 0 has, in "price", an instance of Money, which cannot be moved from a thread',
    )
    expect(areGone()).toBe(true)
  })

  test('a thread that ends, with a chunk or between two', async () => {
    const { place } = versions
    const parallel = { workers: 1, chunk: 1 }
    expect(await messageOf(() => place.convertAll(places(1, -1), { from: '1.0.0', parallel }))).toContain(
      'a thread ended',
    )
    function* endless() {
      yield { id: 0, ms: -2 }
      for (let id = 1; ; id++) yield { id, ms: 0 }
    }
    const read = async () => {
      for await (const _ of place.convertStream(endless(), { from: '1.0.0', parallel }));
    }
    expect(await messageOf(read)).toContain('a thread ended: too late')
    expect(areGone()).toBe(true)
  })
})
