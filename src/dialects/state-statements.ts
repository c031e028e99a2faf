import type { Script } from './script.js'
import type { Sql, Statement } from './sql.js'
import type { CatalogueColumn } from './table.js'

/** Where the state tables are: `"shop"."rowshift_run"` for `{ schema: 'shop', prefix: 'rowshift_' }`. */
export interface StateNames {
  readonly schema: string | undefined
  readonly prefix: string
}

/** What `rowshift set` has set, which goes before the definition and the configuration; undefined = nothing. */
export interface PaceOverrides {
  readonly batchRows: number | undefined
  readonly delayMs: number | undefined
  readonly targetMs: number | undefined
}

/** A row of the run table. Times are ISO 8601 in UTC by the database's clock. */
export interface RunRow extends PaceOverrides {
  readonly id: number
  readonly name: string
  readonly status: string
  /** Why the run is in its status: an error code, or undefined. */
  readonly reasonCode: string | undefined
  readonly reason: string | undefined
  readonly table: string
  /** Empty, as is `tableHash`, for a run that plain SQL has scheduled and nobody has begun to work on. */
  readonly definitionHash: string
  readonly tableHash: string
  /** Of the text of its functions, as whoever worked on it last had them. */
  readonly transformHash: string | undefined
  /** 0 = the first pass, 1 and up = sweeps. */
  readonly pass: number
  readonly estimatedRows: number
  /** JSON of the verification, once done. */
  readonly verification: string | undefined
  /** Days for which the journal is kept once the run has ended; undefined = there is none, 0 = it was removed. */
  readonly journalDays: number | undefined
  /** `on` while triggers note the changes of its table, `over` once they are gone; undefined = it does not follow. */
  readonly follow: 'on' | 'over' | undefined
  /** When a postponed run is looked at again. */
  readonly postponedUntil: string | undefined
  readonly createdAt: string
  readonly startedAt: string | undefined
  readonly finishedAt: string | undefined
}

export type NewRun = Pick<RunRow, 'name' | 'status' | 'table' | 'definitionHash' | 'tableHash' | 'estimatedRows'> &
  Partial<Pick<RunRow, 'journalDays' | 'follow'>>

/** Counters of a shard, cumulative over passes but for those of the current pass. */
export interface Counters {
  /** Keys looked at. */
  readonly scanned: number
  readonly written: number
  /** Rows whose transform changed nothing, in a run without `where`. */
  readonly unchanged: number
  /** Rows gone, or migrated by somebody else, between read and write. */
  readonly skipped: number
  /** Rows found changed between read and write; each was read again. */
  readonly conflicts: number
  /** Rows the transform left as they are although they match, in the current pass. */
  readonly passLeft: number
  readonly passWritten: number
  readonly passScanned: number
  /** About how much the journal was given. */
  readonly journalBytes: number
}

export const counterNames = [
  'scanned',
  'written',
  'unchanged',
  'skipped',
  'conflicts',
  'passLeft',
  'passWritten',
  'passScanned',
  'journalBytes',
] as const satisfies readonly (keyof Counters)[]

/** A row of the checkpoint table: one shard of a run. Keys are JSON arrays of texts. */
export interface ShardRow {
  readonly runId: number
  readonly shard: number
  readonly status: 'open' | 'done'
  readonly lowerKey: string | undefined
  readonly upperKey: string | undefined
  readonly cursorKey: string | undefined
  /** Raised by every change but a heartbeat. */
  readonly seq: number
  /** Raised by every claim. */
  readonly epoch: number
  /** The random token of the worker that holds the shard. */
  readonly claim: string | undefined
  readonly worker: string | undefined
  readonly leaseMs: number
  /** True while the lease has not run out, by the database's clock. */
  readonly isLeased: boolean
  /** Whose claim this one replaced because its lease had run out, and for how long that worker had given no sign. */
  readonly takenFrom: string | undefined
  readonly silentMs: number | undefined
  /** The random id of the last committed batch. */
  readonly batch: string | undefined
  readonly updatedAt: string
  readonly counters: Counters
}

/** Where in the way of a row it was stopped. */
export type FailureStep = 'read' | 'transform' | 'validate' | 'encode' | 'write'

/** A row that could not be written: `conflict` waits to be read again, `failed` waits for a replay. Never contents. */
export interface FailureRow {
  readonly runId: number
  /** JSON array of the key's texts. */
  readonly key: string
  readonly shard: number
  readonly state: 'conflict' | 'failed'
  readonly code: string
  readonly step: FailureStep
  readonly message: string
  readonly attempts: number
  readonly at: string
}

export type NewFailure = Omit<FailureRow, 'runId' | 'at'>

/** A row as it was before a batch and as the batch left it: exact texts of the columns written. */
export interface JournalEntry {
  readonly id: number
  /** As definitions name it; undefined = the run's own. */
  readonly table: string | undefined
  /** JSON array of the key's texts. */
  readonly key: string
  readonly columns: readonly string[]
  /** null = the batch created it; `columns` are all of the row then. */
  readonly before: readonly (string | null)[] | null
  /** null = the batch removed it; `before` is then all of it, or its key, where an archive has the rest. */
  readonly after: readonly (string | null)[] | null
}

/** The key of a row that was inserted or changed, as a trigger noted it. */
export interface Note {
  readonly id: string
  /** JSON array of the key's texts. */
  readonly key: string
}

/** How many rows of a run could not be written for the same reason. */
export interface FailureCount {
  readonly state: FailureRow['state']
  readonly code: string
  readonly step: FailureStep
  readonly rows: number
}

/** What a worker must still hold to change its shard. */
/** What a batch changes in its shard's row. */
export interface FencedChange {
  readonly batch: string
  readonly cursorKey: string | undefined
  /** The end of the range that the batch was made for; undefined = whatever it is. */
  readonly upperKey: string | undefined
  readonly add: Partial<Counters>
}

export interface Hold {
  readonly runId: number
  readonly shard: number
  readonly claim: string
  readonly seq: number
}

/** Statements on the state tables: standard SQL, spelled by each dialect. */
export interface StateStatements {
  /** The version the present tables have, or undefined when there are none. */
  version(names: StateNames): Script<number | undefined>
  /** Creates what is missing; `locked` when another process is creating it now. */
  create(names: StateNames): Script<'created' | 'locked'>

  /** Adds a run unless one with this name is active; returns the active one, locked. */
  insertRun(names: StateNames, run: NewRun): Script<RunRow>
  /** Completes the row of a run that a migration of plain SQL has scheduled: it knows neither definition nor table. */
  adoptRun(names: StateNames, id: number, run: NewRun): Script<RunRow>
  activeRun(names: StateNames, name: string): Script<RunRow | undefined>
  latestRun(names: StateNames, name: string): Script<RunRow | undefined>
  latestRuns(names: StateNames): Script<readonly RunRow[]>
  lockRun(names: StateNames, id: number): Script<RunRow | undefined>
  /** Changes the status if it still is `from`; `isActive: false` frees the name for a further run. */
  moveRun(
    names: StateNames,
    id: number,
    change: {
      readonly from: string
      readonly to: string
      readonly isActive: boolean
      readonly isFinished: boolean
      readonly reasonCode?: string | undefined
      readonly reason?: string | undefined
      /** Milliseconds until a postponed run is looked at again. */
      readonly postponedMs?: number | undefined
    },
  ): Script<boolean>
  setPass(names: StateNames, id: number, pass: number): Statement
  setTransformHash(names: StateNames, id: number, hash: string): Statement
  setVerification(names: StateNames, id: number, json: string): Statement
  /** Whether an earlier run of the backfill followed changes. */
  hasFollowedBefore(names: StateNames, run: Pick<RunRow, 'id' | 'name'>): Script<boolean>
  /** Says that changes are noted no more, for any run of a backfill. */
  endFollow(names: StateNames, name: string): Statement
  setPace(names: StateNames, id: number, pace: PaceOverrides): Statement
  /** What the run has been told about its pace. */
  pace(names: StateNames, id: number): Script<PaceOverrides>
  /** Takes up to `wanted` rows of the budget of a day that has `most`; negative = gives them back. Returns how many. */
  takeRows(names: StateNames, day: string, wanted: number, most: number): Script<number>

  insertShard(
    names: StateNames,
    shard: Pick<ShardRow, 'runId' | 'shard' | 'status' | 'lowerKey' | 'upperKey' | 'leaseMs'>,
  ): Statement
  shards(names: StateNames, runId: number): Script<readonly ShardRow[]>
  /** An open shard that nobody holds or whose lease has run out, locked; rows locked by others are passed over. */
  freeShard(names: StateNames, runId: number): Script<ShardRow | undefined>
  lockShard(names: StateNames, runId: number, shard: number): Script<ShardRow | undefined>
  /** The same shard, unless somebody has it locked at this moment. */
  tryLockShard(names: StateNames, runId: number, shard: number): Script<ShardRow | undefined>
  claimShard(
    names: StateNames,
    shard: Pick<ShardRow, 'runId' | 'shard'>,
    claim: string,
    worker: string,
    leaseMs: number,
  ): Statement
  /** Ends a locked shard's range earlier. */
  cutShard(names: StateNames, runId: number, shard: number, upperKey: string): Statement
  heartbeat(names: StateNames, hold: Hold): Statement
  /** Advances cursor and counters if the hold still stands: exactly one row affected, or the batch must not be written. */
  fence(names: StateNames, hold: Hold, change: FencedChange): Statement
  /** Corrects counters inside the transaction that fenced. */
  addCounters(names: StateNames, runId: number, shard: number, add: Partial<Counters>): Statement
  /** By the claim alone: since the last batch a range may have become shorter, never longer. */
  finishShard(names: StateNames, hold: Hold): Statement
  releaseShard(names: StateNames, hold: Hold): Statement
  /** Takes every shard of a run away from whoever holds it; waits for transactions in flight. */
  dropClaims(names: StateNames, runId: number): Statement
  /** Opens a shard for a further pass over its range. */
  reopenShard(names: StateNames, runId: number, shard: number, upperKey: string | undefined): Statement

  /** Opens every shard where it stands, so that listed rows are read again. */
  openShards(names: StateNames, runId: number): Statement
  /** Turns failures into conflicts of no attempts: the next worker reads them again. */
  retryFailures(names: StateNames, runId: number): Statement

  putFailures(names: StateNames, runId: number, failures: readonly NewFailure[]): Script<void>
  deleteFailures(names: StateNames, runId: number, keys: readonly string[]): Script<void>
  /** In key-hash order after a hash, for paging: shows `state` only, or both. */
  failures(
    names: StateNames,
    runId: number,
    page: {
      readonly state?: FailureRow['state']
      readonly shard?: number
      readonly limit: number
      readonly after?: string | undefined
    },
  ): Script<readonly FailureRow[]>
  /** Which of these keys are listed as failures. */
  failedKeys(names: StateNames, runId: number, keys: readonly string[]): Script<ReadonlySet<string>>
  countFailures(names: StateNames, runId: number): Script<{ readonly conflict: number; readonly failed: number }>
  /** The same by code and step, the largest group first. */
  failureCounts(names: StateNames, runId: number): Script<readonly FailureCount[]>

  /** The table that `noteImages` of the dialect adds to. */
  journalTable(names: StateNames): Sql
  /** Runs of a backfill that have a journal. */
  journaledRuns(names: StateNames, name: string): Script<readonly number[]>
  /** How many entries the journals of these runs have. */
  countJournal(names: StateNames, runIds: readonly number[]): Script<number>
  /** How much the run's shards have counted. */
  journalBytes(names: StateNames, runId: number): Script<number>
  /** The newest entries up to an id. */
  journal(names: StateNames, runIds: readonly number[], upTo: number, limit: number): Script<readonly JournalEntry[]>
  deleteJournal(names: StateNames, ids: readonly number[]): Script<void>
  /** Ended runs whose journals have outlived their days. */
  expiredJournals(names: StateNames): Script<readonly number[]>
  /** Removes some of the oldest entries of a run's journal; how many. */
  purgeJournal(names: StateNames, runId: number, limit: number): Script<number>
  /** Says that the run's journal is not whole any more. */
  dropJournal(names: StateNames, runId: number): Statement

  /** Some of the notes for a backfill. One with a lower id may still come: its transaction may commit later. */
  notes(names: StateNames, backfill: string, limit: number): Script<readonly Note[]>
  countNotes(names: StateNames, backfill: string): Script<number>
  /** These very notes, and no others: whoever changes a row again adds a further one. */
  deleteNotes(names: StateNames, ids: readonly string[]): Script<void>
  dropNotes(names: StateNames, backfill: string): Statement

  /** Of the application's tables, by name. */
  recordedVersions(names: StateNames): Script<readonly RecordedVersion[]>
  /** Replaces what was recorded of the table before. */
  recordVersion(names: StateNames, version: Omit<RecordedVersion, 'recordedAt'>): Script<void>
  forgetVersion(names: StateNames, table: string): Script<void>
}

/** A row of the schema version table: what a migration has made of a table. */
export interface RecordedVersion {
  /** As definitions name it: `city`, `geo.city`. */
  readonly table: string
  readonly version: string
  /** Of the columns. */
  readonly fingerprint: string
  /** As they were when the version was recorded. */
  readonly columns: readonly CatalogueColumn[]
  /** The migration that recorded it, if it said so. */
  readonly migration: string | undefined
  /** ISO 8601 in UTC, by the database's clock. */
  readonly recordedAt: string
}

/** The state tables, without the prefix of their names. */
export const stateTableNames = [
  'run',
  'checkpoint',
  'failure',
  'journal',
  'change',
  'budget',
  'schema_version',
] as const

/** Version of the state tables this rowshift creates and understands. */
export const stateVersion = 1
