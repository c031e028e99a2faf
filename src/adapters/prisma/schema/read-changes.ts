import { writeTableName } from '../../../backfill/definition/table-name.js'
import type { TableName } from '../../../dialects/table.js'
import type { TableChange } from '../../schema.js'
import type { PrismaRegistry, RegistryModel } from '../registry.js'
import { describeField, kindOfChange } from './column-types.js'

/** A model's table, and how it differs from what the schema says. */
export interface ModelChange extends TableChange {
  readonly name: TableName
  readonly version: string | undefined
  /** What the model is called in the schema of the database; undefined for a new table. */
  readonly oldModel: string | undefined
}

/**
 * Compares the models with the tables.
 * @param schema of tables for which the schema file names none
 * @param isTouched whether Prisma would change anything of a table, indexes and constraints included
 */
export function readChanges(
  before: PrismaRegistry,
  after: PrismaRegistry,
  schema: string | undefined,
  isTouched: (table: TableName) => boolean,
): readonly ModelChange[] {
  const old = new Map(Object.entries(before.models).map(([name, model]) => [keyOf(model), { name, model }]))
  return Object.entries(after.models).map(([entity, model]) => {
    const found = old.get(keyOf(model))
    const name = { schema: model.schema ?? schema, name: model.table }
    return readChange({ entity, name, before, after, oldModel: found?.name, old: found?.model, model, isTouched })
  })
}

/** Models of the database that the schema has no more. */
export function goneModels(before: PrismaRegistry, after: PrismaRegistry): readonly RegistryModel[] {
  const wanted = new Set(Object.values(after.models).map(keyOf))
  return Object.values(before.models).filter((model) => !wanted.has(keyOf(model)))
}

const keyOf = ({ schema, table }: RegistryModel): string => JSON.stringify([schema, table])

function readChange({
  entity,
  name,
  before,
  after,
  oldModel,
  old,
  model,
  isTouched,
}: {
  readonly entity: string
  readonly name: TableName
  readonly before: PrismaRegistry
  readonly after: PrismaRegistry
  readonly oldModel: string | undefined
  readonly old: RegistryModel | undefined
  readonly model: RegistryModel
  isTouched(table: TableName): boolean
}): ModelChange {
  const [found, wanted] = [Object.entries(old?.fields ?? {}), Object.entries(model.fields)]
  const foundBy = new Map(found.map(([, field]) => [field.column, field]))
  const wantedBy = new Map(wanted.map(([, field]) => [field.column, field]))
  const describeOld = ([name, field]: (typeof found)[number]) => describeField(before, field, old!.key.includes(name))
  const describeNew = ([name, field]: (typeof wanted)[number]) => describeField(after, field, model.key.includes(name))
  const changed = found.flatMap((entry) => {
    const [, field] = entry
    const target = wanted.find(([, { column }]) => column === field.column)
    if (!target) return []
    const isPrimary = old!.key.includes(entry[0])
    const kind = kindOfChange({ registry: before, field, isPrimary }, { registry: after, field: target[1], isPrimary })
    return kind === undefined ? [] : [{ before: describeOld(entry), after: describeNew(target), kind }]
  })
  const added = wanted.filter(([, { column }]) => !foundBy.has(column)).map(describeNew)
  const dropped = found.filter(([, { column }]) => !wantedBy.has(column)).map(describeOld)
  return {
    table: writeTableName(name),
    name,
    entity,
    target: entity,
    version: model.version ?? undefined,
    oldModel,
    related: [],
    isNew: old === undefined,
    isChanged: old === undefined || added.length + dropped.length + changed.length > 0 || isTouched(name),
    columns: found.map(describeOld),
    added,
    dropped,
    changed,
    columnOf: (property) => (model.fields[property] ?? old?.fields[property])?.column,
  }
}
