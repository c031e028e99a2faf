import { createWorker, type RunResult } from 'rowshift'
import { typeorm } from 'rowshift/typeorm'
import { DataSource, type DataSourceOptions } from 'typeorm'
import { transformed } from './peers/rowshift.js'

/*
 * A worker in a process of its own:
 *
 *   worker-process.ts '<data source options>' '<rows a batch, or nothing>'
 *
 * Connects, says so with a line, works when it gets one, and tells how it was as JSON.
 */

export interface Told {
  /** From the sign until no run was left to work on. */
  readonly seconds: number
  readonly status: RunResult['status'] | undefined
  /** When how many rows were done, in milliseconds from the start. */
  readonly progress: readonly (readonly [ms: number, done: number])[]
  /** The most memory that the process had. */
  readonly peakBytes: number
}

async function main([options, batchRows]: readonly string[]): Promise<void> {
  const dataSource = await new DataSource(JSON.parse(options!) as DataSourceOptions).initialize()
  let result: RunResult | undefined
  const progress: (readonly [number, number])[] = []
  let startedAt = 0
  await using worker = createWorker({
    database: typeorm(dataSource),
    backfills: [transformed(batchRows ? Number(batchRows) : undefined)],
    onEvent(event) {
      if (event.type === 'ended') result = event.result
      if (event.type === 'progress') progress.push([performance.now() - startedAt, event.progress.scanned])
    },
  })
  process.stdout.write('"ready"\n')
  await new Promise((resolve) => process.stdin.once('data', resolve))
  startedAt = performance.now()
  await worker.start()
  await worker.untilIdle()
  const seconds = (performance.now() - startedAt) / 1_000
  const told: Told = { seconds, status: result?.status, progress, peakBytes: process.resourceUsage().maxRSS * 1024 }
  process.stdout.write(`${JSON.stringify(told)}\n`)
}

void main(process.argv.slice(2)).then(() => process.exit())
