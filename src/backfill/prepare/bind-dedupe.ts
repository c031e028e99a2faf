import type { Database } from '../../adapters/database.js'
import type { Dialect, Reference } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { isSql, type Sql, sql } from '../../dialects/sql.js'
import { type ColumnInfo, type TableInfo, type TableName, tableText } from '../../dialects/table.js'
import { dedupeRange, type Mark } from '../batch/dedupe-range.js'
import { type BoundReference, duplicatesOf } from '../batch/duplicates.js'
import type { RangeAction } from '../batch/range-action.js'
import type { BackfillDefinition, DedupeWork } from '../definition/definition.js'
import { isNamed, parseTableName } from '../definition/table-name.js'
import { requireIndexOn, requireLookup } from '../pages/look-ups.js'
import type { Binder } from './binder.js'

/** Checks what is the same, what survives and what refers to the rows, before any row is read. `where`: the rows that are looked at. */
export function* bindDedupe(
  database: Database,
  definition: BackfillDefinition,
  work: DedupeWork,
  binder: Binder,
  given: Sql | undefined,
): Script<{ readonly action: RangeAction; readonly where: Sql }> {
  const { dialect } = database
  const { info } = binder
  const columnsOf = (names: readonly string[]) => names.map((name) => binder.bindUndeclared(name).column)
  const byColumns = isSql(work.by) ? undefined : columnsOf(work.by)
  const own = (column: ColumnInfo) => sql`${sql.id(info.table.name)}.${sql.id(column.name)}`
  const by = isSql(work.by) ? [work.by] : byColumns!.map(own)
  const keep = work.keep.map(({ column, end }) => ({ column: binder.bindUndeclared(column).column, end }))
  const mark = work.mark && bindMark(binder, work.mark)
  const references = yield* bindReferences(dialect, work, binder)
  const wanted = [...new Set(references.flatMap(({ referenced }) => referenced))]
  const where = mark ? withoutMarked(dialect, given, mark) : given
  const found = dialect.duplicates({ info, by, keep, where, wanted })
  function* requireLookups(dialect: Dialect): Script<void> {
    if (byColumns) yield* requireIndexOn(dialect, definition.name, info.table, byColumns)
    else yield* requireLookup(dialect, definition.name, info, (key) => found.sameAs(key))
    for (const { info: from, columns } of references)
      yield* requireIndexOn(dialect, definition.name, from.table, columns)
  }
  const duplicates = duplicatesOf(info, found, references, wanted)
  return { action: dedupeRange(info, duplicates, mark, requireLookups), where: found.isOther }
}

function bindMark(binder: Binder, mark: NonNullable<DedupeWork['mark']>): Mark {
  const bound = [...mark].map(([property, value]) => {
    const column = binder.bindUndeclared(property)
    binder.requireWritable(column)
    return { column: column.column, text: value === null ? null : binder.constant(column, value) }
  })
  return { columns: bound.map(({ column }) => column), texts: bound.map(({ text }) => text) }
}

/** Rows that bear the mark have been dealt with. */
function withoutMarked(dialect: Dialect, where: Sql | undefined, { columns, texts }: Mark): Sql {
  const differs = columns.map((column, i) => {
    const text = texts[i]!
    return text === null ? sql`${sql.id(column.name)} is not null` : dialect.isDistinct(column, text)
  })
  const isUnmarked = sql`(${sql.join(differs, ' or ')})`
  return where ? sql`(${where}) and ${isUnmarked}` : isUnmarked
}

/**
 * The columns that are named, each with what it refers to: by its foreign key, or the key of the table. All foreign keys must be named, since each
 * would refuse the deletion, or do something by itself. @throws RowshiftError REFERENCE_NOT_NAMED
 */
function* bindReferences(dialect: Dialect, work: DedupeWork, binder: Binder): Script<readonly BoundReference[]> {
  const { info } = binder
  const known = yield* dialect.references(info.table)
  const met = new Set<Reference>()
  const bound: BoundReference[] = []
  for (const { table: text, columns: names } of work.repoint) {
    const table = parseTableName(text)
    const from = sameTable(table, info.table) ? info : yield* dialect.introspect(table)
    const columns = names.map((name) => from.columns.get(name) ?? failColumn(binder, text, name, from))
    const keys = known.filter(
      (key) =>
        isNamed(text, key.table, key.schema) &&
        key.columns.length === names.length &&
        names.every((name) => key.columns.includes(name)),
    )
    for (const key of keys) met.add(key)
    const [key] = keys
    const referenced = key
      ? names.map((name) => info.columns.get(key.referenced[key.columns.indexOf(name)]!)!)
      : info.key
    if (referenced.length !== names.length) {
      binder.fail(
        'INVALID_DEFINITION',
        `\`repoint\` names ${names.join(', ')} of "${text}", which no foreign key leads from; then ${info.key.length} columns are meant that refer to the key (${info.key.map(({ name }) => name).join(', ')}). Columns that refer together are a list in the list: [['tenant_id', 'user_id']].`,
        { referencing: text },
      )
    }
    bound.push({ info: from, columns, referenced })
  }
  if (work.mark) return bound
  const missed = known.find((key) => !met.has(key))
  if (missed) {
    const { name, table, columns } = missed
    const one = columns.length === 1 ? `'${columns[0]}'` : `[[${columns.map((column) => `'${column}'`).join(', ')}]]`
    binder.fail(
      'REFERENCE_NOT_NAMED',
      `"${tableText(table)}" refers to "${tableText(info.table)}" by the foreign key ${name} (${columns.join(', ')}), and \`repoint\` does not name it: its rows would keep duplicates from being deleted, or be changed along with them. Add it: repoint: { ${JSON.stringify(tableText(table))}: ${one} }.`,
      { foreignKey: name, referencing: tableText(table), columns },
    )
  }
  return bound
}

const sameTable = (a: TableName, b: TableName): boolean => tableText(a) === tableText(b)

function failColumn(binder: Binder, table: string, column: string, { columns }: TableInfo): never {
  return binder.fail(
    'COLUMN_NOT_FOUND',
    `\`repoint\` names a column "${column}" that "${table}" does not have. It has: ${[...columns.keys()].join(', ')}.`,
    { column, referencing: table },
  )
}
