import type { Column } from '../../backfill/definition/columns.js'
import { schemaOfColumns } from '../../schema-version/json-schema/of-columns.js'
import type { JsonSchema } from '../../schema-version/json-schema/types.js'
import type { DataSourceLike } from './data-source.js'
import { columnWord } from './schema/column-word.js'

interface ColumnLike {
  readonly propertyPath: string
  readonly isVirtual: boolean
  readonly isNullable: boolean
  readonly isArray: boolean
  readonly type: unknown
  readonly length?: string
  readonly enum?: readonly (string | number)[]
}

interface MetadataLike {
  readonly name: string
  readonly columns: readonly ColumnLike[]
}

interface DriverLike {
  normalizeType(column: ColumnLike): string
}

/**
 * The JSON Schema of an entity's rows, by its columns: to compare it with a version, or with another entity.
 *
 *   diffSchemas(jsonSchema(user, '1.0.0'), entityJsonSchema(dataSource, User))
 *
 * What TypeORM keeps for itself, such as the columns of relations, has no property and is left out. The data source is initialized.
 */
export function entityJsonSchema(
  dataSource: Pick<DataSourceLike, 'driver' | 'getMetadata'>,
  entity: unknown,
): JsonSchema {
  const { name, columns } = dataSource.getMetadata(entity as never) as unknown as MetadataLike
  const own = columns.filter(({ isVirtual }) => !isVirtual)
  const fields = own.map((column): [readonly string[], JsonSchema] => [
    column.propertyPath.split('.'),
    schemaOfColumn(column, dataSource.driver as DriverLike),
  ])
  return { title: name, ...objectOf(fields) }
}

/** Properties of embedded entities lie within theirs. */
function objectOf(fields: readonly (readonly [path: readonly string[], schema: JsonSchema])[]): JsonSchema {
  const names = [...new Set(fields.map(([path]) => path[0]!))]
  const schemaOf = (name: string): JsonSchema => {
    const under = fields.filter(([path]) => path[0] === name)
    const [[path, schema]] = under as [(typeof fields)[number]]
    return path.length === 1 ? schema : objectOf(under.map(([inner, of]) => [inner.slice(1), of]))
  }
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, schemaOf(name)])),
    required: names,
    additionalProperties: false,
  }
}

function schemaOfColumn(column: ColumnLike, driver: DriverLike): JsonSchema {
  const { isNullable, isArray, enum: values, length, type } = column
  if (type === 'simple-array') return listOf({ type: 'string' }, isNullable)
  const item: JsonSchema = values ? { enum: values } : named(wordOf(column, driver), length)
  if (isArray) return listOf(item, isNullable)
  if (!isNullable) return item
  if (values) return { enum: [...values, null] }
  return item.type === undefined ? item : { ...item, type: [item.type as string, 'null'] }
}

const listOf = (items: JsonSchema, isNullable: boolean): JsonSchema => ({
  type: isNullable ? ['array', 'null'] : 'array',
  items,
})

function wordOf(column: ColumnLike, driver: DriverLike): string | undefined {
  if (column.type === 'simple-json') return 'json'
  const type = driver.normalizeType(column)
  return columnWord({ name: '', type, length: column.length ?? '' } as never, column as never)
}

/** As a version that is declared by columns says it; nothing is known of a type without a word. */
function named(word: string | undefined, length: string | undefined): JsonSchema {
  if (word === undefined) return {}
  const schema = schemaOfColumns({ it: word as Column }).properties!.it as JsonSchema
  return schema.type === 'string' && word === 'text' && length ? { ...schema, maxLength: Number(length) } : schema
}
