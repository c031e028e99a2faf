import { createInterface } from 'node:readline'
import { createWorker, type RunResult } from 'rowshift'
import { typeorm } from 'rowshift/typeorm'
import { DataSource, type DataSourceOptions } from 'typeorm'
import { transformed } from './peers/rowshift.js'

/*
 * Workers, one after another, in a process of their own. Says that it is ready; connects as a line of JSON tells it to, and says so; works
 * at the next line, and tells how it was as JSON.
 */

export interface Task {
  readonly options: DataSourceOptions
  /** Rows a batch; undefined = as many as fit the default target duration. */
  readonly batchRows?: number | undefined
}

export interface Told {
  /** From the sign until no run was left to work on. */
  readonly seconds: number
  readonly status: RunResult['status'] | undefined
  /** When how many rows were done, in milliseconds from the start. */
  readonly progress: readonly (readonly [ms: number, done: number])[]
  /** The most memory that the process had. */
  readonly peakBytes: number
}

const tell = (what: unknown) => process.stdout.write(`${JSON.stringify(what)}\n`)

async function work({ options, batchRows }: Task, next: () => Promise<unknown>): Promise<void> {
  const dataSource = await new DataSource(options).initialize()
  let result: RunResult | undefined
  const progress: (readonly [number, number])[] = []
  let startedAt = 0
  await using worker = createWorker({
    database: typeorm(dataSource),
    backfills: [transformed(batchRows)],
    onEvent(event) {
      if (event.type === 'ended') result = event.result
      if (event.type === 'progress') progress.push([performance.now() - startedAt, event.progress.scanned])
    },
  })
  tell('connected')
  await next()
  startedAt = performance.now()
  await worker.start()
  await worker.untilIdle()
  const seconds = (performance.now() - startedAt) / 1_000
  const told: Told = { seconds, status: result?.status, progress, peakBytes: process.resourceUsage().maxRSS * 1024 }
  await dataSource.destroy()
  tell(told)
}

async function main(): Promise<void> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  tell('ready')
  for (;;) {
    const { value, done } = await lines.next()
    if (done) return
    await work(JSON.parse(value) as Task, () => lines.next())
  }
}

void main().then(() => process.exit())
