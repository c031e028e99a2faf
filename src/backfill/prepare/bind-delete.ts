import type { Database } from '../../adapters/database.js'
import type { Dialect, Reference } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { keyedBy, storedColumns, type TableName, tableText } from '../../dialects/table.js'
import type { Archive } from '../batch/archive.js'
import type { RangeAction } from '../batch/range-action.js'
import { removeRange } from '../batch/remove-range.js'
import type { BackfillDefinition, DeleteWork } from '../definition/definition.js'
import { isNamed, parseTableName } from '../definition/table-name.js'
import type { Binder } from './binder.js'

/** Checks what is deleted along with the rows and where they go, before any row is read. */
export function* bindDelete(
  database: Database,
  definition: BackfillDefinition,
  { archive, cascade }: DeleteWork,
  binder: Binder,
): Script<RangeAction> {
  const { dialect } = database
  const { info } = binder
  for (const { name, table, schema, onDelete } of yield* cascadesOf(dialect, info.table)) {
    if (cascade.some((named) => isNamed(named, table, schema))) continue
    binder.fail(
      'CASCADE_NOT_NAMED',
      `deleting from "${tableText(info.table)}" would change "${tableText(table)}" as well (${name}, ON DELETE ${onDelete.toUpperCase()}), and that is neither archived nor undone. If it is meant, name the table: cascade: ['${tableText(table)}'].`,
      { foreignKey: name, referencing: tableText(table), onDelete },
    )
  }
  const bound = archive && (yield* bindArchive(database, archive.source, binder))
  return removeRange(info, bound, definition.journal !== undefined)
}

/** What the database does by itself when rows are deleted: to the tables that refer to them, and to those that refer to these in turn. */
function* cascadesOf(dialect: Dialect, table: TableName): Script<readonly Reference[]> {
  const found = new Map<string, Reference>()
  const tables = [table]
  for (const one of tables) {
    for (const reference of yield* dialect.references(one)) {
      const { name, onDelete, schema } = reference
      const id = JSON.stringify([schema, reference.table.name, name])
      if (onDelete === 'no action' || onDelete === 'restrict' || found.has(id)) continue
      found.set(id, reference)
      if (onDelete === 'cascade') tables.push(reference.table)
    }
  }
  return [...found.values()]
}

function* bindArchive(database: Database, source: unknown, binder: Binder): Script<Archive> {
  const { dialect } = database
  const { info } = binder
  const table = typeof source === 'string' ? parseTableName(source) : database.mapping(source).table
  const [from, to] = [tableText(info.table), tableText(table)]
  if (from === to) binder.fail('INVALID_DEFINITION', `\`archive.into\` is "${to}", the table itself.`)
  const found = yield* dialect.introspect(table)
  for (const column of storedColumns(info)) {
    const twin = found.columns.get(column.name)
    if (!twin) {
      binder.fail(
        'COLUMN_NOT_FOUND',
        `the archive "${to}" has no column "${column.name}", which "${from}" has. Add it, so that nothing is lost.`,
        { column: column.name, archive: to },
      )
    } else if (twin.type !== column.type) {
      binder.fail(
        'COLUMN_TYPE_MISMATCH',
        `column "${column.name}" is ${column.type} in "${from}" and ${twin.type} in the archive "${to}", so values could change on their way. Give them one type.`,
        { column: column.name, archive: to, type: column.type, archiveType: twin.type },
      )
    }
  }
  const keyed = keyedBy(
    found,
    info.key.map(({ name }) => found.columns.get(name)!),
  )
  if (!keyed) {
    return binder.fail(
      'UNIQUE_NEEDS_INDEX',
      `the archive "${to}" needs a unique index on ${info.key.map(({ name }) => name).join(', ')}, the key of "${from}": by it rows are found there when they are moved back. Create it before the backfill.`,
      { archive: to },
    )
  }
  const writable = new Set(storedColumns(found).map(({ name }) => name))
  // A column that the table computes may be a plain one in the archive.
  const columns = [...info.columns.values()].filter(({ name }) => writable.has(name))
  return { info: keyed, columns, returned: storedColumns(info) }
}
