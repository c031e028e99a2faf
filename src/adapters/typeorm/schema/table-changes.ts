import type { EntityMetadata, TableColumn, TableColumnOptions } from 'typeorm'
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js'
import { writeTableName } from '../../../backfill/definition/table-name.js'
import type { TableName } from '../../../dialects/table.js'
import type { ChangedColumn, SchemaColumn, TableChange } from '../../schema.js'
import type { RehearsedSchema } from './builder.js'
import { columnWord } from './column-word.js'

/** A table's change, with what TypeORM knows about it. */
export interface EntityChange extends TableChange {
  readonly metadata: EntityMetadata
  readonly name: TableName
  /** The tables that differ among those that no class stands for: many-to-many relations that the entity owns, closures of trees. */
  readonly junctions: readonly EntityChange[]
}

/** Compares every entity with its table. Leaves the tables in memory as they are. */
export async function readChanges(schema: RehearsedSchema, isMysql: boolean): Promise<readonly EntityChange[]> {
  const changes: EntityChange[] = []
  for (const metadata of schema.entities) {
    if (isJunction(metadata)) continue
    const change = await readChange(schema, metadata, isMysql)
    const junctions: EntityChange[] = []
    for (const junction of junctionsOf(metadata)) {
      const found = await readChange(schema, junction, isMysql)
      if (found.isChanged) junctions.push(found)
    }
    const related = junctions.map(({ table }) => table)
    changes.push({ ...change, junctions, related, isChanged: change.isChanged || junctions.length > 0 })
  }
  return changes
}

const isJunction = ({ tableType }: EntityMetadata): boolean =>
  tableType === 'junction' || tableType === 'closure-junction'

/** An entity class of its own for such a table has its own version. */
function junctionsOf({ relations, closureJunctionTable }: EntityMetadata): readonly EntityMetadata[] {
  const owned = relations.flatMap(({ isManyToManyOwner, junctionEntityMetadata }) =>
    isManyToManyOwner && junctionEntityMetadata ? [junctionEntityMetadata] : [],
  )
  return [...owned, ...(closureJunctionTable ? [closureJunctionTable] : [])].filter(isJunction)
}

async function readChange(schema: RehearsedSchema, metadata: EntityMetadata, isMysql: boolean): Promise<EntityChange> {
  const table = schema.table(metadata)
  const name = { schema: metadata.schema ?? (isMysql ? metadata.database : undefined), name: metadata.tableName }
  const wanted = schema.columnsOf(metadata)
  const found = table?.columns ?? []
  const columnNamed = (text: string) => wanted.find(({ metadata }) => metadata.databaseName === text)
  const isNamed = (text: string) => found.some((column) => column.name === text) || columnNamed(text) !== undefined
  const changedNames = new Set(
    table ? schema.driver.findChangedColumns(table.columns, metadata.columns).map((column) => column.databaseName) : [],
  )
  return {
    table: writeTableName(name),
    name,
    metadata,
    entity: metadata.name,
    target: metadata.target,
    junctions: [],
    related: [],
    isNew: table === undefined,
    isChanged: table === undefined || (await differs(schema, metadata)),
    columns: found.map((column) => describe(column, columnNamed(column.name)?.metadata)),
    added: wanted
      .filter(({ options }) => !found.some((column) => column.name === options.name))
      .map(({ options, metadata }) => describe(options, metadata)),
    dropped: found.filter((column) => !columnNamed(column.name)).map((column) => describe(column)),
    changed: found
      .filter((column) => changedNames.has(column.name))
      .map((column) => compare(column, columnNamed(column.name)!)),
    columnOf(property) {
      const own = metadata.columns.find((column) => column.propertyPath === property && isNamed(column.databaseName))
      if (own) return own.databaseName
      const [last = '', ...prefixes] = property.split('.').reverse()
      const { namingStrategy } = metadata.dataSource
      const derived = namingStrategy.columnName(last, undefined as never, prefixes.reverse())
      return [derived, property].find(isNamed)
    },
  }
}

/** Whether TypeORM would change anything, on copies that are thrown away. */
async function differs(schema: RehearsedSchema, metadata: EntityMetadata): Promise<boolean> {
  return (await schema.onCopies(() => schema.remaining(metadata))).length > 0
}

function describe(column: TableColumn | TableColumnOptions, metadata?: ColumnMetadata): SchemaColumn {
  const word = columnWord(column, metadata)
  const isNullable = column.isNullable ?? false
  const size = column.length || [column.precision, column.scale].filter((part) => part != null).join(', ')
  return {
    name: column.name,
    word: word === undefined ? undefined : `${word}${isNullable ? '?' : ''}`,
    type: `${column.type}${size ? `(${size})` : ''}${column.isArray ? '[]' : ''}`,
    isNullable,
    fillsItself:
      (column.default !== undefined && column.default !== null) ||
      column.isGenerated === true ||
      column.generatedType !== undefined,
    isPrimary: column.isPrimary ?? false,
    ...(column.enum?.length && !column.isArray && { values: column.enum }),
  }
}

function compare(
  before: TableColumn,
  { options: after, metadata }: { readonly options: TableColumnOptions; readonly metadata: ColumnMetadata },
): ChangedColumn {
  return { before: describe(before, metadata), after: describe(after, metadata), kind: kindOf(before, after) }
}

function kindOf(before: TableColumn, after: TableColumnOptions): ChangedColumn['kind'] {
  const lost = (before.enum ?? []).filter((value) => !after.enum?.includes(value))
  if (after.enum && lost.length > 0) return 'converted'
  const isSame =
    before.type === after.type &&
    (before.length || '') === (after.length || '') &&
    (before.isArray ?? false) === (after.isArray ?? false) &&
    (before.unsigned ?? false) === (after.unsigned ?? false) &&
    (before.precision ?? undefined) === (after.precision ?? before.precision ?? undefined) &&
    (before.scale ?? undefined) === (after.scale ?? before.scale ?? undefined)
  if (isSame) return 'settings'
  return isWider(before, after) ? 'widened' : 'converted'
}

const texts = ['char', 'character', 'varchar', 'character varying', 'tinytext', 'text', 'mediumtext', 'longtext']
const integers = ['tinyint', 'smallint', 'mediumint', 'int', 'integer', 'bigint']

/** Whether every value of one type is the same value of the other. */
function isWider(before: TableColumn, after: TableColumnOptions): boolean {
  if ((before.isArray ?? false) !== (after.isArray ?? false)) return false
  if ((before.unsigned ?? false) !== (after.unsigned ?? false)) return false
  const [from, to] = [before.type, after.type]
  const [fromText, toText] = [texts.indexOf(from), texts.indexOf(to)]
  if (fromText >= 0 && toText >= 2) {
    // Without a length there is no limit, but for MySQL's texts, which are in order.
    const [fromLength, toLength] = [Number(before.length || Infinity), Number(after.length || Infinity)]
    if (fromText <= 3 && toText <= 3) return toLength >= fromLength
    return fromText <= 3 ? toText >= 5 && fromLength <= 65_535 / 4 : toText >= fromText
  }
  const [fromInteger, toInteger] = [integers.indexOf(from), integers.indexOf(to)]
  if (fromInteger >= 0 && toInteger >= 0) return toInteger >= fromInteger
  if ((from === 'float' || from === 'real') && to.startsWith('double')) return true
  if (from === to && (from === 'decimal' || from === 'numeric')) {
    const digits = (c: { precision?: number | null; scale?: number }) => (c.precision ?? Infinity) - (c.scale ?? 0)
    return digits(after) >= digits(before) && (after.scale ?? 0) >= (before.scale ?? 0)
  }
  return false
}
