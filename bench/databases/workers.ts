import { join } from 'node:path'
import type { DataSourceExtras } from '../../test/support/test-database.js'
import type { Arena } from './arena.js'
import { scheduleRun, transformed } from './peers/rowshift.js'
import { type StartedProcess, startProcess } from './processes.js'
import type { Task, Told } from './worker-process.js'

export interface Outcome {
  /** Of the worker that took longest. */
  readonly seconds: number
  readonly workers: readonly Told[]
}

interface Options {
  /** Rows a batch; undefined = as many as fit the default target duration. */
  readonly batchRows?: number
  /** Another way to the server: through a proxy. */
  readonly way?: Pick<DataSourceExtras, 'host' | 'port'>
}

export const startWorker = (): Promise<StartedProcess> => startProcess(join(__dirname, 'worker-process.ts'), [])

/** A run by workers in processes of their own: neither their start nor their connection is part of the time. */
export async function work(
  arena: Arena,
  processes: readonly StartedProcess[],
  { batchRows, way }: Options,
): Promise<Outcome> {
  await scheduleRun(arena, transformed(batchRows))
  const task = JSON.stringify({ options: arena.database.dataSourceOptions(way), batchRows } satisfies Task)
  for (const process of processes) await process.ask(task)
  const workers = await Promise.all(processes.map((process) => process.ask<Told>('work')))
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
