import { RowshiftError } from '../../errors/rowshift-error.js'
import { requireKey, type UniqueIndex } from '../key.js'
import type { Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import {
  type CatalogueColumn,
  type ColumnInfo,
  type ColumnKind,
  type TableInfo,
  type TableName,
  tableText,
} from '../table.js'
import { pageProbe, tableSql } from './rows.js'
import { spelling } from './spelling.js'
import { storageOf } from './texts.js'

/** What SQLite's statements need to know besides. */
export interface SqliteTable extends TableInfo {
  /** INTEGER PRIMARY KEY: the key is the rowid, which has no index of its own. */
  readonly isRowidKey: boolean
  /** Some constraint is declared ON CONFLICT REPLACE, IGNORE or the like. */
  readonly hasConflictClause: boolean
  /** By column: the unique index on it alone, which decides by its collation what is the same value. */
  readonly valueIndexes: ReadonlyMap<string, { readonly name: string; readonly collation: string }>
  /** By column: the collation by which the unique indexes it belongs to compare it. */
  readonly collations: ReadonlyMap<string, string>
}

const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

const kinds: Readonly<Record<string, ColumnKind>> = {
  bigint: 'bigint',
  int8: 'bigint',
  'unsigned big int': 'bigint',
  boolean: 'boolean',
  bool: 'boolean',
  numeric: 'decimal',
  decimal: 'decimal',
  date: 'date',
  datetime: 'timestamp',
  timestamp: 'timestamp',
  time: 'time',
  json: 'json',
  jsonb: 'json',
  uuid: 'uuid',
}

const kindOfAffinity: Readonly<Record<string, ColumnKind>> = {
  INTEGER: 'integer',
  REAL: 'double',
  TEXT: 'text',
  BLOB: 'bytes',
}

/** The declared type as SQLite reads it: https://www.sqlite.org/datatype3.html#determination_of_column_affinity */
function affinityOf(type: string): string {
  if (type.includes('int')) return 'INTEGER'
  if (/char|clob|text/.test(type)) return 'TEXT'
  if (type === '' || type.includes('blob')) return 'BLOB'
  return /real|floa|doub/.test(type) ? 'REAL' : 'NUMERIC'
}

/** In a STRICT table ANY is no type: values stay as they are given. */
function describeType(type: string, isStrict: boolean): Pick<ColumnInfo, 'kind' | 'castType'> {
  const castType = isStrict && type === 'any' ? 'BLOB' : affinityOf(type)
  const name = type.replace(/\(.*/, '').trim().replace(/\s+/g, ' ')
  if (castType === 'BLOB' && !type.includes('blob')) return { kind: 'other', castType }
  return { kind: kinds[name] ?? kindOfAffinity[castType] ?? 'other', castType }
}

interface FoundTable {
  /** Where an unqualified name leads, when none is given. */
  readonly schema: string
  readonly hasRowid: boolean
  readonly isStrict: boolean
}

function* findTable(table: TableName): Script<FoundTable> {
  const found = yield statement(
    'read-table',
    sql`select t.schema, t.type, t.wr, t.strict from pragma_table_list as t join pragma_database_list as d on d.name = t.schema
      where t.name = ${table.name} collate nocase ${table.schema === undefined ? sql`` : sql`and t.schema = ${table.schema} collate nocase`}
      order by case t.schema when 'temp' then -1 else d.seq end limit 1`,
  )
  const row = found.rows[0]
  if (!row) {
    throw new RowshiftError('TABLE_NOT_FOUND', {
      message: `table "${tableText(table)}" does not exist. Check its name, and that the data source opens the file you mean.`,
      details: { table: tableText(table) },
    })
  }
  const [schema, type, withoutRowid, isStrict] = row
  if (type !== 'table') {
    const what = type === 'view' ? 'a view' : 'a virtual table or part of one'
    throw new RowshiftError('NOT_A_TABLE', {
      message: `"${tableText(table)}" is ${what}: it has no key to page by. Name the table that holds the rows.`,
      details: { table: tableText(table) },
    })
  }
  return { schema: String(schema), hasRowid: Number(withoutRowid) === 0, isStrict: Number(isStrict) === 1 }
}

/** Which database of the connection a table is in: `main`, `temp` or an attached one. */
export function* schemaOf(table: TableName): Script<string> {
  return (yield* findTable(table)).schema
}

/** The statements that have made the table and its indexes. */
export function* stampOf(table: TableName): Script<string | undefined> {
  const made = (schema: string) =>
    sql`select type, name, rootpage, sql from ${sql.id(schema, 'sqlite_master')} where tbl_name = ${table.name} collate nocase`
  // One that is attached is not looked for, so a table that is found there only is never remembered.
  const schemas = table.schema === undefined ? ['temp', 'main'] : [table.schema]
  const { rows } = yield statement('stamp', sql.join(schemas.map(made), ' union all '))
  return rows.length === 0 ? undefined : JSON.stringify(rows)
}

export function* catalogueColumns(table: TableName): Script<readonly CatalogueColumn[]> {
  const columns = yield* readColumns(table, table.schema)
  return columns.map(({ name, type, isNotNull, isPrimary }) => ({ name, type, isNullable: !isNotNull && !isPrimary }))
}

interface FoundColumn {
  readonly name: string
  readonly type: string
  readonly isNotNull: boolean
  readonly isPrimary: boolean
  readonly isGenerated: boolean
}

function* readColumns(table: TableName, schema: string | undefined): Script<readonly FoundColumn[]> {
  const { rows } = yield statement(
    'read-columns',
    sql`select name, type, "notnull", pk, hidden from pragma_table_xinfo(${table.name}${schema === undefined ? sql`` : sql`, ${schema}`}) order by cid`,
  )
  return rows.map(([name, type, isNotNull, pk, hidden]) => ({
    name: String(name),
    // Versions of SQLite differ in the case of the most common types, and the type is part of the table's fingerprint.
    type: String(type ?? '').toLowerCase(),
    isNotNull: Number(isNotNull) === 1,
    isPrimary: Number(pk) > 0,
    // 2 = virtual, 3 = stored.
    isGenerated: Number(hidden) >= 2,
  }))
}

interface FoundIndex {
  readonly name: string
  readonly isPrimary: boolean
  /** undefined = an expression. */
  readonly columns: readonly (string | undefined)[]
  readonly collations: readonly string[]
}

/** Unique indexes that are not partial: the primary key first, then those with the fewest columns. */
function* readUniqueIndexes(table: TableName, schema: string): Script<readonly FoundIndex[]> {
  const { rows } = yield statement(
    'read-indexes',
    sql`select l.name, l.origin = 'pk', i.name, i.coll
      from pragma_index_list(${table.name}, ${schema}) as l, pragma_index_xinfo(l.name, ${schema}) as i
      where l."unique" = 1 and l.partial = 0 and i."key" = 1 order by l.origin = 'pk' desc, l.name, i.seqno`,
  )
  const indexes = new Map<
    string,
    FoundIndex & { readonly columns: (string | undefined)[]; readonly collations: string[] }
  >()
  for (const [index, isPrimary, column, collation] of rows) {
    const entry = indexes.get(String(index)) ?? {
      name: String(index),
      isPrimary: Number(isPrimary) === 1,
      columns: [],
      collations: [],
    }
    entry.columns.push(column === null ? undefined : String(column))
    entry.collations.push(String(collation))
    indexes.set(entry.name, entry)
  }
  return [...indexes.values()].sort(
    (a, b) => Number(b.isPrimary) - Number(a.isPrimary) || a.columns.length - b.columns.length,
  )
}

const rowidKey = 'rowid'

export function* introspect(table: TableName): Script<TableInfo> {
  const { schema, hasRowid, isStrict } = yield* findTable(table)
  const found = yield* readColumns(table, schema)
  const indexes = yield* readUniqueIndexes(table, schema)
  const definition = yield statement(
    'read-table',
    sql`select sql from ${sql.id(schema, 'sqlite_master')} where type = 'table' and name = ${table.name} collate nocase`,
  )
  // A primary key without an index is the rowid itself. INTEGER PRIMARY KEY DESC has one: it is no rowid.
  const primary = found.filter((column) => column.isPrimary).map((column) => column.name)
  const hasRowidKey = hasRowid && primary.length > 0 && !indexes.some((index) => index.isPrimary)
  const columns = new Map(found.map((column) => [column.name, describeColumn(column, hasRowidKey, isStrict)] as const))
  const common = {
    table,
    columns,
    hasConflictClause: /\bon\s+conflict\b/i.test(String(definition.rows[0]?.[0])),
    valueIndexes: valueIndexesOf(indexes),
    collations: collationsOf(indexes),
  }

  const unique: UniqueIndex[] = []
  const unfit = new Map<ColumnInfo, string>()
  const rowid = { name: rowidKey, isPrimary: true, columns: primary }
  for (const { name, isPrimary, columns: names } of hasRowidKey ? [rowid, ...indexes] : indexes) {
    const present = names.map((column) => (column === undefined ? undefined : columns.get(column)))
    const key = present.filter((column) => column !== undefined)
    const isWhole = key.length === names.length && key.every((column) => !column.isNullable)
    const isRowidKey = hasRowidKey && isPrimary
    const reason = isWhole
      ? yield* whyNoRange({ ...common, key, keyIndex: name, uniqueIndexes: [], isRowidKey })
      : undefined
    // The column may be fit through another index, so this one gets columns of its own to be refused by.
    const own = reason === undefined ? present : present.map((column) => column && { ...column })
    if (reason !== undefined) for (const column of own) if (column) unfit.set(column, reason)
    unique.push({ name, isPrimary, columns: own })
  }
  const chosen = requireKey(table, unique, (column) => unfit.get(column) ?? whyUnsupported(column))
  const isRowidKey = hasRowidKey && chosen.keyIndex === rowidKey
  const info: SqliteTable = { ...common, ...chosen, isRowidKey }
  return info
}

/** Of two indexes on a column the one that takes more values for the same, as NOCASE does. */
function valueIndexesOf(indexes: readonly FoundIndex[]): SqliteTable['valueIndexes'] {
  const found = new Map<string, { readonly name: string; readonly collation: string }>()
  for (const { name, columns, collations } of indexes) {
    const [column] = columns
    if (column === undefined || columns.length > 1) continue
    const collation = collations[0]!
    if (!found.has(column) || !/^binary$/i.test(collation)) found.set(column, { name, collation })
  }
  return found
}

/** Of several that differ the one that takes more values for the same. */
function collationsOf(indexes: readonly FoundIndex[]): SqliteTable['collations'] {
  const found = new Map<string, string>()
  for (const { columns, collations } of indexes) {
    for (const [i, column] of columns.entries()) {
      if (column === undefined) continue
      if (!found.has(column) || !/^binary$/i.test(collations[i]!)) found.set(column, collations[i]!)
    }
  }
  return found
}

function describeColumn(
  { name, type, isNotNull, isPrimary, isGenerated }: FoundColumn,
  hasRowidKey: boolean,
  isStrict: boolean,
): ColumnInfo {
  return {
    name,
    type,
    ...describeType(type, isStrict),
    // A rowid is never NULL; in any other PRIMARY KEY of a rowid table SQLite allows NULLs unless NOT NULL is declared.
    isNullable: !isNotNull && !(hasRowidKey && isPrimary),
    isGenerated,
  }
}

function whyUnsupported(column: ColumnInfo): string | undefined {
  if (column.castType === 'REAL') return 'floating point numbers are not compared exactly'
  if (column.castType === 'BLOB' && column.kind === 'other')
    return 'it has no declared type, so its values have no common order'
  return storageOf(column) === 'jsonb' ? 'JSON has no order' : undefined
}

/** Rows that may be scanned for each page: as many as most pages have. */
const smallTable = 1000

/**
 * Asks the planner: an index whose collation is not the column's, or whose columns run in opposite directions, would have each
 * page scan and sort the table.
 *
 *   SEARCH city USING COVERING INDEX city_pk ((a,b)>(?,?) AND (a,b)<(?,?))
 */
function* whyNoRange(info: SqliteTable): Script<string | undefined> {
  const plan = yield statement('plan-page', pageProbe(info))
  const bound = info.key.length === 1 ? '?' : `(${info.key.map(() => '?').join(',')})`
  const detail = plan.rows.length === 1 ? String(plan.rows[0]!.at(-1)) : ''
  const isSearch = detail.startsWith('SEARCH')
  const [hasLower, hasUpper] = [detail.includes(`>${bound}`), detail.includes(`<${bound}`)]
  if (isSearch && hasLower && hasUpper) return undefined
  if (!info.isRowidKey && !(isSearch && (hasLower || hasUpper))) {
    return 'its index has another collation or direction than the column, so a page would be no index range'
  }
  // By its statistics the table has a few rows, not worth a bound: true, or they are from long ago.
  const { rows } = yield statement(
    'plan-page',
    sql`select 1 from ${tableSql(info.table)} limit 1 offset ${sql.raw(String(smallTable))}`,
  )
  if (rows.length === 0) return undefined
  return 'by its stale statistics the table is nearly empty, so a page would scan it; run ANALYZE'
}

/** By statistics, or counted as far as that is cheap; beyond, a rowid table is as long as its rowids reach. */
export function* estimateRows(table: TableName): Script<number> {
  const { schema, hasRowid } = yield* findTable(table)
  const name = sql.id(schema, table.name)
  const one = function* (piece: Sql): Script<number> {
    const { rows } = yield statement('estimate', piece)
    return Number(rows[0]?.[0] ?? 0)
  }
  const isAnalysed = yield* one(sql`select 1 from ${sql.id(schema, 'sqlite_master')} where name = 'sqlite_stat1'`)
  if (isAnalysed) {
    // '171075 1': the rows of the index, then those for each value. A partial index has fewer.
    const rows = yield* one(
      sql`select max(cast(stat as integer)) from ${sql.id(schema, 'sqlite_stat1')} where tbl = ${table.name} collate nocase`,
    )
    if (rows > 0) return rows
  }
  const counted = yield* one(
    sql`select count(*) from (select 1 from ${name} limit ${sql.raw(String(countedRows))}) as some`,
  )
  return counted < countedRows || !hasRowid ? counted : yield* one(sql`select max(rowid) - min(rowid) + 1 from ${name}`)
}

const countedRows = 1_000_000
