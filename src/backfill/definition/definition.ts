import type { Sql } from '../../dialects/sql.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { FailureLimit } from '../batch/failure-limit.js'
import type { AssertionContext, PageContext, RowContext, Scalar, WhereRecord } from './backfill-options.js'
import type { ParsedColumn } from './columns.js'
import type { Backfill } from './define-backfill.js'
import type { StepCode } from './steps.js'

/** A row, or the new values of one, when its type is no longer known. */
export type UntypedRow = Readonly<Record<string, unknown>>

/** `transform` and `reverse`: the new values, `undefined` to leave the row, or a promise of either. */
export type RowFunction = (row: UntypedRow, context: RowContext) => unknown

/** `transform` of a page: what `RowFunction` gives, for each of the rows. */
export type PageFunction = (rows: readonly UntypedRow[], context: PageContext) => unknown

/** What computes the new values: called with a row, or with a page of them. */
export type Transform =
  | { readonly per: 'row'; readonly call: RowFunction }
  | { readonly per: 'page'; readonly call: PageFunction }

/** `unique`: another value for the n-th attempt, n = 2, 3, ... */
export type UniqueFunction = (value: unknown, n: number) => unknown

/** `verify.check`: whether a migrated row is as it should be. Anything but true means it is not. */
export type CheckFunction = (row: UntypedRow) => unknown

/** A query that finds what should not be there, or a function that returns true. */
export type Assertion = Sql | ((context: AssertionContext) => unknown)

/** A query that finds a row, or a function that returns true, where something is so. */
export type Condition = Sql | ((context: AssertionContext) => unknown)

/** A class whose class-validator decorators say what its properties may be. */
export type ValidatedClass = new (...args: never) => object

/** A constant or an expression over the columns of the row. */
export type SetValue = Sql | Scalar | null

/** `'mapped'`: the user wrote `true`, and the mapping of the entity or model says what the column holds. */
export type DeclaredColumn = 'mapped' | ParsedColumn

/** Which rows a definition is about. */
export interface DefinedWhere {
  readonly condition: WhereRecord | Sql
  /**
   * False: the rows for which the condition is true, which are those still to be migrated; a written row no longer
   * matches.
   *
   * True, when a change is taken back: the rows for which the condition is *not* true (false or NULL), which are those
   * that were migrated. A written row may go on matching, because `reverse` need not restore what the condition asks for.
   */
  readonly isNegated: boolean
}

/** Another table, whose rows are created. */
export interface Into {
  /** As `source` of the definition. */
  readonly source: unknown
  /** Columns of a unique index, and what happens to a row whose values there are taken. */
  readonly onConflict: undefined | { readonly key: readonly string[]; readonly do: 'skip' | 'update' | 'fail' }
}

/** Rows are read, changed by a function, and written back; or rows of another table are made of them. */
export interface TransformWork {
  readonly form: 'transform'
  /** Columns the function sees, by property name of the source. Never empty. */
  readonly select: ReadonlyMap<string, DeclaredColumn>
  /** Columns the function may return. Never empty. */
  readonly write: ReadonlyMap<string, DeclaredColumn>
  readonly transform: Transform
  /** Steps of versions that it takes: their functions count as its code. */
  readonly steps: readonly StepCode[]
  /** By written column. Empty when no column has to be made unique. */
  readonly unique: ReadonlyMap<string, UniqueFunction>
  /** What the new values are validated as. Undefined = they are not. */
  readonly validate: ValidatedClass | undefined
  /** The table whose rows are created; `write` is of its columns then. Undefined = the rows that are read are written. */
  readonly into: Into | undefined
  /** False: a changed row supplies every column of `write`. True (taking back): a column left out stays as it is. */
  readonly isPartial: boolean
}

/** One statement a key range; rows never leave the database. */
export interface SqlWork {
  readonly form: 'sql'
  /** By property name of the source. Never empty. */
  readonly set: ReadonlyMap<string, SetValue>
}

/** Rows that match are deleted. */
export interface DeleteWork {
  readonly form: 'delete'
  /** Where they are copied to, as `source` of the definition. */
  readonly archive: undefined | { readonly source: unknown }
  /** Tables that the database may change along with this one. */
  readonly cascade: readonly string[]
}

/** One column of the order in which rows of a group come. */
export interface Kept {
  /** By property name of the source. */
  readonly column: string
  readonly end: 'first' | 'last'
}

/** Of the rows that are the same one survives. */
export interface DedupeWork {
  readonly form: 'dedupe'
  /** What makes rows the same: an expression, or columns by property name of the source. */
  readonly by: Sql | readonly string[]
  /** Never empty. */
  readonly keep: readonly Kept[]
  /** Columns that refer to the rows, those together that refer together. */
  readonly repoint: readonly { readonly table: string; readonly columns: readonly string[] }[]
  /** What is written into the others, by property name; undefined = they are deleted. */
  readonly mark: ReadonlyMap<string, Scalar | null> | undefined
}

/** A definition with its options checked, defaults filled in and columns parsed. Frozen; shares nothing with the options. */
export interface BackfillDefinition {
  /** Unique among all definitions; ends in `#undo` when it takes another one back. */
  readonly name: string
  /** A table name for `parseTableName`, or what an adapter can resolve: an entity class or schema, a model token. */
  readonly source: unknown
  /** Undefined = every row, each key position once. */
  readonly where: DefinedWhere | undefined
  /** Undefined = irreversible. */
  readonly reverse: undefined | 'not-needed' | { readonly set: ReadonlyMap<string, SetValue> } | RowFunction
  /** Undefined = no journal is kept. */
  readonly journal: undefined | { readonly maxBytes: number; readonly keepDays: number }
  /** Whether rows that others change are computed anew, until the gate. */
  readonly follow: boolean
  /** Undefined = not stated; counts as 1. */
  readonly revision: number | undefined
  /** Rows looked at in a batch, at most, 1 to 100,000. Undefined = as many as fit the time. */
  readonly batchRows: number | undefined
  /** Undefined = none inside a migration, 1 % in the background. */
  readonly maxFailures: FailureLimit | undefined
  /** Pause after each batch, in milliseconds. Default 0. */
  readonly delayMs: number
  readonly verify: {
    /** Migrated rows that are looked at. Default 500; 0 in SQL and when taking back, where no row is. */
    readonly sample: number
    readonly check: CheckFunction | undefined
    /** Whether rows of the sample are computed again and compared. Default false. */
    readonly recomputes: boolean
    /** By what they say. Before the first row is written, and after the last. */
    readonly before: ReadonlyMap<string, Assertion>
    readonly after: ReadonlyMap<string, Assertion>
  }
  /** By the reason: what a new run is skipped for, and what any run waits for. */
  readonly when: { readonly skip: ReadonlyMap<string, Condition>; readonly postpone: ReadonlyMap<string, Condition> }
  /** Names of the definitions whose runs must be completed before. */
  readonly after: readonly string[]
  readonly work: TransformWork | SqlWork | DeleteWork | DedupeWork
}

// Registered, so that two copies of rowshift in one process understand each other's definitions. Not enumerable, because
// TypeORM instantiates every function that it finds in the exports of a migration file, however deep.
const definitionKey = Symbol.for('rowshift.definition')

/** The public face of a definition: a frozen object that shows its kind and its name. */
export function backfillOf(definition: BackfillDefinition): Backfill {
  const backfill = { kind: 'backfill', name: definition.name } as const
  return Object.freeze(Object.defineProperty(backfill, definitionKey, { value: definition }))
}

/** Whether a value, an export of a file for instance, is what `defineBackfill` returned. */
export function isBackfill(value: unknown): value is Backfill {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, definitionKey)
}

/**
 * The definition behind what `defineBackfill` returned.
 *
 * @throws RowshiftError INVALID_DEFINITION for anything else, naming what was found
 */
export function definitionOf(backfill: Backfill): BackfillDefinition {
  if (isBackfill(backfill)) return (backfill as unknown as { [definitionKey]: BackfillDefinition })[definitionKey]
  throw new RowshiftError('INVALID_DEFINITION', { message: `expected a backfill, found ${describe(backfill)}` })
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined. Two files that import each other can leave an import undefined.'
  if (value === null) return 'null.'
  if (typeof value === 'string') return `the text "${value}". Pass the definition itself, not its name.`
  if (typeof value === 'function') {
    return `the function "${value.name || 'anonymous'}". Pass what defineBackfill() returned.`
  }
  if (Array.isArray(value)) return 'a list. Pass the definitions one by one.'
  if (typeof value !== 'object') return `a ${typeof value}.`
  if (typeof (value as { then?: unknown }).then === 'function') return 'a promise. Await it first.'
  const { kind, name } = value as { kind?: unknown; name?: unknown }
  if (kind === 'backfill') return `a copy of backfill "${String(name)}". A copy has no definition: pass the original.`
  const named = typeof name === 'string' ? ` named "${name}"` : ` with ${Object.keys(value).join(', ') || 'no members'}`
  return `an object${named}. Pass it through defineBackfill() first.`
}
