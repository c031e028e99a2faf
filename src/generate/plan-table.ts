import type { SchemaColumn, TableChange } from '../adapters/schema.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { definitionNames, shadowName } from './names.js'
import type { Rename } from './renames.js'
import type { EntityVersions, PlannedBackfill, PlannedColumn, TablePlan, VersionHistory } from './table-plan.js'

/** The upgrade that leads to the code's version, if the entity's registry has one. */
export function stepOf(
  versions: EntityVersions,
): { readonly from: string; readonly history: VersionHistory } | undefined {
  const { code, recorded, history } = versions
  if (!history || code === undefined) return undefined
  // Adopted with this very change: what was before is the version before in the registry.
  const from = recorded ?? history.versions[history.versions.indexOf(code) - 1]
  return from !== undefined && history.hasPath(from, code) ? { from, history } : undefined
}

/** Decides how a changed table gets from its recorded version to the code's. */
export function planTable(change: TableChange, versions: EntityVersions, renames: readonly Rename[]): TablePlan {
  const to = versions.code!
  const step = stepOf(versions)
  const shadows = change.changed
    .filter(({ kind }) => kind === 'converted')
    .map(({ after }) => ({ column: after.name, shadow: shadowName(after.name, to) }))
  const choice = { renames, shadows }
  const draft = { change, from: versions.recorded, to, choice }
  const backfill = change.isNew ? undefined : (planBackfill(draft, step) ?? planRewriting(draft, step))
  const dropped = goneColumns(draft)
  return { ...draft, backfill, lost: backfill ? [] : dropped }
}

type Draft = Pick<TablePlan, 'change' | 'to' | 'choice' | 'from'>

/** Dropped for good: neither renamed nor the other half of a column that is converted. */
function goneColumns({ change, choice }: Draft): readonly SchemaColumn[] {
  const kept = new Set([...choice.renames.map(({ from }) => from), ...choice.shadows.map(({ shadow }) => shadow)])
  return change.dropped.filter(({ name }) => !kept.has(name))
}

function planBackfill(
  draft: Draft,
  step: { from: string; history: VersionHistory } | undefined,
): PlannedBackfill | undefined {
  const { change, to, choice } = draft
  const isRenamed = (name: string) => choice.renames.some((rename) => rename.to === name)
  const shadowOf = new Map(choice.shadows.map(({ column, shadow }) => [column, shadow]))
  const isShadow = (name: string) => choice.shadows.some(({ shadow }) => shadow === name)
  const shape = step?.history.shape(to)
  const isInShape = (name: string) =>
    shape !== undefined && Object.keys(shape).some((property) => change.columnOf(property) === name)

  const required = change.changed.filter(
    ({ kind, before, after }) => kind !== 'converted' && before.isNullable && !after.isNullable,
  )
  const isNew = new Set(change.added.map(({ name }) => name))
  // An expanded table has the column already: nullable, where the entity wants a value.
  const added = change.added.filter(
    ({ name, isNullable, fillsItself }) =>
      !isRenamed(name) && ((!isNullable && !fillsItself) || (isInShape(name) && !fillsItself)),
  )
  const converted = change.changed.filter(({ kind }) => kind === 'converted')
  const write = [
    ...added.map((after) => ({ after, column: after.name })),
    ...converted.map(({ after }) => ({ after, column: shadowOf.get(after.name)! })),
    ...required.map(({ after }) => ({ after, column: after.name })),
  ]
  if (write.length === 0) return undefined

  const gone = new Set(goneColumns(draft).map(({ name }) => name))
  const before = shapeOf(change, step, step?.from)
  const after = shapeOf(change, step, to)
  // Old columns lose their NOT NULL first, and are empty again when the change is taken back.
  const isRelaxed = (name: string) => gone.has(name) || shadowOf.has(name)
  const isOld = (column: SchemaColumn) => !isShadow(column.name) && !isNew.has(column.name)
  const renamedTo = new Map(choice.renames.map(({ from, to }) => [from, to]))
  const later = (name: string) => (gone.has(name) ? undefined : after.find(renamedTo.get(name) ?? name))
  const select = change.columns
    .filter((column) => isOld(column) && column.word !== undefined && before.has(column.name))
    .map((column) => ({
      ...declare(change, column, before, column.isNullable || isRelaxed(column.name)),
      laterProperty: later(column.name),
    }))
  // What fills itself is no work, but part of the row that a downgrade is given.
  const filled = change.added
    .filter(({ name, fillsItself }) => fillsItself && isInShape(name))
    .map((column) => declare(change, column, after, column.isNullable))
  if (step) for (const { after: target } of write) requireInShape(change, step.history, to, after, target.name)
  const written = write.map(({ column, after: target }) => ({
    ...declare(change, target, after, target.isNullable),
    column,
  }))
  const mustHave = write.filter(({ after }) => !after.isNullable)
  const fresh = mustHave.filter(({ column }) => isNew.has(column) || isShadow(column))
  const needsOldValues = gone.size > 0 || converted.length > 0
  const restored = [...gone, ...shadowOf.keys()]
  // A downgrade gives back what its shape names, and no other column.
  const isRestorable = restored.every((name) => select.some(({ column }) => column === name))
  const canDowngrade = step?.history.hasPath(to, step.from) === true && isRestorable
  return {
    ...definitionNames(change.table, to),
    table: change.table,
    select: [...select, ...(canDowngrade && needsOldValues ? filled : [])],
    write: written,
    where:
      fresh.length > 0
        ? { columns: [fresh[0]!.column], joins: 'and' }
        : mustHave.length > 0
          ? { columns: mustHave.map(({ column }) => column), joins: 'or' }
          : { columns: write.map(({ column }) => column), joins: 'and' },
    mayStayNull: mustHave.length === 0,
    step: step && { ...step, to },
    restored,
    kept: required.map(({ after }) => after.name),
    reverse: !needsOldValues ? 'not-needed' : canDowngrade ? 'downgrade' : 'lost',
  }
}

/** Values that change while their columns stay: all that is known is that the upgrade is a function. */
function planRewriting(
  draft: Draft,
  step: { from: string; history: VersionHistory } | undefined,
): PlannedBackfill | undefined {
  const { change, to } = draft
  const isSettled = change.added.length + change.dropped.length === 0
  if (!step || !isSettled || !step.history.hasFunction(step.from, to)) return undefined
  const [before, after] = [shapeOf(change, step, step.from), shapeOf(change, step, to)]
  const columns = change.columns.filter(({ name, word }) => word !== undefined && before.has(name) && after.has(name))
  const isNullable = new Map(change.changed.map(({ after }) => [after.name, after.isNullable]))
  const declared = (shapes: ColumnShapes) =>
    columns.map((column) => ({
      ...declare(change, column, shapes, column.isNullable || isNullable.get(column.name) === true),
      laterProperty: after.property(column.name),
    }))
  const isPrimary = new Set(columns.filter((column) => column.isPrimary).map(({ name }) => name))
  const write = declared(after).filter(({ column }) => !isPrimary.has(column))
  if (write.length === 0) return undefined
  return {
    ...definitionNames(change.table, to),
    table: change.table,
    select: declared(before),
    write,
    where: undefined,
    mayStayNull: false,
    step: { ...step, to },
    restored: write.map(({ column }) => column),
    kept: [],
    reverse: step.history.hasPath(to, step.from) ? 'downgrade' : 'lost',
  }
}

/** A version's shape by column: the property and what is declared. Knows every column where there is no shape. */
interface ColumnShapes {
  has(column: string): boolean
  property(column: string): string
  /** The property, if the shape has the column. */
  find(column: string): string | undefined
  declared(column: string): unknown
}

function shapeOf(
  change: TableChange,
  step: { readonly history: VersionHistory } | undefined,
  version: string | undefined,
): ColumnShapes {
  const shape = version === undefined ? undefined : step?.history.shape(version)
  const entries = Object.entries(shape ?? {}).map(([property, declared]) => [
    change.columnOf(property),
    { property, declared },
  ])
  const byColumn = new Map(entries as [string, { property: string; declared: unknown }][])
  const has = (column: string) => shape === undefined || byColumn.has(column)
  const property = (column: string) => byColumn.get(column)?.property ?? column
  return {
    has,
    property,
    find: (column) => (has(column) ? property(column) : undefined),
    declared: (column) => byColumn.get(column)?.declared,
  }
}

/** What is filled comes out of the upgrade. @throws RowshiftError UNSUPPORTED_CHANGE */
function requireInShape(
  change: TableChange,
  history: VersionHistory,
  version: string,
  shape: ColumnShapes,
  column: string,
): void {
  if (shape.has(column)) return
  throw new RowshiftError('UNSUPPORTED_CHANGE', {
    message: `"${change.table}.${column}" has to be filled, and the versions \`${history.exportName}\` of "${change.entity}" have no such column in ${version}. Add it to that version, and to what its upgrade returns.`,
    details: { table: change.table, column, version },
  })
}

function declare(change: TableChange, column: SchemaColumn, shapes: ColumnShapes, isNullable: boolean): PlannedColumn {
  const declared = shapes.declared(column.name)
  const values = Array.isArray(declared)
    ? (declared as readonly (string | null)[])
    : declared === undefined
      ? column.values
      : undefined
  return {
    column: column.name,
    property: shapes.property(column.name),
    laterProperty: shapes.property(column.name),
    word: nullableAs(
      declaredWord(declared) ?? wordOf(change, column),
      isNullable || values?.includes(null as never) === true,
    ),
    values: values?.filter((value) => value !== null),
    isTyped: typeof declared === 'object' && !Array.isArray(declared),
  }
}

const nullableAs = (word: string, isNullable: boolean): string => `${word.replace('?', '')}${isNullable ? '?' : ''}`

/** The word that a shape declares a column by; lists of values and typed JSON are texts and JSON to the database. */
function declaredWord(column: unknown): string | undefined {
  if (typeof column === 'string') return column
  if (Array.isArray(column)) return 'text'
  const type = (column as { type?: unknown } | undefined)?.type
  return typeof type === 'string' ? type : undefined
}

function wordOf(change: TableChange, column: SchemaColumn): string {
  if (column.word !== undefined) return column.word
  throw new RowshiftError('UNSUPPORTED_CHANGE', {
    message: `"${change.table}.${column.name}" is ${column.type}, which definitions have no word for, so it cannot be filled by one. Add it nullable and fill it in a migration of your own.`,
    details: { table: change.table, column: column.name },
  })
}
