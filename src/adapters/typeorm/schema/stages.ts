import type { Table, TableColumn } from 'typeorm'
import type { Dialect } from '../../../dialects/dialect.js'
import type { Statement } from '../../../dialects/sql.js'
import { RowshiftError } from '../../../errors/rowshift-error.js'
import type { SchemaStages, SchemaStep, TableChoice } from '../../schema.js'
import type { RehearsedSchema } from './builder.js'
import type { EntityChange } from './table-changes.js'

/*
 * Expand: whatever permits more, so that rows of both versions fit and old code goes on. Contract: whatever demands more or takes
 * away. Both come from single calls of TypeORM, each rehearsed on the tables as the calls before have left them.
 */

type Task = () => Promise<unknown>

/** Plans the chosen tables. @throws RowshiftError UNSUPPORTED_CHANGE when something would be left to do */
export async function planStages(
  schema: RehearsedSchema,
  dialect: Dialect,
  changes: readonly EntityChange[],
  choices: ReadonlyMap<string, TableChoice>,
): Promise<SchemaStages> {
  const chosen = changes.filter(({ table }) => choices.has(table))
  const expand: SchemaStep[] = []
  const contract: SchemaStep[] = []
  const into = (steps: SchemaStep[], change: EntityChange) => async (what: string, task: Task) => {
    const { up, down } = await schema.rehearse(task)
    if (up.length > 0) steps.push({ table: change.table, what, up, down })
  }
  for (const change of chosen.filter(({ isNew }) => isNew)) await createTable(schema, change, into(expand, change))
  for (const change of chosen.filter(({ isNew }) => isNew)) {
    const builder = schema.builderFor(change.metadata)
    await into(expand, change)(`foreign keys of "${change.table}"`, () => builder.createForeignKeys())
  }
  const existing = chosen.filter(({ isNew }) => !isNew)
  for (const change of existing) {
    await expandTable(schema, dialect, change, choices.get(change.table)!, into(expand, change))
  }
  for (const change of existing) {
    await contractTable(schema, dialect, change, choices.get(change.table)!, into(contract, change))
  }
  // What TypeORM undoes on its way, such as foreign keys that point to a changed column, it makes again at the end.
  for (const change of existing) await addConstraints(schema, dialect, change, into(contract, change))
  for (const change of existing) await dropColumns(schema, change, choices.get(change.table)!, into(contract, change))
  for (const change of chosen) await requireNothingLeft(schema, change)
  return { expand, contract }
}

type Add = (what: string, task: Task) => Promise<void>

async function createTable(schema: RehearsedSchema, change: EntityChange, add: Add): Promise<void> {
  const builder = schema.builderFor(change.metadata)
  const before = builder.tables.length
  await add(`the table "${change.table}"`, () => builder.createNewTables())
  // The query runner must find it as well, or it would look for it in the database.
  const loaded = (schema.queryRunner as unknown as { loadedTables: Table[] }).loadedTables
  for (const table of builder.tables.slice(before)) if (!loaded.includes(table)) loaded.push(table)
  await add(`indexes of "${change.table}"`, () => builder.createNewIndices())
}

async function expandTable(
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

const quoted = (name: string): string => `"${name}"`

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

/** Statements of our own take the way that TypeORM's take. */
interface Executing {
  executeQueries(up: readonly unknown[], down: readonly unknown[]): Promise<void>
}

const queriesOf = (statements: readonly Statement[]) => statements.map(({ text }) => ({ query: text }))

interface ColumnPair {
  readonly oldColumn: TableColumn
  readonly newColumn: TableColumn
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
    {
      what: 'a wider type; every value stays as it is',
      changes: (table) =>
        pairs(table, (next, current) => {
          if (!widened.has(current.name)) return false
          const { type, length, precision, scale } = wanted.get(current.name)!
          Object.assign(next, { type, length: length ?? '', precision, scale })
          return true
        }),
      run: (table, changed) => widen(schema, dialect, change, table, changed),
    },
  ]
}

/** TypeORM changes the database, but not always the columns it holds in memory. */
async function changeColumns(schema: RehearsedSchema, table: Table, changed: ColumnPair[]): Promise<void> {
  await schema.queryRunner.changeColumns(table, changed)
  for (const { newColumn } of changed) {
    const at = table.columns.findIndex(({ name }) => name === newColumn.name)
    table.columns[at] = newColumn
  }
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

async function contractTable(
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

async function addConstraints(
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

async function dropColumns(
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

async function requireNothingLeft(schema: RehearsedSchema, change: EntityChange): Promise<void> {
  const left = await schema.remaining(change.metadata)
  if (left.length > 0) throw unsupported(change, `TypeORM would still run: ${left.map(({ text }) => text).join('; ')}`)
}

function unsupported(change: EntityChange, what: string): RowshiftError {
  return new RowshiftError('UNSUPPORTED_CHANGE', {
    message: `"${change.table}" cannot be changed in one migration: ${what}. Make this change in a migration of your own, or in two steps.`,
    details: { table: change.table },
  })
}
