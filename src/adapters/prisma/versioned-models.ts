import { RowshiftError } from '../../errors/rowshift-error.js'
import type { VersionsWithin } from '../../schema-version/define-versions.js'
import { fieldsOf } from '../../schema-version/fields.js'
import type { UpgradeOnReadOptions, VersionedRows } from '../../schema-version/upgrade-on-read.js'
import { type History, historyOf } from '../../schema-version/version-history.js'
import { delegateName } from './mapped-model.js'
import type { ModelNames, Scalars } from './model-tokens.js'
import type { PrismaRegistry, RegistryModel } from './registry.js'

/** What the extension is told of rows that carry their version. `C` is the client. */
export interface UpgradeOnReadModels<C> extends UpgradeOnReadOptions {
  /** What `defineVersions` returned, by the name that the client has for the model. */
  readonly versions: unknown extends C
    ? { readonly [model: string]: VersionsWithin<unknown> }
    : { readonly [K in ModelNames<C>]?: VersionsWithin<keyof Scalars<C[K]>> }
}

/** A model whose rows carry their version. */
export interface VersionedModel extends VersionedRows {
  readonly model: RegistryModel
  /** Fields that tell a row from all others. */
  readonly key: readonly string[]
  /** Its fields that some version has. */
  readonly fields: readonly string[]
}

/**
 * The models with a version column for which there are versions, by their names in the schema.
 * @throws RowshiftError ENTITY_NOT_FOUND, VERSION_MISSING, COLUMN_NOT_FOUND, INVALID_CONFIG, VERSION_UNKNOWN
 */
export function versionedModels(
  registry: PrismaRegistry,
  versions: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, VersionedModel> {
  const models = Object.entries(versions).map(([name, of]) => versionedModel(registry, name, of))
  return new Map(models.map((model) => [model.entity, model]))
}

/**
 * A model by the name that the client has for it, and what its versions are.
 * @throws as {@link versionedModels}
 */
export function versionedModel(registry: PrismaRegistry, name: string, of: unknown): VersionedModel {
  const entity = Object.keys(registry.models).find((model) => delegateName(model) === name)
  if (entity === undefined) {
    throw new RowshiftError('ENTITY_NOT_FOUND', {
      message: `the registry has no model "${name}". Run \`prisma generate\`, so that it is written anew from the schema.`,
      details: { entity: name },
    })
  }
  return carrying(entity, registry.models[entity]!, historyOf(of))
}

function carrying(entity: string, model: RegistryModel, history: History | undefined): VersionedModel {
  const { version, versionColumn } = model
  if (!history) {
    throw new RowshiftError('INVALID_CONFIG', {
      message: `there are no versions for ${entity}: give what \`defineVersions\` returned.`,
      details: { entity },
    })
  }
  if (version === null) {
    throw new RowshiftError('VERSION_MISSING', {
      message: `model ${entity} states no version. Write \`/// @schemaVersion\` and its version above it, and run \`prisma generate\`.`,
      details: { entity },
    })
  }
  if (!versionColumn) {
    throw new RowshiftError('COLUMN_NOT_FOUND', {
      message: `model ${entity} has no field for the version of each row. Write \`/// @schemaVersionColumn\` above one that is a \`String?\`, and run \`prisma generate\`.`,
      details: { entity },
    })
  }
  history.requireShape(version)
  const named = new Set(history.versions.flatMap((one) => [...fieldsOf(history.requireShape(one)).names]))
  return {
    entity,
    model,
    column: { property: versionColumn.field, none: versionColumn.none ?? undefined },
    version,
    history,
    key: model.key.length > 0 ? model.key : (model.uniques[0] ?? []),
    fields: Object.keys(model.fields).filter((field) => named.has(field)),
  }
}
