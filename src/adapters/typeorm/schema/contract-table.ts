import type { Table } from 'typeorm'
import type { Dialect } from '../../../dialects/dialect.js'
import type { TableChoice } from '../../schema.js'
import type { RehearsedSchema } from './builder.js'
import { type Add, changeColumns, type Executing, queriesOf, quoted, unsupported } from './column-changes.js'
import type { EntityChange } from './table-changes.js'

/* Whatever demands more or takes away, once every row fits. */

export async function contractTable(
  schema: RehearsedSchema,
  dialect: Dialect,
  change: EntityChange,
  choice: TableChoice,
  add: Add,
): Promise<void> {
  const { queryRunner } = schema
  const builder = schema.builderFor(change.metadata)
  const table = schema.table(change.metadata)!
  const path = builder.getTablePath(table)
  const wanted = schema.columnsOf(change.metadata)
  const find = (name: string) => table.columns.find((column) => column.name === name)
  const shadowOf = new Map(choice.shadows.map(({ column, shadow }) => [column, shadow]))
  const fromOf = new Map(choice.renames.map(({ from, to }) => [to, from]))

  const tightened = wanted.flatMap(({ options }) => {
    const oldColumn = find(shadowOf.get(options.name) ?? fromOf.get(options.name) ?? options.name)
    if (!oldColumn?.isNullable || options.isNullable) return []
    const newColumn = oldColumn.clone()
    newColumn.isNullable = false
    return [{ oldColumn, newColumn }]
  })
  if (tightened.length > 0) {
    const names = tightened.map(({ oldColumn }) => quoted(oldColumn.name)).join(', ')
    await add(`${names}: every row has a value, and new ones must`, () => changeColumns(schema, table, tightened))
  }

  for (const { column, shadow } of choice.shadows) {
    await add(`${quoted(shadow)} takes the place of ${quoted(column)}`, async () => {
      await builder.dropColumnReferencedForeignKeys(path, column)
      await builder.dropColumnCompositeIndices(path, column)
      if (dialect.name !== 'mysql') await builder.dropColumnCompositeUniques(path, column)
      await queryRunner.dropColumn(table, find(column)!)
      await rename(schema, dialect, change, table, shadow, column)
    })
  }
  for (const { from, to } of choice.renames) {
    await add(`${quoted(from)} is ${quoted(to)} from here on`, () => queryRunner.renameColumn(table, find(from)!, to))
  }
  if (choice.renames.length > 0) {
    await add(`constraints that "${change.table}" no longer has`, async () => {
      await builder.dropOldForeignKeys()
      await builder.dropOldChecks()
      await builder.dropOldExclusions()
      await builder.dropCompositeUniqueConstraints()
    })
  }
  await add('the primary key', () => builder.updatePrimaryKeys())
  requireNoConversion(schema, change, table)
  await add(`settings of columns of "${change.table}"`, async () => {
    const changed = schema.driver.findChangedColumns(table.columns, change.metadata.columns)
    await builder.updateExistColumns()
    await builder.changeTableComment()
    const isChanged = new Set(changed.map(({ databaseName }) => databaseName))
    for (const { options } of wanted) if (isChanged.has(options.name)) Object.assign(find(options.name)!, options)
  })
}

/** A shadow gets the name of its column. TypeORM would ask the database for the type of a column that is not there yet. */
async function rename(
  schema: RehearsedSchema,
  dialect: Dialect,
  change: EntityChange,
  table: Table,
  shadow: string,
  column: string,
): Promise<void> {
  const { queryRunner } = schema
  const current = table.columns.find(({ name }) => name === shadow)!
  if (dialect.name !== 'postgres' || !current.enumName)
    return void (await queryRunner.renameColumn(table, current, column))
  const { enumName } = current
  const target = schema.columnsOf(change.metadata).find(({ options }) => options.name === column)!.options
  const finalName = target.enumName ?? `${change.name.name}_${column}_enum`
  // Renamed as a text column would be, and its type by a statement of its own.
  Object.assign(current, { type: 'text', enumName: undefined })
  await queryRunner.renameColumn(table, current, column)
  const runner = queryRunner as unknown as Executing
  const renameType = (from: string, to: string) => queriesOf(dialect.ddl.renameType(change.name.schema, from, to))
  await runner.executeQueries(renameType(enumName, finalName), renameType(finalName, enumName))
  const renamed = table.columns.find(({ name }) => name === column)!
  Object.assign(renamed, { type: 'enum', enumName: target.enumName })
}

export async function addConstraints(
  schema: RehearsedSchema,
  dialect: Dialect,
  change: EntityChange,
  add: Add,
): Promise<void> {
  const builder = schema.builderFor(change.metadata)
  const table = schema.table(change.metadata)!
  const before = new Set(table.foreignKeys.map(({ name }) => name))
  await add(`indexes and constraints of "${change.table}"`, async () => {
    await builder.dropOldIndices()
    await builder.createNewIndices()
    await builder.createNewChecks()
    await builder.createNewExclusions()
    await builder.createCompositeUniqueConstraints()
    // Said before the keys are made, so that it is taken back after them.
    const added = change.metadata.foreignKeys.filter(({ name }) => !before.has(name))
    await forgetForeignKeyIndexes(schema, dialect, change, table, added)
    await builder.createForeignKeys()
  })
}

/** MySQL gives a foreign key an index if it needs one, and keeps that when the foreign key is dropped. */
async function forgetForeignKeyIndexes(
  schema: RehearsedSchema,
  dialect: Dialect,
  change: EntityChange,
  table: Table,
  added: readonly { readonly name: string; readonly columnNames: readonly string[] }[],
): Promise<void> {
  const runner = schema.queryRunner as unknown as Executing
  for (const { name, columnNames } of added) {
    const indexes = [...table.indices.map((index) => index.columnNames), table.primaryColumns.map(({ name }) => name)]
    const isCovered = indexes.some((columns) => columnNames.every((column, i) => columns[i] === column))
    if (isCovered) continue
    await runner.executeQueries([], queriesOf(dialect.ddl.dropForeignKeyIndex(change.name, name)))
  }
}

export async function dropColumns(
  schema: RehearsedSchema,
  change: EntityChange,
  choice: TableChoice,
  add: Add,
): Promise<void> {
  const table = schema.table(change.metadata)!
  const gone = new Set(change.dropped.map(({ name }) => name))
  const columns = table.columns.filter(
    ({ name }) => gone.has(name) && !choice.renames.some(({ from }) => from === name),
  )
  if (columns.length === 0) return
  const names = columns.map(({ name }) => quoted(name)).join(', ')
  await add(`${names}: no longer part of the entity`, () => schema.queryRunner.dropColumns(table, columns))
}

/** TypeORM changes a type by dropping the column with its data: that must never come out of here. */
function requireNoConversion(schema: RehearsedSchema, change: EntityChange, table: Table): void {
  const wanted = schema.columnsOf(change.metadata)
  for (const { options } of wanted) {
    const column = table.columns.find(({ name }) => name === options.name)
    if (!column) continue
    const isSame =
      column.type === options.type &&
      (column.length || '') === (options.length || '') &&
      (column.isArray ?? false) === (options.isArray ?? false)
    if (!isSame) throw unsupported(change, `"${options.name}" is of another type (${column.type}, not ${options.type})`)
  }
}
