import { RowshiftError } from '../../../errors/rowshift-error.js'
import type { PrismaRegistry, RegistryField, RegistryModel } from '../registry.js'
import { versionColumnIn, versionIn } from './schema-version.js'

/* Of what Prisma hands to generators, the parts that are read, by structure: 6 and 7 name them alike. */

export interface DatamodelField {
  readonly kind: string
  readonly name: string
  readonly type: string
  readonly documentation?: string
  readonly dbName?: string | null
  readonly nativeType?: readonly [string, readonly string[]] | null
  readonly isRequired: boolean
  readonly isList: boolean
  readonly isId: boolean
  readonly isUnique: boolean
  readonly default?: unknown
  readonly isUpdatedAt?: boolean
}

export interface Datamodel {
  readonly models: readonly {
    readonly name: string
    readonly dbName: string | null
    readonly schema?: string | null
    readonly documentation?: string
    readonly fields: readonly DatamodelField[]
    readonly primaryKey: { readonly fields: readonly string[] } | null
    readonly uniqueFields: readonly (readonly string[])[]
  }[]
  readonly enums: readonly {
    readonly name: string
    readonly values: readonly { readonly name: string; readonly dbName?: string | null }[]
  }[]
}

/** @throws RowshiftError UNSUPPORTED_DATABASE, VERSION_INVALID, VERSION_DUPLICATE, COLUMN_TYPE_MISMATCH */
export function readRegistry(provider: string, { models, enums }: Datamodel): PrismaRegistry {
  if (provider !== 'postgresql' && provider !== 'mysql' && provider !== 'sqlite') {
    throw new RowshiftError('UNSUPPORTED_DATABASE', {
      message: `rowshift knows postgresql, mysql and sqlite, not "${provider}". Remove its generator from this schema.`,
      details: { provider },
    })
  }
  return {
    format: 1,
    provider,
    models: Object.fromEntries(models.map((model) => [model.name, readModel(model)])),
    enums: Object.fromEntries(
      enums.map(({ name, values }) => [
        name,
        Object.fromEntries(values.map((value) => [value.name, value.dbName ?? value.name])),
      ]),
    ),
  }
}

function readModel(model: Datamodel['models'][number]): RegistryModel {
  const columns = model.fields.filter(({ kind }) => kind === 'scalar' || kind === 'enum')
  const versionColumn = versionColumnIn(columns, model.name)
  const named = (test: (field: DatamodelField) => boolean) => columns.filter(test).map(({ name }) => name)
  return {
    table: model.dbName ?? model.name,
    schema: model.schema ?? null,
    version: versionIn(model.documentation, model.name) ?? null,
    key: model.primaryKey?.fields ?? named(({ isId }) => isId),
    uniques: [...named(({ isUnique }) => isUnique).map((name) => [name]), ...model.uniqueFields],
    fields: Object.fromEntries(columns.map((field) => [field.name, readField(field)])),
    relations: Object.fromEntries(
      model.fields.filter(({ kind }) => kind === 'object').map(({ name, type }) => [name, type]),
    ),
    ...(versionColumn && { versionColumn }),
  }
}

function readField(field: DatamodelField): RegistryField {
  const [native, settings = []] = field.nativeType ?? []
  const clientFills = fillOfClient(field)
  return {
    column: field.dbName ?? field.name,
    type: field.type,
    ...(native !== undefined && { nativeType: [native, ...settings] as const }),
    isNullable: !field.isRequired,
    isList: field.isList,
    fillsItself: isDefaultOfDatabase(field.default),
    ...(clientFills && { clientFills }),
  }
}

/** What the client makes up, such as `uuid()`, no row of the table gets by itself. */
const defaultsOfClient = ['uuid', 'cuid', 'ulid', 'nanoid', 'auto']

function fillOfClient({ default: value, isUpdatedAt }: DatamodelField): RegistryField['clientFills'] {
  if (isUpdatedAt) return 'moment'
  if (value === undefined || isDefaultOfDatabase(value)) return undefined
  const { name, args = [] } = value as { readonly name: string; readonly args?: readonly unknown[] }
  if (name !== 'uuid') return 'other'
  return args[0] === 7 ? 'uuid7' : 'uuid4'
}

function isDefaultOfDatabase(value: unknown): boolean {
  if (value === undefined) return false
  const { name } = value as { readonly name?: string }
  return name === undefined || !defaultsOfClient.includes(name)
}
