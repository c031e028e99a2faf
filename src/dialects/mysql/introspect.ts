import { RowshiftError } from '../../errors/rowshift-error.js'
import { requireKey, type UniqueIndex } from '../key.js'
import type { Cell, Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import {
  type CatalogueColumn,
  type ColumnInfo,
  type ColumnKind,
  type TableInfo,
  type TableName,
  tableText,
} from '../table.js'
import { errnoOf } from './classify-error.js'
import { tableSql } from './rows.js'
import { spelling } from './spelling.js'

/** Kind and `castType` (see codecs.ts) by DATA_TYPE. What is missing here is 'other' and travels as text. */
const types: Readonly<Record<string, readonly [ColumnKind, string]>> = {
  tinyint: ['integer', 'signed'],
  smallint: ['integer', 'signed'],
  mediumint: ['integer', 'signed'],
  int: ['integer', 'signed'],
  bigint: ['bigint', 'signed'],
  year: ['integer', 'unsigned'],
  decimal: ['decimal', 'decimal'],
  float: ['double', 'float'],
  double: ['double', 'double'],
  bit: ['bigint', 'bit'],
  char: ['text', 'char'],
  varchar: ['text', 'char'],
  tinytext: ['text', 'char'],
  text: ['text', 'char'],
  mediumtext: ['text', 'char'],
  longtext: ['text', 'char'],
  enum: ['text', 'char'],
  set: ['text', 'char'],
  binary: ['bytes', 'binary'],
  varbinary: ['bytes', 'binary'],
  tinyblob: ['bytes', 'binary'],
  blob: ['bytes', 'binary'],
  mediumblob: ['bytes', 'binary'],
  longblob: ['bytes', 'binary'],
  date: ['date', 'date'],
  datetime: ['timestamp', 'datetime(6)'],
  timestamp: ['timestamp', 'datetime(6)'],
  time: ['time', 'time(6)'],
  json: ['json', 'json'],
  uuid: ['uuid', 'uuid'],
  inet4: ['other', 'inet4'],
  inet6: ['other', 'inet6'],
}

/** Types whose order and equality are those of their text: a page by any other could miss or repeat rows. */
const exactKeys = new Set(
  'tinyint smallint mediumint int bigint year decimal char varchar binary varbinary date datetime timestamp time uuid inet4 inet6'.split(
    ' ',
  ),
)

/** Engines that show the rows of another server, or of a file: their transactions are not ours. */
const foreignEngines = new Set(['FEDERATED', 'SPIDER', 'CONNECT'])

type TypedColumn = MysqlColumn & { readonly dataType: string; readonly whyNoKey?: string }

/** What MySQL's statements need to know of a column besides. */
export interface MysqlColumn extends ColumnInfo {
  readonly isAutoIncrement: boolean
}

const schemaOf = (table: TableName): Sql => (table.schema === undefined ? sql`database()` : sql`${table.schema}`)

const isTable = (table: TableName): Sql => sql`t.table_schema = ${schemaOf(table)} and t.table_name = ${table.name}`

const lookUp = (label: string, piece: Sql): Statement => render(piece, spelling, label)

/** What MySQL's statements need to know besides. */
export interface MysqlTable extends TableInfo {
  /** INSERT ... RETURNING: MariaDB has it, MySQL has not. */
  readonly returnsInserted: boolean
}

export function* introspect(table: TableName): Script<MysqlTable> {
  const found = yield lookUp(
    'read-table',
    sql`select t.table_type, t.engine, e.transactions, version()
      from information_schema.tables as t left join information_schema.engines as e on e.engine = t.engine
      where ${isTable(table)}`,
  )
  const isMariaDb = requireSuitable(table, found.rows[0])
  const columns = yield* readColumns(table)
  const indexes = yield* readIndexes(table, columns, isMariaDb)
  const key = requireKey(table, indexes, (column) => {
    const { dataType, whyNoKey } = column as TypedColumn
    return whyNoKey ?? (exactKeys.has(dataType) ? undefined : `${column.type} has no exact order`)
  })
  return { table, columns, ...key, returnsInserted: isMariaDb }
}

/** Whether it is a MariaDB. @throws RowshiftError for what is no table, or one that a transaction cannot protect */
function requireSuitable(table: TableName, row: readonly Cell[] | undefined): boolean {
  const name = tableText(table)
  if (!row) {
    throw new RowshiftError('TABLE_NOT_FOUND', {
      message: `table "${name}" does not exist${table.schema === undefined ? ' in the current database' : ''}. Check its name and database.`,
      details: { table: name },
    })
  }
  const [type, engine, transactions, version] = row.map((cell) => String(cell ?? '').toUpperCase())
  const isMariaDb = requireVersion(version!)
  if (type !== 'BASE TABLE' || foreignEngines.has(engine!)) {
    throw new RowshiftError('NOT_A_TABLE', {
      message: `"${name}" is ${describe(type!, engine!)}: its keys are not unique, or not under this server's control. Name the table that holds the rows.`,
      details: { table: name },
    })
  }
  if (transactions !== 'YES') {
    throw new RowshiftError('ENGINE_WITHOUT_TRANSACTIONS', {
      message: `table "${name}" uses the engine ${engine}, which keeps writes after a rollback. Change it: ALTER TABLE ${spelling.quote(table.name)} ENGINE=InnoDB.`,
      details: { table: name, engine },
    })
  }
  return isMariaDb
}

function requireVersion(version: string): boolean {
  const isMariaDb = version.includes('MARIADB')
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/, 3).map(Number)
  const number = major * 1_000_000 + minor * 1_000 + patch
  // JSON_TABLE, SKIP LOCKED, CAST to FLOAT.
  if (number < (isMariaDb ? 10_006_000 : 8_000_019)) {
    throw new RowshiftError('UNSUPPORTED_DATABASE', {
      message: `this server is ${isMariaDb ? 'MariaDB' : 'MySQL'} ${major}.${minor}.${patch}. rowshift needs MySQL 8.0.19 or MariaDB 10.6.`,
      details: { version: `${major}.${minor}.${patch}` },
    })
  }
  return isMariaDb
}

function describe(type: string, engine: string): string {
  if (type === 'VIEW' || type === 'SYSTEM VIEW') return 'a view'
  if (type === 'SYSTEM VERSIONED') return 'a table that keeps old versions of its rows'
  return type === 'BASE TABLE' ? `a ${engine} table, which shows another server's rows,` : `a ${type.toLowerCase()}`
}

/** The statement that would make the table, which the server writes from what it has of it in memory. */
export function* stampOf(table: TableName): Script<string | undefined> {
  try {
    const { rows } = yield lookUp('stamp', sql`show create table ${tableSql(table)}`)
    return String(rows[0]?.[1]).replace(/ AUTO_INCREMENT=\d+/, '')
  } catch (error) {
    // ER_NO_SUCH_TABLE, ER_TABLEACCESS_DENIED_ERROR: whoever reads the catalogue says so.
    if ([1146, 1142].includes(errnoOf(error)!)) return undefined
    throw error
  }
}

export function* catalogueColumns(table: TableName): Script<readonly CatalogueColumn[]> {
  const columns = yield* readColumns(table)
  return [...columns.values()].map(({ name, type, isNullable }) => ({ name, type, isNullable }))
}

function* readColumns(table: TableName): Script<ReadonlyMap<string, TypedColumn>> {
  const { rows } = yield lookUp(
    'read-columns',
    sql`select t.column_name, t.data_type, t.column_type, t.is_nullable, coalesce(t.generation_expression, ''),
        t.character_set_name, t.collation_name, t.numeric_precision, t.numeric_scale, t.extra
      from information_schema.columns as t where ${isTable(table)} order by t.ordinal_position`,
  )
  return new Map(rows.map((row) => [String(row[0]), columnOf(row.map((cell) => (cell === null ? '' : String(cell))))]))
}

function columnOf([
  name,
  dataType,
  type,
  nullable,
  generated,
  charset,
  collation,
  precision,
  scale,
  extra,
]: string[]): TypedColumn {
  // Geometry and whatever comes next: the bytes as they are stored.
  const [kind, target] = types[dataType!] ?? (['other', 'binary'] as const)
  return {
    name: name!,
    kind: type === 'bit(1)' ? 'boolean' : kind,
    type: charset ? `${type} character set ${charset} collate ${collation}` : type!,
    castType: castTypeOf(target, type!, precision!, scale!),
    isNullable: nullable === 'YES',
    isGenerated: generated !== '',
    ...(charset && { charset, collation: collation! }),
    isAutoIncrement: extra!.includes('auto_increment'),
    dataType: dataType!,
  }
}

function castTypeOf(target: string, type: string, precision: string, scale: string): string {
  if (target === 'decimal') return `decimal(${precision}, ${scale})`
  return target === 'signed' && type.includes('unsigned') ? 'unsigned' : target
}

function* readIndexes(
  table: TableName,
  columns: ReadonlyMap<string, TypedColumn>,
  isMariaDb: boolean,
): Script<readonly UniqueIndex[]> {
  const isHidden = isMariaDb ? sql`t.ignored = 'YES'` : sql`t.is_visible = 'NO'`
  const { rows } = yield lookUp(
    'read-indexes',
    sql`select t.index_name, t.column_name, t.sub_part is not null or t.index_type <> 'BTREE', t.collation, ${isHidden}
      from information_schema.statistics as t where ${isTable(table)} and t.non_unique = 0
      order by t.index_name, t.seq_in_index`,
  )
  const parts = new Map<string, (readonly Cell[])[]>()
  for (const row of rows) parts.set(String(row[0]), [...(parts.get(String(row[0])) ?? []), row])
  return (
    [...parts]
      // Unique in its first letters, or by a hash: says nothing of whole values, or has no order.
      .filter(([, rows]) => rows.every(([, , isPartial]) => Number(isPartial) === 0))
      .sort(([, a], [, b]) => a.length - b.length)
      .map(([name, rows]): UniqueIndex => {
        const whyNoKey = whyNoOrder(rows)
        return {
          name,
          isPrimary: name === 'PRIMARY',
          columns: rows.map(([, column]) => {
            const found = column === null ? undefined : columns.get(String(column))
            return found && whyNoKey ? ({ ...found, whyNoKey } as ColumnInfo) : found
          }),
        }
      })
  )
}

function whyNoOrder(rows: readonly (readonly Cell[])[]): string | undefined {
  if (rows.some(([, , , , isHidden]) => Number(isHidden) === 1)) return 'its index is invisible'
  const directions = new Set(rows.map(([, , , direction]) => direction))
  return directions.size > 1 ? 'its index mixes ascending and descending order' : undefined
}

export function* estimateRows(table: TableName): Script<number> {
  const { rows } = yield lookUp(
    'estimate',
    sql`select t.table_rows from information_schema.tables as t where ${isTable(table)}`,
  )
  const estimated = Number(rows[0]?.[0] ?? 0)
  if (estimated > 0) return estimated
  // No statistics yet: count, but only as far as that is cheap.
  const path = table.schema === undefined ? sql.id(table.name) : sql.id(table.schema, table.name)
  const counted = yield lookUp('estimate', sql`select count(*) from (select 1 from ${path} limit 1000000) as rs_some`)
  return Number(counted.rows[0]?.[0])
}
