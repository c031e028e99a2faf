import type { StatedTable } from '../database.js'
import type { PrismaRegistry } from './registry.js'

/** The tables of all models, and the versions that the schema states; none without a registry. */
export function statedModels(registry: PrismaRegistry | undefined, schema: string | undefined): readonly StatedTable[] {
  return Object.entries(registry?.models ?? {}).map(([name, model]) => ({
    entity: name,
    table: { schema: model.schema ?? schema, name: model.table },
    version: model.version ?? undefined,
    of: undefined,
    columns: Object.values(model.fields).map(({ column, isNullable }) => ({ name: column, isNullable })),
  }))
}
