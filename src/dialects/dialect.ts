import type { DdlStatements } from './ddl.js'
import type { DuplicatesOptions, DuplicatesSql } from './duplicates.js'
import type { FollowStatements } from './follow.js'
import type { Health } from './health.js'
import type { MigrationTexts } from './migration-texts.js'
import type { Script } from './script.js'
import type { RowSpeller, SpelledRows } from './spelled-rows.js'
import type { Sql, SqlSpelling, Statement } from './sql.js'
import type { StateStatements } from './state-statements.js'
import type { CatalogueColumn, ColumnInfo, ColumnKind, TableInfo, TableName } from './table.js'

export type { DuplicatesSql } from './duplicates.js'
export type { Followed } from './follow.js'
export type { RowSpeller, SpelledRows } from './spelled-rows.js'

/** A key as exact text, one entry a key column. */
export type Key = readonly string[]

/** How values of one column travel: as text both ways, NULL as null. */
export interface Codec {
  /** From the text read to the value that a transform sees. @throws Error with a reason that carries no contents */
  decode(text: string): unknown
  /** From a transform's value (never null) to the text sent. @throws Error with a reason that carries no contents */
  encode(value: unknown): string
}

/** Selects rows still to be migrated. Names columns unqualified or by the table's own name. */
export interface Condition extends Sql {
  /** Columns that are NULL in every row it selects. */
  readonly nullColumns?: ReadonlySet<string>
}

/** What every statement on the rows of one definition needs to know. */
export interface TablePlan {
  readonly info: TableInfo
  /** Columns read and guarded: those selected and those to be written. */
  readonly read: readonly ColumnInfo[]
  readonly where: Condition | undefined
  /** Whether a written row must no longer match `where`; checked on the stored row, in the batch. */
  readonly endsWithWrite: boolean
}

export interface KeyRange {
  /** Exclusive, unless `isClosed`; undefined = from the first key. */
  readonly after: Key | undefined
  /** Inclusive. */
  readonly upTo: Key
  /** True: the range begins with `after`, so that one key is a range as well. */
  readonly isClosed?: boolean
}

export interface PageRange extends KeyRange {
  /** Keys looked at, whether they match `where` or not: bounds the work of one statement. */
  readonly limit: number
}

/** Where a page ends. */
export interface PageEnd {
  readonly last: Key
  /** Keys of the page; fewer than its limit = the range has no more. */
  readonly count: number
}

/** What a look at a page tells. */
export interface PageLook extends PageEnd {
  /** Whether one of its rows matches `where`. */
  readonly hasMatch: boolean
}

/**
 * `current` reads the newest committed rows. Rows read by key are then locked until the transaction ends; rows of a page only
 * where a plain read would show an old snapshot.
 */
export type ReadMode = 'plain' | 'current'

/**
 * A row to be written, flat: the key's texts, the token of each column of `plan.read`, then the new text of each written
 * column. Flat because it goes to the database as one JSON or array parameter.
 */
export type UpdateRow = readonly (string | null)[]

/** A row for the journal, flat: the key's texts, the whole key as JSON, and the tokens of the columns before, as JSON. */
export type ImageRow = readonly string[]

/** Where images go. */
export interface Journal {
  readonly table: Sql
  readonly runId: number
  /** The table whose rows they are, if it is another one than the run's: as definitions name it. */
  readonly of?: string | undefined
}

/** A row that refers to another. */
export interface ReferringRow {
  /** Of the values that it was found by. */
  readonly position: number
  readonly key: Key
  /** What it holds in the columns that refer. */
  readonly tokens: readonly (string | null)[]
}

/** A row to be created, flat: the text of each of its columns. */
export type NewRow = readonly (string | null)[]

export interface InsertOptions {
  /**
   * Columns of a unique index: rows whose values there are taken, by the table or by an earlier row of the call, are left out. Where the
   * database cannot pass over what others insert at this moment (MySQL), they clash. undefined = every clash is an error.
   */
  readonly unlessTaken: readonly ColumnInfo[] | undefined
  /** Whether the keys of the created rows are wanted. */
  readonly returnsKeys: boolean
}

export interface InsertOutcome {
  readonly created: number
  /** Of the created rows, in the order in which they were given; empty unless they were wanted. */
  readonly keys: readonly Key[]
}

export interface MatchOptions {
  /** Expressions over the row that are wanted besides its key, each with a column that says how its values travel. */
  readonly values: readonly (readonly [ColumnInfo, Sql])[]
  /** Whether the rows are locked until the transaction ends. */
  readonly isLocked: boolean
}

/** What the database does to a row when the row that it refers to is deleted. */
export type DeleteAction = 'no action' | 'restrict' | 'cascade' | 'set null' | 'set default'

/** A foreign key that leads to a table. */
export interface Reference {
  readonly name: string
  /** The table that has it. `schema` is undefined where the table is found without one. */
  readonly table: TableName
  /** The schema that the table is in, named or not. */
  readonly schema: string
  readonly columns: readonly string[]
  /** The columns that they refer to, in the same order. */
  readonly referenced: readonly string[]
  readonly onDelete: DeleteAction
}

export interface UpdateOutcome {
  /**
   * Positions in the batch of rows that were not written, because they are gone, changed or no longer match.
   * `unknown`: the count is off and the database cannot say which; roll back and lock the guarded rows first.
   */
  readonly unwritten: readonly number[] | 'unknown'
  /** A written row that still matches `where` as stored; undefined = none. */
  readonly stillMatching: Key | undefined
}

export interface RangeOutcome {
  readonly written: number
  readonly stillMatching: Key | undefined
}

/** How the database would carry out a statement. */
export interface Explanation {
  /** A line a step, as the database tells it. */
  readonly lines: readonly string[]
  /** Whether the rows of the table are found by a range or a look-up of an index: else the table is scanned. */
  readonly isByIndex: boolean
}

/** What a write to some columns of a table brings along. */
export interface WriteEffects {
  /** Indexes that contain one of the columns: each written row is entered there anew. */
  readonly indexes: readonly string[]
  /** Triggers that such a write fires. */
  readonly triggers: readonly string[]
  /** Foreign keys that a value of the columns is checked by. */
  readonly foreignKeys: readonly string[]
  /** About how much the database writes to its log for each row, in bytes; undefined = no statistics. */
  readonly logBytesPerRow: number | undefined
}

/** What an error means for the batch that met it. */
export type ErrorClass =
  /** Deadlock, serialization failure, lock timeout, busy: the same batch may succeed. */
  | 'transient'
  /** The connection is gone or in doubt: discard it. A commit that ends so is ambiguous. */
  | 'connection-lost'
  /** Data, constraint or trigger: some row of the batch is to blame. */
  | 'row'
  /** Anything else: no row is to blame and a retry does not help. */
  | 'fatal'

export interface ClassifiedError {
  readonly class: ErrorClass
  /** The database's own code: SQLSTATE, errno name. */
  readonly databaseCode: string | undefined
  /** Constraint or column named by the database; never values. */
  readonly subject: string | undefined
  readonly isUniqueViolation: boolean
}

/** What a held session needs back when it is released. Opaque to the engine. */
export type SessionSettings = readonly (readonly [name: string, value: string])[]

/** Time limits of one transaction, in milliseconds. */
export interface TransactionLimits {
  readonly lockTimeoutMs: number
  readonly statementTimeoutMs: number
  /** How long the server lets the transaction sit idle before it ends it, so that a stopped process blocks nobody. */
  readonly idleTimeoutMs: number
}

/**
 * All that differs between databases. Every SQL text of rowshift is made behind this interface; statements only, no
 * connection and no policy.
 */
export interface Dialect extends SqlSpelling {
  readonly name: 'postgres' | 'mysql' | 'sqlite'

  /**
   * Settings that keep texts exact (time zone, strict mode), for the life of a held session on the primary. Returns what was before.
   * @throws RowshiftError READ_REPLICA
   */
  pinSession(limits: TransactionLimits): Script<SessionSettings>
  restoreSession(before: SessionSettings): Script<void>
  /** Starts a transaction, READ COMMITTED where there is a choice, with the same settings where they are transactional. */
  begin(limits: TransactionLimits): Script<void>
  /** Ends a transaction; on PostgreSQL deferred constraints are checked before, so that a refusal has a code. */
  commit(): Script<void>
  rollback(): Script<void>
  /** Settings inside somebody else's transaction, undone by `restoreEnclosing`. */
  pinEnclosing(): Script<SessionSettings>
  restoreEnclosing(before: SessionSettings): Script<void>
  savepoint(name: string): Script<void>
  releaseSavepoint(name: string): Script<void>
  rollbackToSavepoint(name: string): Script<void>
  /**
   * Begins what reads only, on behalf of the user: a write is refused, or taken back by `endReadOnly` where an enclosing transaction
   * leaves no other way (MySQL).
   */
  beginReadOnly(limits: TransactionLimits, isEnclosed: boolean): Script<void>
  endReadOnly(isEnclosed: boolean): Script<void>
  /** Asks the server, not the driver's flag. */
  isInTransaction(): Script<boolean>
  /** Whether a savepoint of this name exists in the current transaction. Leaves the transaction usable. */
  hasSavepoint(name: string): Script<boolean>
  /** Whether settings live in transactions only, so that reads need one too. */
  readonly readsNeedTransaction: boolean
  /** Whether a transaction that writes keeps all other writers out, so that it must never wait for the process it is in. */
  readonly locksWholeDatabase: boolean
  /** Whether state tables can be created inside an enclosing transaction without committing it. */
  readonly hasTransactionalDdl: boolean
  /** @throws RowshiftError READ_REPLICA */
  requirePrimary(): Script<void>
  /** Tells the place where tables without a schema are from every other, on other servers too. */
  identity(): Script<string>

  /** @throws RowshiftError TABLE_NOT_FOUND, NOT_A_TABLE, KEY_*, ENGINE_WITHOUT_TRANSACTIONS, ROW_SECURITY_ACTIVE */
  introspect(table: TableName): Script<TableInfo>
  /**
   * A text that is another one when anything that `introspect` says of a table has changed, by one statement that costs a fraction of it;
   * undefined = the database cannot tell.
   */
  stampOf(table: TableName): Script<string | undefined>
  /** The columns of any table, in their order; none when there is no such table. */
  catalogueColumns(table: TableName): Script<readonly CatalogueColumn[]>
  /** Rows by statistics, or counted where there are none. For progress only. */
  estimateRows(table: TableName): Script<number>

  /** Kinds a declared column type may be used for, or undefined when the pair makes no sense. */
  codec(column: ColumnInfo, declared: ColumnKind): Codec | undefined
  /** A condition's right-hand side: the text bound and cast to the column's type. */
  conditionValue(column: ColumnInfo, text: string): Sql
  /** NULL-safe inequality. */
  isDistinct(column: ColumnInfo, text: string): Sql

  /** The largest key: one row, one cell a key column. */
  lastKey(info: TableInfo, mode?: ReadMode): Statement
  /** The largest key of a range that is not beyond `atMost`, which need not be there: one row, or none. */
  keyAtMost(info: TableInfo, range: KeyRange, atMost: Key): Statement
  /** One row a key looked at: the key's cells, a token a read column (if it matches), then 1 or 0 for "matches `where`". */
  readPage(plan: TablePlan, range: PageRange, mode: ReadMode): Statement
  /** The same rows by key, in key order; missing keys are left out. */
  readKeys(plan: TablePlan, keys: readonly Key[], mode: ReadMode): Statement
  /** Positions of the rows whose guard and `where` hold, which are locked until the transaction ends. */
  lockGuarded(plan: TablePlan, rows: readonly UpdateRow[]): Script<readonly number[]>
  /**
   * Writes `columns` of rows whose guard and `where` hold: one statement. `restored`: what is written are tokens, exact texts of
   * values that the columns held before, and not what a codec has encoded. `ahead`: the rows, spelled
   * for just these columns.
   */
  updateRows(
    plan: TablePlan,
    columns: readonly ColumnInfo[],
    rows: readonly UpdateRow[],
    values?: 'encoded' | 'restored',
    ahead?: SpelledRows,
  ): Script<UpdateOutcome>
  /** For `updateRows`; undefined = rows are sent as they are. */
  rowSpeller(plan: TablePlan, columns: readonly ColumnInfo[]): RowSpeller | undefined
  /** Adds rows to the journal with the tokens of `columns` as they are stored now. */
  noteImages(info: TableInfo, columns: readonly ColumnInfo[], rows: readonly ImageRow[], journal: Journal): Script<void>
  /** The last key of a page and how many keys it spans: one row, the key's cells and the count; no row = nothing left. */
  pageEnd(info: TableInfo, range: PageRange): Statement
  /** The same, found sooner where the page is full, by stepping along the index; undefined = nothing left. */
  stepToPageEnd(info: TableInfo, range: PageRange): Script<PageEnd | undefined>
  /** The same, and whether one of the page's rows matches `where`. No row leaves the database. */
  lookAtPage(plan: TablePlan, range: PageRange): Script<PageLook | undefined>
  /** Writes expressions into the matching rows of a key range: one statement. */
  updateRange(plan: TablePlan, set: readonly (readonly [ColumnInfo, Sql])[], range: KeyRange): Script<RangeOutcome>
  /** Positions of the values that another row (by key) already holds in this column, under the column's collation. */
  takenValues(
    info: TableInfo,
    column: ColumnInfo,
    values: readonly { readonly key: Key; readonly text: string }[],
    mode?: ReadMode,
  ): Script<readonly number[]>
  /** A column of a query's answer, as if a table had it, so that its values travel like those of a table. */
  answerColumn(name: string, kind: ColumnKind): ColumnInfo
  /** Named columns of what a query of the user finds, as tokens, of the first `limit` rows in no order. */
  readAnswer(query: Sql, columns: readonly ColumnInfo[], limit: number): Statement
  /** How a statement about the table would be carried out. It is not run, and takes no locks. */
  explain(info: TableInfo, statement: Statement): Script<Explanation>
  writeEffects(info: TableInfo, written: readonly ColumnInfo[]): Script<WriteEffects>
  /** For each row of values the position of the first that is the same one to the columns, under their collations. */
  sameValues(
    info: TableInfo,
    columns: readonly ColumnInfo[],
    rows: readonly (readonly string[])[],
  ): Script<readonly number[]>
  /** Creates rows of encoded values of `columns`. */
  insertRows(
    info: TableInfo,
    columns: readonly ColumnInfo[],
    rows: readonly NewRow[],
    options: InsertOptions,
  ): Script<InsertOutcome>
  /**
   * For each row of values in the columns of a unique index, `keyed.key`, the key of the row that has them, as it is at this moment;
   * undefined = there is none.
   */
  keysOfValues(
    info: TableInfo,
    keyed: TableInfo,
    values: readonly (readonly string[])[],
  ): Script<readonly (Key | undefined)[]>
  /** The rows of a range, or of these keys, that match `where`, in key order: the key's texts, then those of `values`. */
  matchingRows(
    plan: TablePlan,
    among: KeyRange | readonly Key[],
    options: MatchOptions,
  ): Script<readonly (readonly (string | null)[])[]>
  /** Deletes the matching rows of a key range: one statement. Returns how many. */
  deleteRange(plan: TablePlan, range: KeyRange): Script<number>
  /** Deletes rows by their keys. Returns how many. */
  deleteRows(info: TableInfo, keys: readonly Key[]): Script<number>
  /** Copies columns of rows into another table that has them too. Returns how many rows. */
  copyRows(info: TableInfo, columns: readonly ColumnInfo[], keys: readonly Key[], into: TableInfo): Script<number>
  /** Adds rows that are about to be deleted to the journal, with these columns. Returns about how many bytes. */
  noteRemoved(info: TableInfo, columns: readonly ColumnInfo[], keys: readonly Key[], journal: Journal): Script<number>
  /** Creates rows of tokens: exact texts of values that the columns held before, generated keys included. */
  restoreRows(info: TableInfo, columns: readonly ColumnInfo[], rows: readonly NewRow[]): Script<void>
  /** The foreign keys that lead to a table, from all schemas. */
  references(table: TableName): Script<readonly Reference[]>
  /** How rows that are the same are told, and which of them survives. */
  duplicates(options: DuplicatesOptions): DuplicatesSql
  /** The columns of each whole index of a table, in their order; undefined = an expression. */
  indexedColumns(table: TableName): Script<readonly (readonly (string | undefined)[])[]>
  /** Rows that hold one of these values (tokens) in columns that refer to others, `limit` of them in no order; locked until the transaction ends. */
  referringRows(
    info: TableInfo,
    columns: readonly ColumnInfo[],
    values: readonly (readonly string[])[],
    options: { readonly limit: number },
  ): Script<readonly ReferringRow[]>
  /** How many rows hold one of these values in these columns. */
  countReferring(
    info: TableInfo,
    columns: readonly ColumnInfo[],
    values: readonly (readonly string[])[],
  ): Script<number>
  /** Triggers that fire when a row is deleted. */
  deleteTriggers(table: TableName): Script<readonly string[]>
  /** Keeps other writers out of the table until the enclosing transaction ends, where that is possible. */
  lockTable(table: TableName, lockTimeoutMs: number): Script<void>

  classifyError(error: unknown): ClassifiedError
  readonly ddl: DdlStatements
  readonly follow: FollowStatements
  readonly health: Health
  readonly state: StateStatements
  /** The same for somebody else's transaction, where a plain read may show an old snapshot. */
  readonly enclosedState: StateStatements
  readonly texts: MigrationTexts
}
