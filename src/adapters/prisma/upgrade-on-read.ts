import { stampNewRow, upgradedValues, upgradeRow, type VersionedRow } from '../../schema-version/upgrade-on-read.js'
import { loadJsonNull } from './client-runtime.js'
import { delegateName } from './mapped-model.js'
import type { PrismaRegistry } from './registry.js'
import { newRowsOf, newRowsWithin, rowsOf } from './related-rows.js'
import { type UpgradeOnReadModels, type VersionedModel, versionedModels } from './versioned-models.js'

/** What Prisma hands to an extension for each operation. */
interface Call {
  readonly model: string
  readonly operation: string
  /** A copy, which is the extension's to change. */
  readonly args: Args
  query(args: object, internals?: Internals): Promise<unknown>
  readonly __internalParams: Internals
}

type Args = Record<'where' | 'data' | 'create' | 'update', unknown>

/** Undocumented, but what Prisma's own extensions look at, and the same in 6 and 7. */
interface Internals {
  /** Where the fluent API goes from the model: `['select', 'settings']` of `owner.findUnique(…).settings()`. */
  readonly dataPath?: readonly string[]
  readonly transaction?: { readonly kind: 'itx' | 'batch' } | undefined
}

/** The operations that answer with rows as they are. */
const givesRows = new Set([
  'findUnique',
  'findUniqueOrThrow',
  'findFirst',
  'findFirstOrThrow',
  'findMany',
  'create',
  'createManyAndReturn',
  'update',
  'updateManyAndReturn',
  'upsert',
  'delete',
])

/**
 * Takes rows of earlier versions along when the client reads them, nested ones too, and gives new rows the version of the code.
 * Before one row is updated it is brought to that version, so that no row is of two.
 */
export function upgradeOnRead<C>(registry: PrismaRegistry, options: UpgradeOnReadModels<C>) {
  const { newer = 'warn', writeBack = false } = options
  const models = versionedModels(registry, options.versions)

  // Its types say less than Prisma hands over.
  return async (given: object): Promise<unknown> => {
    const call = given as Call
    const { model, operation, args } = call
    for (const [name, row] of newRows(call)) {
      const versioned = models.get(name)
      if (versioned) stampNewRow(row, versioned)
    }
    if (operation === 'update') await bringUpToDate(call, args.data)
    if (operation === 'upsert') await bringUpToDate(call, args.update)
    const result = await call.query(args)
    if (givesRows.has(operation)) {
      for (const [name, row] of rowsOf(registry, modelOf(call, model), result)) await upgrade(call, name, row)
    }
    return result
  }

  function* newRows({ model, operation, args }: Call) {
    if (operation.startsWith('create')) yield* newRowsOf(registry, model, args.data)
    if (operation === 'update') yield* newRowsWithin(registry, model, args.data)
    if (operation !== 'upsert') return
    yield* newRowsOf(registry, model, args.create)
    yield* newRowsWithin(registry, model, args.update)
  }

  function modelOf({ __internalParams: { dataPath = [] } }: Call, model: string): string {
    const fields = dataPath.filter((part) => part !== 'select' && part !== 'include')
    return fields.reduce((at, field) => registry.models[at]?.relations[field] ?? at, model)
  }

  async function upgrade(call: Call, name: string, row: VersionedRow): Promise<void> {
    const versioned = models.get(name)
    const before = versioned && upgradeRow(row, versioned, newer, warn)
    if (before && writeBack && call.operation !== 'delete') await write(call, row, before, versioned)
  }

  /** What is written counts on the version of the code: the rest of the row must not stay behind. */
  async function bringUpToDate(call: Call, data: unknown): Promise<void> {
    const versioned = models.get(call.model)
    const changes = Object.keys(data ?? {})
    if (!versioned || changes.includes(versioned.column.property)) return
    const { column, fields, key } = versioned
    if (!fields.some((field) => changes.includes(field))) return
    const select = Object.fromEntries([column.property, ...fields, ...key].map((field) => [field, true]))
    const row = (await beside(call, 'findUnique', { where: call.args.where, select })) as VersionedRow | null
    const before = row && upgradeRow(row, versioned, newer, warn)
    if (before) await write(call, row, before, versioned)
  }
}

const warn = (message: string): void => process.emitWarning(message, { type: 'RowshiftWarning', code: 'VERSION_NEWER' })

/** Only where the row still has the version that was read: whoever was faster wins. */
async function write(call: Call, row: VersionedRow, before: VersionedRow, versioned: VersionedModel): Promise<void> {
  const { entity, model, key, column } = versioned
  // Not selected: which row it is cannot be told.
  if (key.length === 0 || key.some((field) => row[field] === undefined)) return
  const data = upgradedValues(row, before)
  for (const [name, value] of Object.entries(data)) {
    const field = model.fields[name]
    if (value === null && field?.type === 'Json') data[name] = await loadJsonNull(field.isNullable)
  }
  const where = Object.fromEntries(key.map((field) => [field, before[field] ?? row[field]]))
  await beside({ ...call, model: entity }, 'updateMany', {
    where: { ...where, [column.property]: before[column.property] },
    data,
  })
}

/**
 * A further operation on the connection of this one. The statements of `$transaction([…])` are counted beforehand: around them it is
 * one by itself.
 */
function beside({ model, query, __internalParams }: Call, action: string, args: object): Promise<unknown> {
  const { transaction } = __internalParams
  const internals = {
    ...__internalParams,
    model,
    action,
    clientMethod: `${delegateName(model)}.${action}`,
    dataPath: [],
    transaction: transaction?.kind === 'batch' ? undefined : transaction,
    unpacker: undefined,
  }
  return query(args, internals)
}
