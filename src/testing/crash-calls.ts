import type { ErrorDocument } from '../cli/describe-error.js'
import type { RunResult } from '../runs/run-result.js'

/*
 * What a crash test and its processes say to each other. The test itself loads neither the config nor the definition: its
 * processes do, as the `rowshift` command does, so it can stand in any test runner.
 */

/** Where a process finds what it is to do. */
export interface CrashTask {
  /** Undefined = found from the working directory upward. */
  readonly config: string | undefined
  readonly dataSource: string | undefined
  readonly backfill: string
  /** The property that the definition raises by one with every row it writes. */
  readonly counter: string | undefined
  /** Whether its connections are cut. */
  readonly isCut: boolean
}

/** A table that is compared. */
export interface TableFacts {
  readonly table: string
  /** Names of the columns that are compared: all, but for a key that is generated. */
  readonly columns: readonly string[]
  /** Those that the definition writes. */
  readonly written: readonly string[]
  readonly counter: string | undefined
  /** Whether the definition creates its rows. */
  readonly isCreated: boolean
}

export interface CrashFacts {
  /** The table that is read; and those whose rows are created, moved to, or made to refer to others. */
  readonly tables: readonly TableFacts[]
  /** Whether a process that stands still can keep all others out. */
  readonly locksWholeDatabase: boolean
}

/** A row, with the exact texts of its columns. */
export interface RowContents {
  /** What the row is told from others by: its key, or, where that is generated, what was written and which of several such rows it is. */
  readonly id: string
  /** A JSON array of texts. */
  readonly key: string
  readonly texts: readonly (string | null)[]
}

export type TableContents = readonly RowContents[]

/** What a process can be asked. */
export interface CrashCalls {
  facts(): Promise<CrashFacts>
  /** Of each table, in their order. */
  contents(): Promise<readonly TableContents[]>
  /** Cancels what an earlier crash test has left. */
  clear(): Promise<void>
  /** Makes a run that workers find. */
  schedule(): Promise<void>
  /** Does what is left to be done, alone: goes on with the run, or makes a new one if its rows can match again. */
  finish(): Promise<RunResult['status']>
  /** Has loaded what it needs. */
  ready(): Promise<void>
  /** Works as `rowshift work --watch` does. */
  work(): Promise<void>
  /** Finishes the batch in hand and leaves the rest. */
  leave(): Promise<void>
}

export type CrashCall = keyof CrashCalls

export interface CrashRequest {
  readonly id: number
  readonly call: CrashCall
}

export type CrashMessage =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: ErrorDocument }
  /** A run has ended, or cannot be worked on by anybody. */
  | { readonly event: 'ended'; readonly status: RunResult['status'] }
  | { readonly event: 'stopped'; readonly error: ErrorDocument }
