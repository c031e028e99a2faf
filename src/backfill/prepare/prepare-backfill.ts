import { createHash } from 'node:crypto'
import type { Database, MappedTable } from '../../adapters/database.js'
import type { Condition, Dialect, Followed, TablePlan } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { isSql, type Sql, sql } from '../../dialects/sql.js'
import { type ColumnInfo, type TableInfo, tableText } from '../../dialects/table.js'
import type { Archive } from '../batch/archive.js'
import { computeRange } from '../batch/compute-range.js'
import type { Destination } from '../batch/destination.js'
import { ownRows } from '../batch/own-rows.js'
import type { RangeAction } from '../batch/range-action.js'
import { noVerify } from '../definition/check-verify.js'
import { always } from '../definition/check-when.js'
import type {
  BackfillDefinition,
  DeclaredColumn,
  DedupeWork,
  DeleteWork,
  SqlWork,
  TransformWork,
} from '../definition/definition.js'
import { definitionFingerprint, transformFingerprint } from '../definition/definition-fingerprint.js'
import { undoSuffix } from '../definition/reverse-of.js'
import { parseTableName } from '../definition/table-name.js'
import { requireParts } from '../definition/to-be-written.js'
import { byPage } from '../transform/by-page.js'
import { byRow } from '../transform/by-row.js'
import type { Computation } from '../transform/computation.js'
import { type Validator, validatorOf } from '../transform/validate.js'
import { bindDedupe } from './bind-dedupe.js'
import { bindDelete } from './bind-delete.js'
import { type BoundInto, bindInto } from './bind-into.js'
import { bindUnindexed, type UnindexedColumn } from './bind-unique.js'
import { type Binder, type BoundColumn, createBinder } from './binder.js'
import { conditionOf, negationOf } from './condition.js'

export interface PreparedTransform {
  readonly form: 'transform'
  /** The name of the definition, for messages. */
  readonly backfill: string
  readonly computation: Computation
  readonly destination: Destination
  readonly select: readonly BoundColumn[]
  readonly write: readonly BoundColumn[]
  readonly work: TransformWork
  /** Columns of `unique` that no unique index is on. */
  readonly unindexed: readonly UnindexedColumn[]
  readonly validator: Validator | undefined
}

/** The database does all of it, a range of keys at a time. */
export interface PreparedSql {
  readonly form: 'sql'
  readonly action: RangeAction
}

/** Rows are given back what a journal has of them. */
export interface PreparedRestore {
  readonly form: 'restore'
  /** The runs whose changes are taken back. */
  readonly runIds: readonly number[]
  /** Where rows were moved to that are moved back; undefined = the journal has all of them. */
  readonly archive: Archive | undefined
  /** Other tables of which the journal has rows, by name. */
  readonly tables: ReadonlyMap<string, TableInfo>
}

/** How the rows that others change are found and computed anew. */
export interface PreparedFollow {
  readonly followed: Followed
  /** That of the definition without its `where`: a row that was migrated no longer matches it. */
  readonly plan: TablePlan
}

/** A definition checked against the table it is about: everything a run needs, resolved once. */
export interface PreparedBackfill {
  readonly definition: BackfillDefinition
  readonly info: TableInfo
  readonly plan: TablePlan
  readonly work: PreparedTransform | PreparedSql | PreparedRestore
  /** Undefined = changes are not followed. */
  readonly follow: PreparedFollow | undefined
  /** Hashes that a run is continued by: what is declared, and the part of the table it touches. */
  readonly definitionHash: string
  readonly tableHash: string
  /** Only a hint: function text differs between builds and misses helpers. */
  readonly transformHash: string | undefined
}

/** What a definition says itself. */
export type PreparedChange = PreparedBackfill & { readonly work: PreparedTransform | PreparedSql }

/**
 * Checks a definition against the database before any row is read.
 * @throws RowshiftError TABLE_NOT_FOUND, ENTITY_NOT_FOUND, NOT_A_TABLE, KEY_*, COLUMN_*, UNIQUE_NEEDS_INDEX of `onConflict`, VALIDATOR_MISSING,
 * and what the dialect refuses
 */
export function* prepareBackfill(database: Database, definition: BackfillDefinition): Script<PreparedChange> {
  requireWritten(definition)
  const { dialect } = database
  const mapping = typeof definition.source === 'string' ? undefined : database.mapping(definition.source)
  const table = mapping?.table ?? parseTableName(definition.source as string)
  const info = yield* dialect.introspect(table)
  const binder = createBinder(dialect, definition, info, mapping)
  const { work } = definition
  const read: ColumnInfo[] = []
  const into =
    work.form === 'transform' && work.into ? yield* bindInto(database, definition, work.into, table) : undefined
  const own = mapping?.discriminator && discriminatorOf(mapping.discriminator)
  const where = whereOf(dialect, definition, binder, own)
  const bound =
    work.form === 'transform'
      ? { work: bindTransform(binder, definition.name, work, read, into), where }
      : yield* bindAction(database, definition, work, binder, where)
  const prepared = bound.work
  const plan = { info, read, where: bound.where, endsWithWrite: endsWithWrite(definition) }
  return {
    definition,
    info,
    plan,
    work: prepared,
    follow: definition.follow ? followOf(database, definition.name, plan, prepared, mapping) : undefined,
    definitionHash: definitionFingerprint(definition),
    tableHash: tableFingerprint(info, prepared),
    transformHash: transformFingerprint(definition),
  }
}

/**
 * Whether a row that was written must match `where` no more. Columns of a row that others are made of stay as they are; SQL can look at those
 * others.
 */
export function endsWithWrite({ where, work }: BackfillDefinition): boolean {
  if (work.form === 'dedupe') return true
  if (where === undefined || where.isNegated) return false
  return work.form !== 'transform' || work.into === undefined || isSql(where.condition)
}

/** Takes back, by their journals, what runs of a definition have written. */
export function* prepareRestore(
  database: Database,
  definition: BackfillDefinition,
  runIds: readonly number[],
): Script<PreparedBackfill> {
  const prepared = yield* prepareBackfill(database, definition)
  const info = prepared.work.form === 'transform' ? prepared.work.destination.info : prepared.info
  const name = definition.name + undoSuffix
  return {
    ...prepared,
    info,
    definition: Object.freeze({
      ...definition,
      name,
      where: undefined,
      journal: undefined,
      follow: false,
      verify: noVerify,
      when: always,
      after: [],
    }),
    plan: { info, read: [], where: undefined, endsWithWrite: false },
    work: { form: 'restore', runIds, ...restoredFrom(prepared.work) },
    follow: undefined,
    definitionHash: createHash('sha256')
      .update(JSON.stringify([name, runIds]))
      .digest('hex'),
    transformHash: undefined,
  }
}

function restoredFrom(work: PreparedChange['work']): Pick<PreparedRestore, 'archive' | 'tables'> {
  const action = work.form === 'sql' ? work.action : undefined
  const others = action?.duplicates?.references ?? []
  return { archive: action?.archive, tables: new Map(others.map(({ info }) => [tableText(info.table), info])) }
}

/** @throws RowshiftError NOT_WRITTEN for a generated definition that was not filled in */
export function requireWritten({ name, where, reverse, work }: BackfillDefinition): void {
  requireParts(name, [where?.condition, work.form === 'transform' ? work.transform.call : undefined, reverse])
}

function bindTransform(
  binder: Binder,
  name: string,
  work: TransformWork,
  read: ColumnInfo[],
  into: BoundInto | undefined,
): PreparedTransform {
  const place = (property: string, declared: DeclaredColumn): BoundColumn => {
    const bound = binder.bind(property, declared, -1)
    let position = read.indexOf(bound.column)
    if (position < 0) position = read.push(bound.column) - 1
    return { ...bound, position }
  }
  const select = [...work.select].map(([property, declared]) => place(property, declared))
  const write = into?.write ?? [...work.write].map(([property, declared]) => place(property, declared))
  // Taking back may return any column that was read, the key as well; a row that would change it is refused by itself.
  if (!work.isPartial && !into) for (const bound of write) binder.requireWritable(bound)
  const { transform } = work
  const computation = transform.per === 'row' ? byRow(transform.call) : byPage(transform.call)
  const destination = into?.destination ?? ownRows(binder.info, { select, write }, work)
  const validator = validatorOf(name, work)
  return {
    form: 'transform',
    backfill: name,
    computation,
    destination,
    select,
    write,
    work,
    unindexed: bindUnindexed(binder, work, write),
    validator,
  }
}

function* bindAction(
  database: Database,
  definition: BackfillDefinition,
  work: SqlWork | DeleteWork | DedupeWork,
  binder: Binder,
  where: Condition | undefined,
): Script<{ readonly work: PreparedSql; readonly where: Condition | undefined }> {
  switch (work.form) {
    case 'sql':
      return { work: { form: 'sql', action: bindSet(binder, work) }, where }
    case 'delete':
      return { work: { form: 'sql', action: yield* bindDelete(database, definition, work, binder) }, where }
    case 'dedupe': {
      const bound = yield* bindDedupe(database, definition, work, binder, where)
      return { work: { form: 'sql', action: bound.action }, where: bound.where }
    }
  }
}

function bindSet(binder: Binder, work: SqlWork): RangeAction {
  const set = [...work.set].map(([property, value]) => {
    const bound = binder.bindUndeclared(property)
    binder.requireWritable(bound)
    if (isSql(value)) return [bound.column, value] as const
    const text = value === null ? null : binder.constant(bound, value)
    return [bound.column, text === null ? sql`null` : binder.dialect.conditionValue(bound.column, text)] as const
  })
  return computeRange(set)
}

/** What a definition says of a column of the table it reads. */
function declaredIn(work: BackfillDefinition['work'], property: string): DeclaredColumn | undefined {
  if (work.form !== 'transform') return undefined
  return work.select.get(property) ?? (work.into ? undefined : work.write.get(property))
}

function whereOf(
  dialect: Dialect,
  definition: BackfillDefinition,
  binder: Binder,
  own: Sql | undefined,
): Condition | undefined {
  const { work, where } = definition
  const columnOf = (property: string) => {
    const declared = declaredIn(work, property)
    const bound = declared ? binder.bind(property, nullable(declared), -1) : binder.bindUndeclared(property)
    return { column: bound.column, encode: (value: unknown) => binder.constant(bound, value) }
  }
  const condition = where && conditionOf(dialect, where.condition, columnOf)
  const wanted: Condition | undefined = condition && (where.isNegated ? negationOf(condition) : condition)
  if (wanted && own) return { ...sql`${own} and (${wanted})`, nullColumns: wanted.nullColumns }
  return wanted ?? own
}

/** A row that becomes one of this entity's is a change as well. */
function followOf(
  { stateNames }: Database,
  backfill: string,
  plan: TablePlan,
  work: PreparedTransform | PreparedSql,
  mapping: MappedTable | undefined,
): PreparedFollow {
  const { info } = plan
  const kind = mapping?.discriminator && info.columns.get(mapping.discriminator.column)
  const selected = work.form === 'transform' ? work.select.map(({ column }) => column) : []
  const watched = [...new Set([...selected, ...(kind ? [kind] : [])])]
  const where = mapping?.discriminator && discriminatorOf(mapping.discriminator)
  return {
    followed: { names: stateNames, backfill, info, watched },
    plan: { ...plan, where, endsWithWrite: false },
  }
}

/** In a condition null means SQL NULL, and a value outside the declared ones may be looked for. */
function nullable(declared: DeclaredColumn): DeclaredColumn {
  return declared === 'mapped' ? declared : { kind: declared.kind, isNullable: true }
}

function discriminatorOf(discriminator: NonNullable<MappedTable['discriminator']>): Sql {
  return sql`${sql.id(discriminator.column)} in (${discriminator.values})`
}

/** The keys and the columns touched, with their types: what must not change while a run is unfinished. */
function tableFingerprint(info: TableInfo, work: PreparedTransform | PreparedSql): string {
  const describe = (column: ColumnInfo) => [column.name, column.type]
  const describeAll = (columns: Iterable<ColumnInfo>) => [...new Set(columns)].map(describe)
  const facts = (touched: readonly ColumnInfo[], of: TableInfo = info) => [
    tableText(of.table),
    of.key.map(describe),
    describeAll(touched),
  ]
  const columnsOf = (columns: readonly BoundColumn[]) => columns.map((bound) => bound.column)
  const described = (): unknown => {
    if (work.form === 'sql') return facts(work.action.written)
    const { destination, select, write } = work
    if (destination.info === info) return facts(columnsOf([...select, ...write]))
    return [facts(columnsOf(select)), facts(columnsOf(write), destination.info)]
  }
  return createHash('sha256').update(JSON.stringify(described())).digest('hex')
}
