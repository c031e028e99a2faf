import { createHash } from 'node:crypto'
import type { Database, MappedTable } from '../adapters/database.js'
import type { Dialect, Followed, TablePlan } from '../dialects/dialect.js'
import type { Script } from '../dialects/script.js'
import { isSql, type Sql, sql } from '../dialects/sql.js'
import { type ColumnInfo, type TableInfo, tableText } from '../dialects/table.js'
import type { ErrorCode } from '../errors/codes.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { conditionOf, negationOf } from './condition.js'
import { noVerify } from './definition/check-verify.js'
import type { BackfillDefinition, DeclaredColumn, SqlWork, TransformWork } from './definition/definition.js'
import { definitionFingerprint, transformFingerprint } from './definition/definition-fingerprint.js'
import { undoSuffix } from './definition/reverse-of.js'
import { parseTableName } from './definition/table-name.js'
import { requireParts } from './definition/to-be-written.js'
import { byPage } from './transform/by-page.js'
import { byRow } from './transform/by-row.js'
import type { Computation } from './transform/computation.js'
import { type Validator, validatorOf } from './transform/validate.js'

/** A column of a definition, tied to the table: how its values come and go. */
export interface BoundColumn {
  /** The name in the definition: a property of the entity, or the column itself. */
  readonly property: string
  readonly column: ColumnInfo
  /** Where its token stands among `plan.read`. */
  readonly position: number
  /** A key or generated column: it can be given back unchanged only. */
  readonly isReadOnly: boolean
  /** @throws Error whose message carries no contents */
  decode(text: string | null): unknown
  /** @throws Error whose message carries no contents */
  encode(value: unknown): string | null
}

export interface PreparedTransform {
  readonly form: 'transform'
  /** The name of the definition, for messages. */
  readonly backfill: string
  readonly computation: Computation
  readonly select: readonly BoundColumn[]
  readonly write: readonly BoundColumn[]
  readonly work: TransformWork
  readonly validator: Validator | undefined
}

export interface PreparedSql {
  readonly form: 'sql'
  readonly set: readonly (readonly [ColumnInfo, Sql])[]
}

/** Rows are given back what a journal has of them. */
export interface PreparedRestore {
  readonly form: 'restore'
  /** The runs whose changes are taken back. */
  readonly runIds: readonly number[]
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
 * @throws RowshiftError TABLE_NOT_FOUND, ENTITY_NOT_FOUND, NOT_A_TABLE, KEY_*, COLUMN_*, UNIQUE_NEEDS_INDEX, VALIDATOR_MISSING,
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
  const prepared =
    work.form === 'transform' ? bindTransform(binder, definition.name, work, read) : bindSql(binder, work)
  const own = mapping?.discriminator && discriminatorOf(mapping.discriminator)
  const where = whereOf(dialect, definition, binder, own)
  const plan = { info, read, where, endsWithWrite: definition.where !== undefined && !definition.where.isNegated }
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

/** Takes back, by their journals, what runs of a definition have written. */
export function* prepareRestore(
  database: Database,
  definition: BackfillDefinition,
  runIds: readonly number[],
): Script<PreparedBackfill> {
  const prepared = yield* prepareBackfill(database, definition)
  const { plan } = prepared
  const name = definition.name + undoSuffix
  return {
    ...prepared,
    definition: Object.freeze({
      ...definition,
      name,
      where: undefined,
      journal: undefined,
      follow: false,
      verify: noVerify,
    }),
    plan: { info: plan.info, read: [], where: undefined, endsWithWrite: false },
    work: { form: 'restore', runIds },
    follow: undefined,
    definitionHash: createHash('sha256')
      .update(JSON.stringify([name, runIds]))
      .digest('hex'),
    transformHash: undefined,
  }
}

/** @throws RowshiftError NOT_WRITTEN for a generated definition that was not filled in */
export function requireWritten({ name, where, reverse, work }: BackfillDefinition): void {
  requireParts(name, [where?.condition, work.form === 'transform' ? work.transform.call : undefined, reverse])
}

interface Binder {
  fail(code: ErrorCode, message: string, details?: Record<string, unknown>): never
  readonly dialect: Dialect
  readonly info: TableInfo
  /** The column of a property, with its conversions. */
  bind(property: string, declared: DeclaredColumn, position: number): BoundColumn
  /** The same for a property that the definition does not declare. */
  bindUndeclared(property: string): BoundColumn
  requireWritable(bound: { readonly property: string; readonly column: ColumnInfo }): void
  /** A constant of the definition as text; one that the column cannot hold is refused. */
  constant(bound: BoundColumn, value: unknown): string | null
}

function createBinder(
  dialect: Dialect,
  definition: BackfillDefinition,
  info: TableInfo,
  mapping: MappedTable | undefined,
): Binder {
  const table = tableText(info.table)
  // Taking back meets rows that were never filled; their NULLs are no fault.
  const requiresValues = definition.work.form === 'transform' && !definition.work.isPartial
  const fail = (code: ErrorCode, message: string, details: Record<string, unknown> = {}): never => {
    throw new RowshiftError(code, {
      message: `backfill "${definition.name}": ${message}`,
      details: { backfill: definition.name, table, ...details },
    })
  }

  const columnOf = (property: string): ColumnInfo => {
    const name = mapping?.columns.get(property)?.column ?? property
    const column = info.columns.get(name)
    if (column) return column
    const embedded = [...(mapping?.columns.keys() ?? [])].filter((path) => path.startsWith(`${property}.`))
    if (embedded.length > 0) {
      const message = `"${property}" of the entity is embedded. Name its columns: ${embedded.join(', ')}.`
      return fail('COLUMN_NOT_FOUND', message, { column: property })
    }
    const known = [...info.columns.keys()].join(', ')
    return fail('COLUMN_NOT_FOUND', `table "${table}" has no column "${name}". It has: ${known}.`, { column: name })
  }

  const bind = (property: string, declared: DeclaredColumn, position: number): BoundColumn => {
    const column = columnOf(property)
    const isReadOnly = info.key.includes(column) || column.isGenerated
    if (declared === 'mapped') {
      const mapped = mapping?.columns.get(property)
      if (!mapped) return fail('COLUMN_NOT_FOUND', `the entity has no column "${property}".`, { column: property })
      return {
        property,
        column,
        position,
        isReadOnly,
        decode: (text) => mapped.decode(text, column),
        encode: (value) => mapped.encode(value ?? null, column),
      }
    }
    const codec = dialect.codec(column, declared.kind)
    if (!codec) {
      return fail(
        'COLUMN_TYPE_MISMATCH',
        `column "${column.name}" is ${column.type}, which "${declared.kind}" does not fit. Declare it as "${column.kind === 'other' ? 'text' : column.kind}".`,
        { column: column.name, type: column.type, declared: declared.kind },
      )
    }
    const { allowed } = declared
    const holdsNull = declared.isNullable || declared.kind === 'json'
    return {
      property,
      column,
      position,
      isReadOnly,
      decode(text) {
        if (text !== null) return codec.decode(text)
        if (requiresValues && !holdsNull)
          throw new TypeError(`the stored value is NULL: declare it as "${declared.kind}?"`)
        return null
      },
      encode(value) {
        if (value === null) {
          // A JSON column that is not declared nullable holds JSON's own null.
          if (declared.kind === 'json' && !declared.isNullable) return codec.encode(null)
          if (!holdsNull) throw new TypeError(`null is not declared: use "${declared.kind}?"`)
          return null
        }
        if (allowed && !allowed.includes(value as string)) throw new TypeError('the value is not one of those declared')
        return codec.encode(value)
      },
    }
  }

  return {
    fail,
    dialect,
    info,
    bind,
    bindUndeclared(property) {
      if (mapping) return bind(property, 'mapped', -1)
      return bind(property, { kind: columnOf(property).kind, isNullable: true }, -1)
    },
    constant(bound, value) {
      try {
        return bound.encode(value)
      } catch (error) {
        const { name, type } = bound.column
        return fail(
          'INVALID_DEFINITION',
          `a constant for "${bound.property}" is no value of column "${name}" (${type}): ${(error as Error).message}.`,
          { column: name },
        )
      }
    },
    requireWritable({ property, column }) {
      if (info.key.includes(column)) {
        fail(
          'KEY_WRITTEN',
          `"${property}" is part of the key (${info.key.map((key) => key.name).join(', ')}), which pages follow: it cannot be written. Fill a new column and swap them in a later migration.`,
          { column: column.name },
        )
      }
      if (column.isGenerated) {
        fail(
          'COLUMN_NOT_WRITABLE',
          `column "${column.name}" is generated by the database. Write what it is computed from.`,
          {
            column: column.name,
          },
        )
      }
    },
  }
}

function bindTransform(binder: Binder, name: string, work: TransformWork, read: ColumnInfo[]): PreparedTransform {
  const place = (property: string, declared: DeclaredColumn): BoundColumn => {
    const bound = binder.bind(property, declared, -1)
    let position = read.indexOf(bound.column)
    if (position < 0) position = read.push(bound.column) - 1
    return { ...bound, position }
  }
  const select = [...work.select].map(([property, declared]) => place(property, declared))
  const write = [...work.write].map(([property, declared]) => place(property, declared))
  // Taking back may return any column that was read, the key as well; a row that would change it is refused by itself.
  if (!work.isPartial) for (const bound of write) binder.requireWritable(bound)
  for (const property of work.unique.keys()) {
    const { column } = write.find((bound) => bound.property === property)!
    if (!binder.info.uniqueIndexes.some((index) => index.length === 1 && index[0] === column.name)) {
      binder.fail(
        'UNIQUE_NEEDS_INDEX',
        `\`unique\` on "${property}" needs a unique index on "${column.name}": without one another writer could take the same value. Create it before the backfill; a nullable column may hold any number of NULLs.`,
        { column: column.name },
      )
    }
  }
  const { transform } = work
  const computation = transform.per === 'row' ? byRow(transform.call) : byPage(transform.call)
  return { form: 'transform', backfill: name, computation, select, write, work, validator: validatorOf(name, work) }
}

function bindSql(binder: Binder, work: SqlWork): PreparedSql {
  const set = [...work.set].map(([property, value]) => {
    const bound = binder.bindUndeclared(property)
    binder.requireWritable(bound)
    if (isSql(value)) return [bound.column, value] as const
    const text = value === null ? null : binder.constant(bound, value)
    return [bound.column, text === null ? sql`null` : binder.dialect.conditionValue(bound.column, text)] as const
  })
  return { form: 'sql', set }
}

function whereOf(
  dialect: Dialect,
  definition: BackfillDefinition,
  binder: Binder,
  own: Sql | undefined,
): Sql | undefined {
  const { work, where } = definition
  const columnOf = (property: string) => {
    const declared = work.form === 'transform' ? (work.select.get(property) ?? work.write.get(property)) : undefined
    const bound = declared ? binder.bind(property, nullable(declared), -1) : binder.bindUndeclared(property)
    return { column: bound.column, encode: (value: unknown) => binder.constant(bound, value) }
  }
  const condition = where && conditionOf(dialect, where.condition, columnOf)
  const wanted = condition && (where.isNegated ? negationOf(condition) : condition)
  if (wanted && own) return sql`${own} and (${wanted})`
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

/** The key and the columns touched, with their types: what must not change while a run is unfinished. */
function tableFingerprint(info: TableInfo, work: PreparedTransform | PreparedSql): string {
  const touched =
    work.form === 'transform' ? [...work.select, ...work.write].map((b) => b.column) : work.set.map(([c]) => c)
  const describe = (column: ColumnInfo) => [column.name, column.type]
  const facts = [tableText(info.table), info.key.map(describe), [...new Set(touched)].map(describe)]
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex')
}
