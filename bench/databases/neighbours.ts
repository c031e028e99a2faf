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

/** An application that writes to `city` while something is done; one process for all that it is to feel. */
export interface Neighbour {
  feel(work: () => Promise<unknown>): Promise<Felt>
  close(): Promise<void>
}

export async function openNeighbour({ database, rows }: Arena): Promise<Neighbour> {
  const options = JSON.stringify(database.dataSourceOptions())
  const application = await startProcess(join(__dirname, 'application-process.ts'), [options, String(rows)])
  return {
    async feel(work) {
      await application.ask('begin')
      await work()
      const times = (await application.ask<number[]>('end')).sort((a, b) => a - b)
      const at = (share: number) => Math.round((times[Math.floor(times.length * share)] ?? 0) * 100) / 100
      return { updates: times.length, p50: at(0.5), p99: at(0.99), longest: at(1 - 1 / times.length) }
    },
    close: application.close,
  }
}
