import type { Table, TableColumn } from 'typeorm'
import type { Dialect } from '../../../dialects/dialect.js'
import type { TableChoice } from '../../schema.js'
import type { RehearsedSchema } from './builder.js'
import { type Add, type ColumnPair, changeColumns, type Executing, queriesOf, quoted } from './column-changes.js'
import type { EntityChange } from './table-changes.js'

/* Whatever permits more, so that rows of both versions fit and old code goes on. */

export async function createTable(schema: RehearsedSchema, change: EntityChange, add: Add): Promise<void> {
  const builder = schema.builderFor(change.metadata)
  const before = builder.tables.length
  await add(`the table "${change.table}"`, () => builder.createNewTables())
  // The query runner must find it as well, or it would look for it in the database.
  const loaded = (schema.queryRunner as unknown as { loadedTables: Table[] }).loadedTables
  for (const table of builder.tables.slice(before)) if (!loaded.includes(table)) loaded.push(table)
  await add(`indexes of "${change.table}"`, () => builder.createNewIndices())
}

export async function expandTable(
  schema: RehearsedSchema,
  dialect: Dialect,
  change: EntityChange,
  choice: TableChoice,
  add: Add,
): Promise<void> {
  const { queryRunner } = schema
  const builder = schema.builderFor(change.metadata)
  const table = schema.table(change.metadata)!
  // Renaming a column renames what is named after it; until then the old names are no leftovers.
  if (choice.renames.length === 0) {
    await add(`constraints that "${change.table}" no longer has`, async () => {
      await builder.dropOldForeignKeys()
      await builder.dropOldChecks()
      await builder.dropOldExclusions()
      await builder.dropCompositeUniqueConstraints()
      const outdated = table.indices.filter((index) => {
        const metadata = change.metadata.indices.find(({ name }) => name === index.name)
        return index.isUnique && builder.shouldDropIndices(metadata, index)
      })
      for (const index of outdated) await queryRunner.dropIndex(table, index)
    })
  }
  for (const part of changeKinds(schema, dialect, change, choice)) {
    const changed = part.changes(table)
    if (changed.length === 0) continue
    const names = changed.map(({ oldColumn }) => quoted(oldColumn.name)).join(', ')
    await add(`${names}: ${part.what}`, () => part.run(table, changed))
  }
  const renamed = new Set(choice.renames.map(({ to }) => to))
  const added = newColumns(schema, dialect, change, choice).filter((column) => !renamed.has(column.name))
  if (added.length === 0) return
  const required = added.filter((column) => column.isNullable)
  const names = added.map(({ name }) => quoted(name)).join(', ')
  await add(`${names}: new${required.length > 0 ? ', nullable until every row has a value' : ''}`, () =>
    queryRunner.addColumns(table, added),
  )
}

/** Columns as they are added: without what rows that are there cannot fulfil. */
function newColumns(
  schema: RehearsedSchema,
  dialect: Dialect,
  change: EntityChange,
  choice: TableChoice,
): TableColumn[] {
  const table = schema.table(change.metadata)!
  const isThere = (name: string) => table.columns.some((column) => column.name === name)
  const create = columnMaker(table)
  const wanted = schema.columnsOf(change.metadata)
  const own = wanted
    .filter(({ options }) => !isThere(options.name))
    .map(({ options }) => {
      const column = create(options)
      const isFilled = change.added.find(({ name }) => name === options.name)?.fillsItself
      if (!isFilled) column.isNullable = true
      column.isPrimary = false
      return column
    })
  const shadows = choice.shadows
    .filter(({ shadow }) => !isThere(shadow))
    .map(({ column: name, shadow }) => {
      const { options } = wanted.find(({ options }) => options.name === name)!
      const column = create(options)
      column.name = shadow
      column.isNullable = true
      column.isUnique = false
      column.isPrimary = false
      // With a default, rows would look migrated; and a type that is named must not be taken for the old one.
      column.default = undefined
      if (dialect.name === 'postgres' && column.enum && !column.isArray) column.enumName = shadowEnum(change, shadow)
      return column
    })
  return [...own, ...shadows]
}

const shadowEnum = (change: EntityChange, shadow: string): string => `${change.name.name}_${shadow}_enum`

/** TypeORM's own class, of the copy that the application has installed. */
function columnMaker(table: Table): (options: object) => TableColumn {
  const TableColumnClass = table.columns[0]!.constructor as new (options: object) => TableColumn
  return (options) => new TableColumnClass(options)
}

interface ChangeKind {
  readonly what: string
  changes(table: Table): ColumnPair[]
  run(table: Table, changed: ColumnPair[]): Promise<unknown>
}

/** Changes of present columns that every row of both versions can live with. */
function changeKinds(
  schema: RehearsedSchema,
  dialect: Dialect,
  change: EntityChange,
  choice: TableChoice,
): readonly ChangeKind[] {
  const wanted = new Map(schema.columnsOf(change.metadata).map(({ options }) => [options.name, options]))
  const shadowed = new Set(choice.shadows.map(({ column }) => column))
  const renamed = new Set(choice.renames.map(({ from }) => from))
  const pairs = (table: Table, alter: (next: TableColumn, current: TableColumn) => boolean): ColumnPair[] =>
    table.columns.flatMap((oldColumn) => {
      const newColumn = oldColumn.clone()
      return alter(newColumn, oldColumn) ? [{ oldColumn, newColumn }] : []
    })
  const widened = new Set(change.changed.filter(({ kind }) => kind === 'widened').map(({ after }) => after.name))
  return [
    {
      what: 'no longer required, because rows are written without it',
      changes: (table) =>
        pairs(table, (next, current) => {
          if (current.isNullable || current.isPrimary || renamed.has(current.name)) return false
          const target = wanted.get(current.name)
          if (target && !target.isNullable && !shadowed.has(current.name)) return false
          next.isNullable = true
          return true
        }),
      run: (table, changed) => changeColumns(schema, table, changed),
    },
    {
      what: 'further values are allowed',
      changes: (table) =>
        pairs(table, (next, current) => {
          const target = wanted.get(current.name)
          if (!target?.enum || !current.enum || shadowed.has(current.name)) return false
          if (target.enum.every((value) => current.enum!.includes(value))) return false
          next.enum = target.enum
          return true
        }),
      run: (table, changed) => changeColumns(schema, table, changed),
    },
    ...[false, true].map(
      (rewrites): ChangeKind => ({
        what: rewrites
          ? 'a wider type, for which PostgreSQL writes the whole table anew; nobody reads or writes it meanwhile. For a large table take a second column: "Make an integer column wider" in the cookbook of rowshift'
          : 'a wider type; every value stays as it is',
        changes: (table) =>
          pairs(table, (next, current) => {
            if (!widened.has(current.name)) return false
            const { type, length, precision, scale } = wanted.get(current.name)!
            Object.assign(next, { type, length: length ?? '', precision, scale })
            return (dialect.name === 'postgres' && isWrittenAnew(current, next)) === rewrites
          }),
        run: (table, changed) => widen(schema, dialect, change, table, changed),
      }),
    ),
  ]
}

/** PostgreSQL goes on with the values as they are stored only where a limit alone is raised. */
function isWrittenAnew(before: TableColumn, after: TableColumn): boolean {
  const isVarying = (type: string) => ['varchar', 'character varying'].includes(type)
  if (isVarying(before.type)) return !isVarying(after.type) && after.type !== 'text'
  const isNumeric = ['numeric', 'decimal'].includes(before.type) && before.type === after.type
  return !isNumeric || (before.scale ?? 0) !== (after.scale ?? 0)
}

/** TypeORM would drop the column and add it again, empty. */
async function widen(
  schema: RehearsedSchema,
  dialect: Dialect,
  change: EntityChange,
  table: Table,
  changed: ColumnPair[],
): Promise<void> {
  const { queryRunner, driver } = schema
  if (dialect.name === 'sqlite') return changeColumns(schema, table, changed)
  const runner = queryRunner as unknown as Executing & {
    buildCreateColumnSql(column: TableColumn, skipPrimary: boolean, skipName: boolean): string
  }
  const spell = (column: TableColumn) =>
    dialect.name === 'mysql' ? runner.buildCreateColumnSql(column, true, true) : driver.createFullType(column)
  const queries = (column: TableColumn) => queriesOf(dialect.ddl.changeType(change.name, column.name, spell(column)))
  for (const { oldColumn, newColumn } of changed) {
    await runner.executeQueries(queries(newColumn), queries(oldColumn))
    table.columns[table.columns.findIndex(({ name }) => name === oldColumn.name)] = newColumn
  }
}
