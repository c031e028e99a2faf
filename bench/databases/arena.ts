import type { DataSource } from 'typeorm'
import type { TestDatabase } from '../../test/support/test-database.js'

/** Where peers compete: a fresh table `city` for each. */
export interface Arena {
  readonly database: TestDatabase
  /** Of the harness; peers may use it or connect by themselves. */
  readonly dataSource: DataSource
  /** Rows of `city`. */
  readonly rows: number
  /** Rows a batch, for every peer that works in batches. */
  readonly batchRows: number
}

/** A way to fill the column. */
export interface Peer {
  readonly name: string
  /** Does the work; what is returned closes what it has opened, outside the time that counts. */
  prepare(arena: Arena): Promise<{ run(): Promise<void>; close?(): Promise<void> }>
}

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!
