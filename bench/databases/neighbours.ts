import { join } from 'node:path'
import type { Arena } from './arena.js'
import { startProcess } from './processes.js'

/** What an application felt: times of its point updates on the same table, in milliseconds. */
export interface Felt {
  readonly updates: number
  readonly p50: number
  readonly p99: number
  /** The longest it waited, which is at least as long as the longest lock that it met. */
  readonly longest: number
}

/** An application writes to `city` while something is done. */
export async function feel({ database, rows }: Arena, work: () => Promise<unknown>): Promise<Felt> {
  const options = JSON.stringify(database.dataSourceOptions())
  const application = await startProcess(join(__dirname, 'application-process.ts'), [options, String(rows)])
  await work()
  const times = (await application.tell<number[]>()).sort((a, b) => a - b)
  const at = (share: number) => Math.round((times[Math.floor(times.length * share)] ?? 0) * 100) / 100
  return { updates: times.length, p50: at(0.5), p99: at(0.99), longest: at(1 - 1 / times.length) }
}
