import { join } from 'node:path'
import type { DataSourceExtras } from '../../test/support/test-database.js'
import type { Arena } from './arena.js'
import { scheduleRun, transformed } from './peers/rowshift.js'
import { startProcess } from './processes.js'
import type { Told } from './worker-process.js'

export interface Outcome {
  /** Of the worker that took longest. */
  readonly seconds: number
  readonly workers: readonly Told[]
}

interface Options {
  readonly count?: number
  /** Rows a batch; undefined = as many as fit the default target duration. */
  readonly batchRows?: number
  /** Another way to the server: through a proxy. */
  readonly way?: Pick<DataSourceExtras, 'host' | 'port'>
}

/** Workers in processes of their own, which begin at a sign: starting a process is no part of the time. */
export async function work(arena: Arena, { count = 1, batchRows, way }: Options): Promise<Outcome> {
  await scheduleRun(arena, transformed(batchRows))
  const options = JSON.stringify(arena.database.dataSourceOptions(way))
  const script = join(__dirname, 'worker-process.ts')
  const processes = await Promise.all(
    Array.from({ length: count }, () => startProcess(script, [options, String(batchRows ?? '')])),
  )
  const workers = await Promise.all(processes.map((process) => process.ask<Told>('work')))
  await Promise.all(processes.map((process) => process.close()))
  const seconds = Math.max(...workers.map((worker) => worker.seconds))
  if (!workers.some(({ status }) => status === 'completed')) throw new Error('no worker completed the run')
  return { seconds, workers }
}

/** How fast the last tenth of the rows was done, against the first. */
export function lastTenth({ workers }: Outcome, rows: number): number {
  const done = workers[0]!.progress.filter(([, scanned]) => scanned <= rows)
  const at = (share: number) => done.find(([, scanned]) => scanned >= share * rows)!
  const rate = ([fromMs, from]: readonly [number, number], [toMs, to]: readonly [number, number]) =>
    (to - from) / (toMs - fromMs)
  return rate(at(0.9), at(1)) / rate(done[0]!, at(0.1))
}
